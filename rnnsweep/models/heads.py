"""Heads: from the features of a step to scores over symbols."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.kernels.chunked import total_cross_entropy
from rnnsweep.kernels.dense import Linear, linear
from rnnsweep.models.embedding import TokenEmbedding


class ScoreHead(Linear):
    """A linear map to scores."""

    def total_loss(
        self, h: Float[Tensor, "*batch hidden"], targets: Int[Tensor, "*batch"], *_: Tensor
    ) -> Float[Tensor, ""]:
        """The cross-entropies of all places together, in nats; not all scores are in memory at a time."""
        return total_cross_entropy(h, self.weight, self.bias, targets)


class TiedHead(nn.Module):
    """Scores against the vectors of the embedding (Press and Wolf 2017; Inan et al. 2017).

    Where the cell has another size than the embedding, a linear map without bias stands between.

    Args:
        hidden_size: features of the cell's output.
        embedding: its weights start smaller, so that the first scores are of the order of 1.
    """

    def __init__(self, hidden_size: int, embedding: TokenEmbedding):
        super().__init__()
        symbols, size = embedding.weight.shape
        nn.init.normal_(embedding.weight, std=size**-0.5)  # so that the first scores are of the order of 1
        self.project = nn.Identity() if hidden_size == size else Linear(hidden_size, size, bias=False)
        self.bias = nn.Parameter(torch.zeros(symbols))

    def forward(
        self, h: Float[Tensor, "*batch hidden"], vectors: Float[Tensor, "vocab in"]
    ) -> Float[Tensor, "*batch vocab"]:
        return linear(self.project(h), vectors, self.bias)

    def total_loss(
        self, h: Float[Tensor, "*batch hidden"], targets: Int[Tensor, "*batch"], vectors: Float[Tensor, "vocab in"]
    ) -> Float[Tensor, ""]:
        """The cross-entropies of all places together, in nats."""
        return total_cross_entropy(self.project(h), vectors, self.bias, targets)
