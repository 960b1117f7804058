"""A small causal transformer (Vaswani et al. 2017), whose state is a cache of keys and values."""

import dataclasses
import math
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import AbstractCell
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.dense import Linear, attention
from rnnsweep.types import Count, DropoutRate, State

LONGEST = 10_000.0  # steps in which the slowest pair of a head turns by a radian


def rotated(x: Float[Tensor, "*batch heads time features"], start: int) -> Float[Tensor, "*batch heads time features"]:
    """Turned by rotary positions from `start` on (Su et al. 2021): products depend on the distance alone."""
    half = x.shape[3] // 2
    exact = torch.promote_types(x.dtype, torch.float32)  # half precision does not tell far positions apart
    frequency = LONGEST ** (-torch.arange(half, device=x.device, dtype=exact) / half)
    angle = torch.arange(start, start + x.shape[2], device=x.device, dtype=exact)[:, None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    left, right = x.chunk(2, -1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], -1)


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)). `width` is that of all heads together."""

    def __init__(self, hidden_size: int, heads: int, width: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)
        self.query_key_value = Linear(hidden_size, 3 * width)
        self.attended = Linear(width, hidden_size)
        self.up, self.down = Linear(hidden_size, 4 * hidden_size), Linear(4 * hidden_size, hidden_size)
        self.attention_dropout, self.mlp_dropout = Dropout(dropout), Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "*batch time hidden"], past: State, visible: Bool[Tensor, "*batch 1 time source"]
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        """The outputs, and the keys and values (batch, source, width) of the past and of x."""
        queries, keys, values = self.query_key_value(self.attention_norm(x)).chunk(3, -1)
        keys, values = torch.cat([past[0], keys], 1), torch.cat([past[1], values], 1)
        turned = rotated(self._split(queries), past[0].shape[1]), rotated(self._split(keys), 0)
        seen = attention(*turned, self._split(values), visible).transpose(1, 2).flatten(2)
        x = x + self.attention_dropout(self.attended(seen))
        return x + self.mlp_dropout(self.down(F.gelu(self.up(self.mlp_norm(x))))), (keys, values)

    def _split(self, x: Tensor) -> Float[Tensor, "*batch heads time features"]:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Transformer(AbstractCell):
    """The decoder of Vaswani et al. 2017 on its own, with norms before (Xiong et al. 2020) and after the last block:

        x += W_o [softmax(q k / sqrt(d)) v of each head]        x += W_2 gelu(W_1 x)

    A step sees the last `context` steps, its own included, so the state has one size: each block's keys and values at
    the `context` - 1 steps before, and whether there was such a step. Positions are rotary, that is relative, and
    keys are kept as they are before they are turned: where a sequence began makes no difference.

    Parameters: hidden * (in + 1) + 2 hidden, and a block hidden * (4 width + 8 hidden + 10) + 3 width, where width is
    hidden_size rounded up to an even number of features a head. State: a block 2 width * (context - 1), and
    context - 1. Parallel over time, `context` steps at once.
    """

    linear_state: ClassVar[bool] = False

    input_size: int = dataclasses.field(kw_only=False)
    """Features of an input step."""
    hidden_size: Count = 256
    """Features of the stream through the blocks, and of the output."""
    num_layers: Count = 2
    """Blocks."""
    heads: Count = 4
    """Heads of a block; each has hidden_size / heads features, rounded up to an even number."""
    context: Count = 128
    """Steps that a step sees in one block, its own included."""
    dropout: DropoutRate = 0.0
    """Share of the features that training drops from what a block adds to the stream."""
    match_params: Count | None = None
    """Parameters of the whole model; run/objects.py chooses the hidden_size that comes nearest."""
    bidirectional: bool = False
    """A second cell reads from the end, where a task reads whole sequences; their outputs are laid side by side."""

    def __post_init__(self) -> None:
        super().__init__()
        self.width = self.heads * 2 * math.ceil(self.hidden_size / self.heads / 2)
        self.embed = Linear(self.input_size, self.hidden_size)
        self.blocks = nn.ModuleList(
            TransformerBlock(self.hidden_size, self.heads, self.width, self.dropout) for _ in range(self.num_layers)
        )
        self.norm = nn.LayerNorm(self.hidden_size)

    def initial_state(self, x: Float[Tensor, "*batch time in"]) -> State:
        cache = x.new_zeros(x.shape[0], self.context - 1, self.width)
        return (*(cache,) * (2 * self.num_layers), cache.new_zeros(x.shape[0], self.context - 1, 1))

    def forward(
        self, x: Float[Tensor, "*batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        outputs = []
        for piece in torch.split(x, self.context, 1):  # longer ones would compute what no step sees
            y, state = self._read(piece, state)
            outputs.append(y)
        return torch.cat(outputs, 1), state

    def _read(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """At most `context` steps; an empty state is one of no steps."""
        *caches, exist = state or (leaf[:, :0] for leaf in self.initial_state(x))
        exist = torch.cat([exist, torch.ones_like(x[:, :, :1])], 1)
        visible, h, after = self._visible(x.shape[1], exist), self.embed(x), State()
        for index, block in enumerate(self.blocks):
            h, cache = block(h, tuple(caches[2 * index : 2 * index + 2]), visible)
            after += cache
        return self.norm(h), tuple(self._last(leaf) for leaf in (*after, exist))

    def _last(self, leaf: Tensor) -> Float[Tensor, "*batch past features"]:
        """The last `context` - 1 steps, zeros before the first one."""
        known = leaf.shape[1]
        return F.pad(leaf, (0, 0, self.context, 0))[:, known + 1 :]

    def _visible(self, time: int, exist: Tensor) -> Bool[Tensor, "*batch 1 time source"]:
        """Which past and present steps each present step sees."""
        source = torch.arange(exist.shape[1], device=exist.device)
        distance = source[-time:, None] - source
        return ((distance >= 0) & (distance < self.context)) & (exist != 0).transpose(1, 2)[:, None]
