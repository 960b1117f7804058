"""From the outputs at all steps to one vector for each sequence. Padded steps never count."""

import abc
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnnsweep.kernels.dense import Linear, linear

PoolingFactory = Callable[[int], "AbstractPooling"]
"""From the number of hidden features to a pooling."""


def mask(lengths: Int[Tensor, "*batch"], time: int) -> Bool[Tensor, "*batch {time}"]:
    """True at the steps that exist, of `time` padded ones."""
    return torch.arange(time, device=lengths.device) < lengths[..., None]


def at_step(h: Float[Tensor, "*batch time features"], steps: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch features"]:
    """One step of each sequence."""
    return h.gather(-2, steps[..., None, None].expand(*steps.shape, 1, h.shape[-1])).squeeze(-2)


class AbstractPooling(nn.Module, abc.ABC):
    """One vector for each padded sequence.

    Args:
        hidden_size: features of the outputs.
    """

    def __init__(self, hidden_size: int, /):
        super().__init__()

    @abc.abstractmethod
    def forward(
        self, h: Float[Tensor, "*batch time hidden"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch hidden"]:
        """Pools over time.

        Args:
            h: the outputs at all steps, padded.
            lengths: how many steps of each sequence exist.

        Returns:
            A vector for each sequence, zeros where no step exists. It must not depend on padded steps, whatever they
            hold.
        """


class Last(AbstractPooling):
    """The output at the last step that exists."""

    def forward(
        self, h: Float[Tensor, "*batch time hidden"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch hidden"]:
        return torch.where((lengths > 0)[..., None], at_step(h, (lengths - 1).clamp(min=0)), 0.0)


class Mean(AbstractPooling):
    """The mean over the steps that exist."""

    def forward(
        self, h: Float[Tensor, "*batch time hidden"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch hidden"]:
        exists = mask(lengths, h.shape[-2])[..., None]
        return torch.where(exists, h, 0.0).sum(-2) / lengths.clamp(min=1)[..., None]


class Max(AbstractPooling):
    """The maximum of each feature over the steps that exist."""

    def forward(
        self, h: Float[Tensor, "*batch time hidden"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch hidden"]:
        highest = torch.where(mask(lengths, h.shape[-2])[..., None], h, -torch.inf).amax(-2)
        return torch.where((lengths > 0)[..., None], highest, 0.0)


class Attention(AbstractPooling):
    """The mean with weights softmax_t(q · tanh(W h_t + b)), q one learned query (Yang et al. 2016, eq. 5-7)."""

    def __init__(self, hidden_size: int, /):
        super().__init__(hidden_size)
        self.project = Linear(hidden_size, hidden_size)
        self.query = nn.Parameter(torch.randn(hidden_size) / hidden_size**0.5)

    def forward(
        self, h: Float[Tensor, "*batch time hidden"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch hidden"]:
        exists = mask(lengths, h.shape[-2])
        h = torch.where(exists[..., None], h, 0.0)  # a weight of 0 times a number that is not finite is NaN
        scores = linear(torch.tanh(self.project(h)), self.query[..., None, :], None).squeeze(-1)
        # the lowest number in place of -inf: where no step exists the weights are equal, and not NaN
        weights = torch.where(exists, scores, torch.finfo(scores.dtype).min).softmax(-1)
        return (weights[..., None] * h).sum(-2)
