"""Depth."""

from rnnsweep.report.question import Question

RANK = 40

QUESTION = Question(
    name="depth",
    title="Depth",
    asks="When do further layers help, and where do gradients vanish or explode without clipping?",
    keys=("cell.num_layers", "cell.residual"),
    metrics=("val/gap",),
    views=("gradients",),
)
