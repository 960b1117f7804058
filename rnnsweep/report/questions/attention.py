"""Attention."""

from rnnsweep.report.question import Question

RANK = 110

QUESTION = Question(
    name="attention",
    title="Attention",
    asks="What does looking back at the source buy the decoder?",
    keys=("task.attention", "task.attention_size"),
    metrics=("val/exact*",),
    views=("curves",),
)
