"""One output for a sequence: embedding or features, cell, pooling over time, linear head."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.dense import Linear
from rnnsweep.models.embedding import Features, TokenEmbedding
from rnnsweep.models.encoder import Encoder
from rnnsweep.pooling import PoolingFactory


class ManyToOne(nn.Module):
    """Scores over `outputs` classes for each padded sequence.

    Args:
        embedding: of the input symbols, or Features.
        cell: makes the cell from the embedding's size.
        pooling: makes the pooling over time from the cell's size.
        outputs: how many numbers come out: a score for each class, or the numbers to predict.
        output_dropout: share of the pooled features that training drops before the head.
    """

    def __init__(
        self,
        embedding: TokenEmbedding | Features,
        cell: CellFactory,
        pooling: PoolingFactory,
        *,
        outputs: int,
        output_dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = embedding
        self.reader = Encoder(cell, embedding.size)  # checkpoints and the keys of dropout masks know it by this name
        self.pooling = pooling(self.reader.width)
        self.output_dropout = Dropout(output_dropout)
        self.head = Linear(self.reader.width, outputs)

    def forward(
        self, steps: Int[Tensor, "*batch time"] | Float[Tensor, "*batch time in"], lengths: Int[Tensor, "*batch"]
    ) -> Float[Tensor, "*batch classes"]:
        h = self.reader(self.embedding(steps), lengths)  # (batch, time, width)
        scores: Tensor = self.head(self.output_dropout(self.pooling(h, lengths)))
        return scores
