"""Dropout, zoneout and noise that are functions of (key, position): the same alone, in a stack, after a resume."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnnsweep.types import State

# The finaliser of splitmix64 (Steele, Lea and Flood 2014), written in wrapping int64 arithmetic.
_WEYL = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX2 = 0x94D049BB133111EB - (1 << 64)


_NEXT = 0xD1B54A32D192ED03 - (1 << 64)  # not _WEYL: the counters within a mask go by its multiples


def _shifted(x: Tensor, by: int) -> Tensor:
    return (x >> by) & ((1 << (64 - by)) - 1)  # torch shifts arithmetically, splitmix64 logically


def random_int16(key: Int[Tensor, "*member"], count: int) -> Int[Tensor, "*member count"]:
    """Integers, uniform over the 65,536 values of int16: four from each hashed 64-bit counter.

    Args:
        key: names the sequence; several keys give as many sequences.
        count: how many.
    """
    x = torch.arange(1, math.ceil(count / 4) + 1, device=key.device) * _WEYL + key[..., None]
    x = (x ^ _shifted(x, 30)) * _MIX1
    x = (x ^ _shifted(x, 27)) * _MIX2
    return (x ^ _shifted(x, 31)).view(torch.int16)[..., :count]


class RandomMask(nn.Module):
    """Random booleans. Each member of a stack has its own rate and its own key; a training step begins with a new key.

    The tensors of a stack lead with a member axis; then `key` and `rate` are (member,).

    A mask is a function of the key, of the position in the mask, and of how many masks were drawn since the key was
    set. So a decoder, which calls once a step, draws a new mask at each step.

    Args:
        rate: the share of true values, exact to 1/65,536.
    """

    rate: Tensor
    key: Tensor

    def __init__(self, rate: float):
        super().__init__()
        self.active = rate > 0  # without it the mask costs nothing: a rate of 0 is another program
        self.register_buffer("rate", torch.tensor(float(rate)), persistent=False)
        self.register_buffer("key", torch.tensor(0, dtype=torch.int64), persistent=False)
        self.drawn = 0

    def start(self, key: int | Int[Tensor, ""]) -> None:
        """Sets the key of a training step that begins."""
        self.key.fill_(key)
        self.drawn = 0

    def of_member(self, x: Tensor) -> torch.Size:
        """The shape of one member's part of x."""
        return x.shape[self.key.dim() :]

    def rate_of(self, x: Tensor) -> Tensor:
        """The rate as it multiplies x."""
        return self.rate.view(*self.rate.shape, *[1] * (x.dim() - self.rate.dim()))

    def hits(self, shape: Sequence[int]) -> Bool[Tensor, "*shape"]:
        """A mask that is true in a share `rate` of the places; `shape` is that of one member's."""
        drawn = self.integers(shape)
        threshold = (self.rate_of(drawn) * 65536 - 32768).round().clamp(max=32767).to(torch.int16)
        return drawn < threshold

    def integers(self, shape: Sequence[int]) -> Int[Tensor, "*shape"]:
        """Integers that are uniform over the values of int16; new ones at each call."""
        key = self.key + ((self.drawn * _NEXT + (1 << 63)) % (1 << 64) - (1 << 63))  # in wrapping arithmetic
        self.drawn += 1
        return random_int16(key, math.prod(shape)).view(*key.shape, *shape)


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
        own = self.of_member(x)
        dropped = self.hits((own[0], 1, *own[2:]) if self.over_time else own)
        if self.over_time:
            self.drawn = 0  # the same features in every piece of a sequence
        return x * (~dropped * (1 / (1 - self.rate_of(dropped)))).to(x.dtype)


def adopted(model: nn.Module) -> nn.Module:
    """The model, in which each nn.Dropout is a `Dropout`: torch's own generator knows neither members nor resumes.

    Args:
        model: It is changed in place.
    """
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout and child.p < 1:
                setattr(module, name, Dropout(child.p).train(child.training))
    return model


class DropConnect(RandomMask):
    """In training, drops single weights (Wan et al. 2013; of recurrent matrices, Merity et al. 2018, section 3).

    The others are scaled up. The same ones are dropped at all steps of a sequence, and in every piece of it.
    """

    def forward(self, weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        dropped, self.drawn = self.hits(self.of_member(weight)), 0
        return weight * (~dropped * (1 / (1 - self.rate_of(dropped)))).to(weight.dtype)

    @contextmanager
    def on(self, module: nn.Module, name: str) -> Iterator[None]:
        """A block in which a module's weight of that name is the one with dropped entries."""
        whole = module._parameters[name]
        if not (self.training and self.active) or whole is None:
            yield
            return
        module._parameters[name] = self(whole)
        try:
            yield
        finally:
            module._parameters[name] = whole


class Noise(RandomMask):
    """Gaussian noise of standard deviation `rate`, added in training. No value is above 4.3 standard deviations."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not (self.training and self.active):
            return x
        shares = (self.integers(self.of_member(x)).to(x.dtype) + 32768.5) / 65536
        normal: Tensor = 2**0.5 * torch.erfinv(2 * shares - 1)  # ndtri is not vectorised
        return x + self.rate_of(x).to(x.dtype) * normal


class Zoneout(RandomMask):
    """In training, features of the state keep their value from the step before (Krueger et al. 2017, section 3.2).

    A share `rate` of the features, drawn anew at each step, is kept. In evaluation each feature is the mean of its old
    and its new value, weighted by the rate.
    """

    def masks(self, time: int, state: State) -> Bool[Tensor, "*member time leaves batch hidden"] | None:
        """Which features are kept at each step, for state tensors of one shape; None outside of training."""
        if not (self.training and self.active):
            return None
        return self.hits((time, len(state), *self.of_member(state[0])))

    def forward(self, new: State, old: State, masks: Tensor | None, t: int) -> State:
        """The state after step t of a sequence."""
        if not self.active:
            return new
        if masks is None:
            return tuple(torch.lerp(n, o, self.rate_of(n).to(n)) for n, o in zip(new, old, strict=True))
        return tuple(torch.where(stays, o, n) for stays, n, o in zip(masks[t], new, old, strict=True))
