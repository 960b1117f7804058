"""Optimizer and learning rate."""

from rnnsweep.report.question import Question

RANK = 70

QUESTION = Question(
    name="rate",
    title="Optimizer and learning rate",
    asks="Which range of learning rates is stable?",
    keys=("optimizer", "optimizer.lr", "optimizer.*", "train.schedule", "train.warmup"),
)
