"""Attention."""

from rnnsweep.report.question import Question

RANK = 110

QUESTION = Question(
    name="attention",
    title="Attention",
    asks="How much does it help the decoder to look back at the source?",
    keys=("task.attention", "task.attention_size"),
    metrics=("val/exact*",),
    views=("curves",),
)
