"""An output at every step: embedding, cell, linear head."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import CellFactory
from rnnsweep.dropout import Dropout
from rnnsweep.types import State


class TokenEmbedding(nn.Module):
    """Symbols to vectors, with dropout on the vectors' entries."""

    def __init__(self, symbols: int, size: int, dropout: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(symbols, size))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time in"]:
        embedded: Tensor = self.dropout(F.embedding(tokens, self.weight))
        return embedded


class TiedHead(nn.Module):
    """Scores against the embedding's own vectors (Press and Wolf 2017; Inan et al. 2017).

    Where the cell is of another size than the embedding, a linear map without bias goes between.
    """

    def __init__(self, hidden_size: int, embedding: TokenEmbedding):
        super().__init__()
        symbols, size = embedding.weight.shape
        nn.init.normal_(embedding.weight, std=size**-0.5)  # so that the first scores are of the order of 1
        self.project = nn.Identity() if hidden_size == size else nn.Linear(hidden_size, size, bias=False)
        self.bias = nn.Parameter(torch.zeros(symbols))

    def forward(
        self, h: Float[Tensor, "*batch hidden"], vectors: Float[Tensor, "vocab in"]
    ) -> Float[Tensor, "*batch vocab"]:
        return F.linear(self.project(h), vectors, self.bias)


class ManyToMany(nn.Module):
    """Scores over `outputs` classes at every step of a sequence of symbols.

    Args:
        cell: from the embedding's size to the cell.
        symbols: how many symbols come in.
        outputs: how many classes come out; with tied weights, the symbols.
        embedding_size: features of an embedded symbol.
        embedding_dropout: share of the embedded features that training drops.
        output_dropout: share of the cell's outputs that training drops before the head.
        tie_weights: the head scores against the embedding's vectors.
    """

    def __init__(
        self,
        cell: CellFactory,
        *,
        symbols: int,
        outputs: int,
        embedding_size: int,
        embedding_dropout: float = 0.0,
        output_dropout: float = 0.0,
        tie_weights: bool = False,
    ):
        super().__init__()
        self.embedding = TokenEmbedding(symbols, embedding_size, embedding_dropout)
        self.cell = cell(embedding_size)
        self.output_dropout = Dropout(output_dropout)
        width = self.cell.hidden_size
        self.tied = TiedHead(width, self.embedding) if tie_weights else None
        self.head = None if tie_weights else nn.Linear(width, outputs)

    def forward(
        self, tokens: Int[Tensor, "batch time"], state: State = ()
    ) -> tuple[Float[Tensor, "batch time classes"], State]:
        h, state = self.cell(self.embedding(tokens), state)  # (batch, time, hidden)
        h = self.output_dropout(h)
        scores = self.head(h) if self.head is not None else self._tied_scores(h)
        return scores, state

    def _tied_scores(self, h: Tensor) -> Tensor:
        assert self.tied is not None
        scores: Tensor = self.tied(h, self.embedding.weight)
        return scores
