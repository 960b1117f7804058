"""Dropout, zoneout and noise that are functions of (key, position): the same alone, in a stack, after a resume."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnnsweep.types import State

# The finaliser of splitmix64 (Steele, Lea and Flood 2014), written in wrapping int64 arithmetic.
_WEYL = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX2 = 0x94D049BB133111EB - (1 << 64)


_NEXT = 0xD1B54A32D192ED03 - (1 << 64)  # apart from _WEYL, by whose multiples a mask's counters go


def _shifted(x: Tensor, by: int) -> Tensor:
    return (x >> by) & ((1 << (64 - by)) - 1)  # torch shifts arithmetically, splitmix64 logically


def random_int16(key: Int[Tensor, ""], count: int) -> Int[Tensor, "count"]:
    """`count` integers, uniform over the 65,536 values of int16: four from each hashed 64-bit counter."""
    x = torch.arange(1, math.ceil(count / 4) + 1, device=key.device) * _WEYL + key
    x = (x ^ _shifted(x, 30)) * _MIX1
    x = (x ^ _shifted(x, 27)) * _MIX2
    return (x ^ _shifted(x, 31)).view(torch.int16)[:count]


class RandomMask(nn.Module):
    """Booleans with a rate and a key per member of a stack, which writes a new `key` before every training step.

    The rate is kept to 1/65,536. A mask is a function of the key, the position in it, and how many were drawn since
    the key was written: who calls step by step, as a decoder does, draws a new one at each step.
    """

    rate: Tensor
    key: Tensor

    def __init__(self, rate: float):
        super().__init__()
        self.active = rate > 0  # a rate of 0 costs nothing, so it is a different program, not a number
        self.register_buffer("rate", torch.tensor(float(rate)), persistent=False)
        self.register_buffer("key", torch.tensor(0, dtype=torch.int64), persistent=False)
        self.drawn = 0

    def start(self, key: int) -> None:
        """The key of a training step that begins."""
        self.key.fill_(key)
        self.drawn = 0

    def hits(self, shape: Sequence[int]) -> Bool[Tensor, "*shape"]:
        """True in a share `rate` of the places."""
        threshold = (self.rate * 65536 - 32768).round().clamp(max=32767).to(torch.int16)
        return self.integers(shape) < threshold

    def integers(self, shape: Sequence[int]) -> Int[Tensor, "*shape"]:
        """Uniform over the values of int16, new ones at each call."""
        key = self.key + ((self.drawn * _NEXT + (1 << 63)) % (1 << 64) - (1 << 63))  # in wrapping arithmetic
        self.drawn += 1
        return random_int16(key, math.prod(shape)).view(*shape)


class Dropout(RandomMask):
    """Inverted dropout (Srivastava et al. 2014).

    Args:
        rate: share of the features dropped in training.
        over_time: drop a feature of x (batch, time, features) at all steps of a sequence or at none.
    """

    def __init__(self, rate: float, over_time: bool = False):
        super().__init__(rate)
        self.over_time = over_time

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not (self.training and self.active):
            return x
        dropped = self.hits((x.shape[0], 1, *x.shape[2:]) if self.over_time else x.shape)
        if self.over_time:
            self.drawn = 0  # the same features in every piece of a sequence
        return x * (~dropped * (1 / (1 - self.rate))).to(x.dtype)


class Noise(RandomMask):
    """Gaussian noise of the standard deviation `rate`, added in training; none is larger than 4.3 of them."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not (self.training and self.active):
            return x
        shares = (self.integers(x.shape).to(x.dtype) + 32768.5) / 65536
        normal: Tensor = 2**0.5 * torch.erfinv(2 * shares - 1)  # ndtri is not vectorised
        return x + self.rate.to(x.dtype) * normal


class Zoneout(RandomMask):
    """Features of a state that stay as they were at the step before (Krueger et al. 2017, section 3.2).

    In training a share `rate` of them, drawn anew at each step; in evaluation each moves its expected way.
    """

    def masks(self, time: int, state: State) -> Bool[Tensor, "time leaves batch hidden"] | None:
        """Which features stay at each step, for leaves of one shape; None outside of training."""
        if not (self.training and self.active):
            return None
        return self.hits((time, len(state), *state[0].shape))

    def forward(self, new: State, old: State, masks: Tensor | None, t: int) -> State:
        """The state after step t of a sequence."""
        if not self.active:
            return new
        if masks is None:
            return tuple(torch.lerp(n, o, self.rate.to(n)) for n, o in zip(new, old, strict=True))
        return tuple(torch.where(stays, o, n) for stays, n, o in zip(masks[t], new, old, strict=True))
