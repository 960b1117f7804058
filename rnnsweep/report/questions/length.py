"""Sequence length."""

from rnnsweep.report.question import Question

RANK = 50

QUESTION = Question(
    name="length",
    title="Sequence length",
    asks="How far does useful context extend?",
    keys=("task.seq_len", "task.max_len", "task.length", "task.carry_state"),
    views=("context",),
)
