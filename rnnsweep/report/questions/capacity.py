"""Capacity against generalisation."""

from rnnsweep.report.question import Question

RANK = 20

QUESTION = Question(
    name="capacity",
    title="Capacity against generalisation",
    asks="What does a larger state buy on held-out data, and when does it overfit?",
    keys=("cell.hidden_size",),
    metrics=("val/gap", "val/overfit"),
)
