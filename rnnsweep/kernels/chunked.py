"""The cross-entropy of a linear head over many classes, a piece of the steps at a time.

Scores over 10,000 words for 8,192 steps would take 330 MB, and their gradient as much again. Here a piece's share of
the loss and of the gradients is computed from its scores, which are then freed, as in the kernels of Liger and Cut
Cross-Entropy. The result is the sum of all losses. So `backward` only multiplies the gradients by one number.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from rnnsweep.kernels.members import over_members

SCORES = 2**22  # at a time: 16 MB


def total_cross_entropy(
    h: Float[Tensor, "*batch hidden"],
    weight: Float[Tensor, "*member vocab hidden"],
    bias: Float[Tensor, "*member vocab"],
    targets: Int[Tensor, "*batch"],
) -> Float[Tensor, "*member"]:
    """The sum over all places of F.cross_entropy(linear(h, weight, bias), targets), in nats."""
    return over_members(_total, h, weight, bias, targets)[0]


def _total(h: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> tuple[Tensor]:
    return (_Total.apply(h.flatten(1, -2), weight, bias, targets.flatten(1), torch.is_grad_enabled()),)


class _Total(torch.autograd.Function):
    """Of each member: h (member, row, hidden), weight (member, vocab, hidden), bias (member, vocab), targets (member,
    row)."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, differentiated: bool) -> Tensor:
        total = h.new_zeros(len(h), dtype=torch.float32 if h.dtype == torch.bfloat16 else h.dtype)
        gradients = tuple(torch.zeros_like(tensor) for tensor in (h, weight, bias)) if differentiated else ()
        size = max(1, SCORES // weight.shape[1])
        for member in range(len(h)):  # one after the other, so that a member's sums are the same in every stack
            own = tuple(gradient[member] for gradient in gradients)
            for start in range(0, h.shape[1], size):
                piece = slice(start, start + size)
                total[member] += _piece(h[member], weight[member], bias[member], targets[member], piece, own)
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        scaled = [g * slope.view(-1, *[1] * (g.dim() - 1)).to(g.dtype) for g in ctx.saved_tensors]
        return (*scaled, None, None)


def _piece(
    h: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, piece: slice, gradients: tuple[Tensor, ...]
) -> Tensor:
    """The loss of some steps of one member; adds to its gradients."""
    x, wanted = h[piece], targets[piece, None]
    scores = F.linear(x, weight, bias)
    scores = scores.float() if scores.dtype == torch.bfloat16 else scores
    logs = scores.logsumexp(1, keepdim=True)
    loss = (logs - scores.gather(1, wanted)).sum()
    if gradients:
        slopes = scores.sub_(logs).exp_()
        slopes.scatter_add_(1, wanted, torch.full_like(logs, -1.0))
        dh, dweight, dbias = gradients
        dh[piece] = slopes.to(weight.dtype) @ weight
        dweight += slopes.to(x.dtype).T @ x
        dbias += slopes.sum(0)
    return loss
