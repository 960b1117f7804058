"""Dropout whose mask is a function of (key, position): the same alone, in a stack, and after a resume."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

# The finaliser of splitmix64 (Steele, Lea and Flood 2014), written in wrapping int64 arithmetic.
_WEYL = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX2 = 0x94D049BB133111EB - (1 << 64)


def _shifted(x: Tensor, by: int) -> Tensor:
    return (x >> by) & ((1 << (64 - by)) - 1)  # torch shifts arithmetically, splitmix64 logically


def random_int16(key: Int[Tensor, ""], count: int) -> Int[Tensor, "count"]:
    """`count` integers, uniform over the 65,536 values of int16: four from each hashed 64-bit counter."""
    x = torch.arange(1, math.ceil(count / 4) + 1, device=key.device) * _WEYL + key
    x = (x ^ _shifted(x, 30)) * _MIX1
    x = (x ^ _shifted(x, 27)) * _MIX2
    return (x ^ _shifted(x, 31)).view(torch.int16)[:count]


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) with a rate and a key per member of a stack.

    The stack writes a new `key` before every training step. The rate is kept to 1/65,536.
    """

    rate: Tensor
    key: Tensor

    def __init__(self, rate: float):
        super().__init__()
        self.active = rate > 0  # a rate of 0 costs nothing, so it is a different program, not a number
        self.register_buffer("rate", torch.tensor(float(rate)), persistent=False)
        self.register_buffer("key", torch.tensor(0, dtype=torch.int64), persistent=False)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not (self.training and self.active):
            return x
        threshold = (self.rate * 65536 - 32768).round().to(torch.int16)
        keep = random_int16(self.key, x.numel()).view(x.shape) >= threshold
        return x * (keep * (1 / (1 - self.rate))).to(x.dtype)
