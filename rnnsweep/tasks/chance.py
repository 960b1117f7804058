"""Chance levels: what the best constant answer reaches, measured on the training examples."""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from rnnsweep.types import Metric


def labelled(labels: Int[Tensor, "label"]) -> tuple[Metric, Metric]:
    """The cross-entropy in nats and the accuracy of answers that are labels.

    By chance: the entropy of the labels, and the share of the most frequent one.
    """
    counts = torch.bincount(labels)
    shares = counts[counts > 0].double() / len(labels)
    entropy = -(shares * shares.log()).sum().item()
    return Metric("loss", "nats", "min", entropy), Metric("accuracy", "share", "max", shares.max().item())


def squared(targets: Shaped[Tensor, "example"]) -> Metric:
    """The mean squared error of answers that are numbers. By chance: the variance of the targets."""
    return Metric("loss", "MSE", "min", targets.double().var(correction=0).item())
