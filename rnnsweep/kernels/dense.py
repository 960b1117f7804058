"""torch's dense functions, with an own way for a stack: under torch.vmap they see all members at once.

vmap's own way is slower (it multiplies sequence by sequence and scatters one symbol at a time), and sums in an order
that depends on the number of members; here a member's numbers do not. What a fused layer gives lies in memory with
time before batch, and is left so.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.kernels import blas, execution, fused
from rnnsweep.kernels.members import in_stack, mean, over_members


def linear(x: Float[Tensor, "*batch in"], weight: Float[Tensor, "*member out in"], bias: Tensor | None) -> Tensor:
    """F.linear."""
    return over_members(_linear, x, weight, bias)[0] if in_stack(x, weight) else F.linear(x, weight, bias)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor]:
    time_first = _lies_time_first(x)
    x = x.transpose(1, 2) if time_first else x
    flat = x.flatten(1, -2)  # (member, rows, in)
    if _compiled(x):
        out = _Affine.apply(flat, weight, bias)
    elif bias is None:
        out = torch.bmm(flat, weight.mT)
    else:
        out = torch.baddbmm(bias[:, None], flat, weight.mT)
    out = out.view(*x.shape[:-1], -1)
    return (out.transpose(1, 2) if time_first else out,)


class Linear(nn.Linear):
    """nn.Linear."""

    def forward(self, x: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        return linear(x, self.weight, self.bias)


class LayerNorm(nn.LayerNorm):
    """nn.LayerNorm over the last axis."""

    def forward(self, x: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        if self.weight.dim() == 1:
            return super().forward(x)
        between = [1] * (x.dim() - 2)  # the axes of x between member and features
        gain, shift = (tensor.view(len(tensor), *between, -1) for tensor in (self.weight, self.bias))
        return F.layer_norm(x, self.normalized_shape, eps=self.eps) * gain + shift


def embedding(tokens: Int[Tensor, "*batch"], weight: Float[Tensor, "*member vocab in"]) -> Float[Tensor, "*batch in"]:
    """F.embedding."""
    return over_members(_embedding, tokens, weight)[0] if in_stack(weight) else F.embedding(tokens, weight)


def _embedding(tokens: Tensor, weight: Tensor) -> tuple[Tensor]:
    if tokens.dim() == 3 and _compiled(weight):
        return (_Embedding.apply(tokens.transpose(1, 2), weight).transpose(1, 2),)
    return (F.embedding(_places(tokens, weight), weight.flatten(0, 1)),)


def _places(tokens: Tensor, weight: Tensor) -> Tensor:
    """The rows of all members' vectors, laid end to end, that the tokens name."""
    members, vocab, _ = weight.shape
    first = torch.arange(0, members * vocab, vocab, device=tokens.device)
    return tokens + first.view(-1, *[1] * (tokens.dim() - 1))


def cross_entropy(scores: Float[Tensor, "*batch classes"], targets: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """F.cross_entropy of each place, in nats; the classes are the last axis."""
    if in_stack(scores, targets):
        return over_members(_cross_entropy, scores, targets)[0]
    return F.cross_entropy(scores.movedim(-1, 1), targets, reduction="none")


def mean_cross_entropy(
    scores: Float[Tensor, "*batch classes"], targets: Int[Tensor, "*batch"]
) -> Float[Tensor, "*member"]:
    """The mean of `cross_entropy` over all places."""
    if in_stack(scores, targets):
        return mean(over_members(_cross_entropy, scores, targets)[0])
    return F.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))


def _cross_entropy(scores: Tensor, targets: Tensor) -> tuple[Tensor]:
    time_first = _lies_time_first(scores)
    scores, targets = (scores.transpose(1, 2), targets.transpose(1, 2)) if time_first else (scores, targets)
    each = F.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1), reduction="none")
    each = each.view(targets.shape)
    return (each.transpose(1, 2).contiguous() if time_first else each,)


def attention(
    queries: Float[Tensor, "*batch heads time features"],
    keys: Float[Tensor, "*batch heads source features"],
    values: Float[Tensor, "*batch heads source features"],
    visible: Bool[Tensor, "*batch heads_or_1 time source"],
) -> Float[Tensor, "*batch heads time features"]:
    """F.scaled_dot_product_attention to what is visible."""
    return over_members(_attention, queries, keys, values, visible)[0]


def _attention(queries: Tensor, keys: Tensor, values: Tensor, visible: Tensor) -> tuple[Tensor]:
    q, k, v, mask = (tensor.flatten(0, 1) for tensor in (queries, keys, values, visible))
    return (F.scaled_dot_product_attention(q, k, v, attn_mask=mask).view(queries.shape),)


def _lies_time_first(x: Tensor) -> bool:
    """Whether (member, batch, time, features) is the transposed view of what a fused layer has written."""
    # a member's own: several members' outputs lie apart, one's do not, and both must be summed in the same order
    return x.dim() == 4 and not x[0].is_contiguous() and x[0].transpose(0, 1).is_contiguous()


def _compiled(x: Tensor) -> bool:
    """Whether the compiled functions are to be used; they belong to the fused execution."""
    return execution() == "fused" and fused.serves(x)


class _Affine(torch.autograd.Function):
    """x weight^T + bias of each member: x (member, rows, in), weight (member, out, in), bias (member, out)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        from rnnsweep.kernels import affine

        x, there = x.detach().contiguous(), bias is not None
        y = x.new_empty(*x.shape[:2], weight.shape[1])
        bias = x.new_zeros(weight.shape[:2]) if bias is None else bias
        arrays = [_array(tensor) for tensor in (x, weight.mT, bias, y)]
        with blas.one_thread():
            affine.AFFINE(blas.address(x.dtype == torch.float64), *arrays)
        ctx.save_for_backward(x, weight)
        ctx.biased = there
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        from rnnsweep.kernels import affine

        x, weight = ctx.saved_tensors
        dx, dweight, dbias = torch.empty_like(x), x.new_empty(weight.shape), x.new_empty(weight.shape[:2])
        before, after = [_array(t) for t in (dy, x, weight)], [_array(t) for t in (dx, dweight, dbias)]
        wanted = bool(ctx.needs_input_grad[0])
        with blas.one_thread():
            affine.AFFINE_BACK(blas.address(x.dtype == torch.float64), *before, wanted, *after)
        return dx if wanted else None, dweight, dbias if ctx.biased else None


class _Embedding(torch.autograd.Function):
    """The vectors of tokens (member, *rows) from weight (member, vocab, in)."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(tokens, weight)
        return F.embedding(_places(tokens, weight).contiguous(), weight.flatten(0, 1))

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[None, Tensor]:
        from rnnsweep.kernels import affine

        tokens, weight = ctx.saved_tensors
        dweight = weight.new_zeros(weight.shape)
        affine.SCATTER(_array(tokens.flatten(1)), _array(dy.flatten(1, -2)), dweight.numpy())
        return None, dweight


def _array(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()
