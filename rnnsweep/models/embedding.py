"""Embeddings: from symbols or numbers to the features that a cell reads."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.dropout import DropConnect, Dropout, Noise
from rnnsweep.kernels.dense import embedding


class Features(nn.Module):
    """Steps of real numbers, read as they are; in training with Gaussian noise.

    Args:
        size: numbers of a step.
        noise: the standard deviation of the noise.
    """

    def __init__(self, size: int, noise: float = 0.0):
        super().__init__()
        self.size = size
        self.noise = Noise(noise)

    def forward(self, x: Float[Tensor, "*batch time in"]) -> Float[Tensor, "*batch time in"]:
        noisy: Tensor = self.noise(x)
        return noisy


class TokenEmbedding(nn.Module):
    """A vector for each symbol.

    Args:
        symbols: how many there are.
        size: features of a vector.
        dropout: share of the embedded features that training drops.
        over_time: drop a feature at all steps of a sequence or at none.
        word_dropout: share of the symbols whose vectors training drops, wherever they stand in a batch (Gal and
            Ghahramani 2016, section 4.3); the others are scaled up.
    """

    def __init__(
        self, symbols: int, size: int, dropout: float = 0.0, over_time: bool = False, word_dropout: float = 0.0
    ):
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.randn(symbols, size))
        self.dropout = Dropout(dropout, over_time)
        self.word_dropout = DropConnect(word_dropout)

    def forward(self, tokens: Int[Tensor, "*batch time"]) -> Float[Tensor, "*batch time in"]:
        embedded = embedding(tokens, self.weight)
        if self.training and self.word_dropout.active:
            kept = self.word_dropout(torch.ones_like(self.weight[..., :1]))
            embedded = embedded * embedding(tokens, kept.detach())
        dropped: Tensor = self.dropout(embedded)
        return dropped
