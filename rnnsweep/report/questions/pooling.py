"""Pooling, truncation, direction."""

from rnnsweep.report.question import Question

RANK = 90

QUESTION = Question(
    name="pooling",
    title="Pooling, truncation, direction",
    asks="What is the best way to turn a sequence into one vector?",
    keys=("pooling", "pooling.*", "task.truncat*", "*.bidirectional"),
    metrics=("val/accuracy", "val/macro_f1"),
)
