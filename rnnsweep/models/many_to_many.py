"""An output at every step: embedding, cell, linear head."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory, causal
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.dense import Linear, linear
from rnnsweep.models.embedding import Features, TokenEmbedding
from rnnsweep.types import State


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


class ManyToMany(nn.Module):
    """Scores over `outputs` classes at every step of a sequence.

    Args:
        embedding: of the input symbols, or Features.
        cell: makes the cell from the embedding's size.
        outputs: how many classes there are; with tied weights, the symbols.
        output_dropout: share of the cell's outputs that training drops before the head.
        tie_weights: the head scores against the embedding's vectors.
    """

    def __init__(
        self,
        embedding: TokenEmbedding | Features,
        cell: CellFactory,
        *,
        outputs: int,
        output_dropout: float = 0.0,
        tie_weights: bool = False,
    ):
        super().__init__()
        self.embedding = embedding
        self.cell = causal(cell(embedding.size))
        self.output_dropout = Dropout(output_dropout)
        width = self.cell.hidden_size
        if tie_weights and isinstance(embedding, TokenEmbedding):
            self.head: nn.Module = TiedHead(width, embedding)
        else:
            self.head = Linear(width, outputs)

    def forward(
        self, steps: Int[Tensor, "batch time"] | Float[Tensor, "batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "batch time classes"], State]:
        h, state = self.cell(self.embedding(steps), state)  # (batch, time, hidden)
        h = self.output_dropout(h)
        tied = (self.embedding.weight,) if isinstance(self.head, TiedHead) else ()
        return self.head(h, *tied), state
