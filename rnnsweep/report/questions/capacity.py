"""Capacity against generalisation."""

from rnnsweep.report.question import Question

RANK = 20

QUESTION = Question(
    name="capacity",
    title="Capacity against generalisation",
    asks="How much does a larger state improve the result on held-out data, and when does it overfit?",
    keys=("cell.hidden_size",),
    metrics=("val/gap", "val/overfit"),
)
