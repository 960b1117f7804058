"""A class in, a sequence out: embedding of symbol and class, cell, linear head."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory, causal
from rnnsweep.dropout import Dropout
from rnnsweep.kernels import dense
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.types import State

Condition = Literal["first_step", "every_step"]


class OneToMany(nn.Module):
    """Scores over the next symbol at every step, given a class.

    At each step the cell reads the vector of the symbol beside the vector of the class. With `first_step` the class's
    vector is zero after the first step, so that both conditions have the same parameters.

    Args:
        embedding: of the symbols.
        cell: makes the cell from the width of its input.
        classes: how many there are.
        class_size: features of a class's vector.
        condition: when the cell sees the class.
        output_dropout: share of the cell's outputs that training drops before the head.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        cell: CellFactory,
        *,
        classes: int,
        class_size: int,
        condition: Condition,
        output_dropout: float = 0.0,
    ):
        super().__init__()
        symbols, size = embedding.weight.shape
        self.embedding, self.condition = embedding, condition
        self.classes = nn.Parameter(torch.randn(classes, class_size))
        self.cell = causal(cell(size + class_size))
        self.output_dropout = Dropout(output_dropout)
        self.head = dense.Linear(self.cell.hidden_size, symbols)

    def forward(
        self, tokens: Int[Tensor, "*batch time"], labels: Int[Tensor, "*batch"], state: State = ()
    ) -> tuple[Float[Tensor, "*batch time vocab"], State]:
        vectors = dense.embedding(labels, self.classes).unsqueeze(-2)
        vectors = vectors.expand(*tokens.shape, vectors.shape[-1])
        if self.condition == "first_step":
            first = 0 if state else 1  # steps that see the class: a state means that the first is past
            vectors = torch.cat([vectors[..., :first, :], torch.zeros_like(vectors[..., first:, :])], -2)
        h, state = self.cell(torch.cat([self.embedding(tokens), vectors], -1), state)
        scores: Tensor = self.head(self.output_dropout(h))
        return scores, state
