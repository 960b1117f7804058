"""An output at every step: embedding, cell, linear head."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory, causal
from rnnsweep.dropout import Dropout
from rnnsweep.models.embedding import Features, TokenEmbedding
from rnnsweep.models.heads import AdaptiveHead, ScoreHead, TiedHead
from rnnsweep.types import State


class ManyToMany(nn.Module):
    """Scores over `outputs` classes at every step of a sequence.

    Args:
        embedding: of the input symbols, or Features.
        cell: makes the cell from the embedding's size.
        outputs: how many classes there are; with tied weights, the symbols.
        output_dropout: share of the cell's outputs that training drops before the head.
        tie_weights: the head scores against the embedding's vectors.
        over_time: that dropout drops a feature at all steps of a sequence or at none.
        cutoffs: of an adaptive softmax; None: a full one.
    """

    def __init__(
        self,
        embedding: TokenEmbedding | Features,
        cell: CellFactory,
        *,
        outputs: int,
        output_dropout: float = 0.0,
        tie_weights: bool = False,
        over_time: bool = False,
        cutoffs: list[int] | None = None,
    ):
        super().__init__()
        self.embedding = embedding
        self.cell = causal(cell(embedding.size))
        self.output_dropout = Dropout(output_dropout, over_time)
        width = self.cell.hidden_size
        if tie_weights and isinstance(embedding, TokenEmbedding):
            self.head: TiedHead | ScoreHead | AdaptiveHead = TiedHead(width, embedding)
        elif cutoffs is not None:
            self.head = AdaptiveHead(width, outputs, cutoffs)
        else:
            self.head = ScoreHead(width, outputs)

    def forward(
        self, steps: Int[Tensor, "*batch time"] | Float[Tensor, "*batch time in"], state: State = ()
    ) -> tuple[Float[Tensor, "*batch time classes"], State]:
        h, state = self._hidden(steps, state)
        return self.head(h, *self._vectors), state

    def total_loss(
        self, steps: Int[Tensor, "*batch time"], targets: Int[Tensor, "*batch time"], state: State
    ) -> tuple[Float[Tensor, "*member"], State]:
        """The sum of the cross-entropies of all steps, in nats, and the state; it takes less memory than `forward`."""
        h, state = self._hidden(steps, state)
        return self.head.total_loss(h, targets, *self._vectors), state

    def _hidden(self, steps: Tensor, state: State) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        h, state = self.cell(self.embedding(steps), state)
        return self.output_dropout(h), state

    @property
    def _vectors(self) -> tuple[Tensor, ...]:
        """The embedding's vectors, where the head scores against them."""
        if isinstance(self.head, TiedHead) and isinstance(self.embedding, TokenEmbedding):
            return (self.embedding.weight,)
        return ()
