"""Conditioning on the first step or on every step."""

from rnnsweep.report.question import Question

RANK = 120

QUESTION = Question(
    name="condition",
    title="Conditioning on the first step or on every step",
    asks="Does the model need the condition at every step?",
    keys=("task.condition*",),
    metrics=("val/control*", "val/distinct*"),
)
