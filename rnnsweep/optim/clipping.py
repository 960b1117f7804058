"""Clipping the gradients of each member by their norm."""

import torch
from jaxtyping import Float
from torch import Tensor

from rnnsweep.optim.base import Column, Rows


def clip_(gradients: Rows, limits: Column | None) -> Float[Tensor, "member"]:
    """Scales each row to a norm of at most its limit, in place (Pascanu et al. 2013, algorithm 1).

    The factor is that of torch.nn.utils.clip_grad_norm_.

    Args:
        gradients: a row for each member.
        limits: the largest norm of each row; None: no row is scaled.

    Returns:
        The norms before.
    """
    # row by row: torch sums the rows of a matrix in an order that depends on how many there are
    norms = torch.stack([torch.linalg.vector_norm(row) for row in gradients.unbind()])
    if limits is not None:
        gradients.mul_((limits / (norms[:, None] + 1e-6)).clamp(max=1.0))
    return norms
