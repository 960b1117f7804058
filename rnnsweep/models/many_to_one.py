"""One output for a sequence: embedding, cell, pooling over time, linear head."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.dropout import Dropout
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.pooling import PoolingFactory


class ManyToOne(nn.Module):
    """Scores over `outputs` classes for each padded sequence of symbols.

    Args:
        embedding: of the symbols that come in.
        cell: from the embedding's size to the cell.
        pooling: from the cell's size to the pooling over time.
        outputs: how many classes come out.
        output_dropout: share of the pooled features that training drops before the head.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        cell: CellFactory,
        pooling: PoolingFactory,
        *,
        outputs: int,
        output_dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = embedding
        self.cell = cell(embedding.weight.shape[1])
        self.pooling = pooling(self.cell.hidden_size)
        self.output_dropout = Dropout(output_dropout)
        self.head = nn.Linear(self.cell.hidden_size, outputs)

    def forward(
        self, tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch classes"]:
        h, _ = self.cell(self.embedding(tokens), ())  # (batch, time, hidden)
        scores: Tensor = self.head(self.output_dropout(self.pooling(h, lengths)))
        return scores
