"""Gradient clipping."""

from rnnsweep.report.question import Question

RANK = 80

QUESTION = Question(
    name="clip",
    title="Gradient clipping",
    asks="What does clipping change?",
    keys=("train.clip",),
    metrics=("last:train/grad_norm",),
    views=("gradients",),
)
