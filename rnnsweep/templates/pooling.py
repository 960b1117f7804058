"""new_pooling: say in a line what it makes of a sequence."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnsweep.pooling import AbstractPooling, mask
from rnnsweep.types import Positive


class NewPooling(AbstractPooling):
    """The mean over the steps that exist, each feature divided by `scale`: put your formula here."""

    def __init__(self, hidden_size: int, /, *, scale: Positive = 2.0):
        super().__init__(hidden_size)
        self.scale = scale

    def forward(
        self, h: Float[Tensor, "*batch time hidden"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch hidden"]:
        exists = mask(lengths, h.shape[-2])[..., None]
        total = torch.where(exists, h, 0.0).sum(-2)
        return total / lengths.clamp(min=1)[..., None] / self.scale
