"""Word-level language modelling: predict the next word of a real text, as in Mikolov et al. 2010."""

import dataclasses
import functools
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.data import corpora
from rnnsweep.data.wordlists import Limits
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks.language import LanguageModel
from rnnsweep.types import Batch, Count, DropoutRate, Metric, Metrics, Positive, State
from rnnsweep.vocab import WordVocab

OPENING = 3  # words of a line that a sample begins with


@dataclasses.dataclass(kw_only=True, eq=False)
class WordLM(LanguageModel):
    """Teacher-forced prediction of the next word; loss in nats a word, `ppl` is the perplexity per word.

    A word is what stands between blanks; a line ends with the word `<eos>`. Words that the text marks as `<unk>`, rare
    ones by `min_count` and `max_words`, and words of other parts that the training part lacks are the one word `<unk>`,
    which is predicted as any other.
    """

    min_count: Count = 1
    """Words that occur less often in the training part are `<unk>`."""
    max_words: Count | None = None
    """So many of the most frequent words are kept, the others are `<unk>`; None: all."""
    word_dropout: DropoutRate = 0.0
    """Share of the vocabulary's words whose vectors are dropped in training, wherever they stand in a batch."""
    variational: bool = False
    """Dropout of embedded features and of outputs drops the same features at all steps of a window."""
    init_range: Positive | None = 0.1
    """Embedding and head start uniform in ± this, the head's biases at 0; None: as `charlm`'s do."""

    @functools.cached_property
    def data(self) -> corpora.SplitText:
        limits = Limits(self.min_count, self.max_words)
        return corpora.split(self.source, 1, self.val_fraction, self.test_fraction, limits)

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> ManyToMany:
        self.check_prompts()
        symbols, over_time = len(self.vocab), self.variational
        model = ManyToMany(
            TokenEmbedding(symbols, self.embedding_size, self.embedding_dropout, over_time, self.word_dropout),
            cell,
            outputs=symbols,
            output_dropout=self.output_dropout,
            tie_weights=self.tie_weights,
            over_time=over_time,
        )
        if self.init_range is not None:
            self._start(model, self.init_range)
        return model

    @staticmethod
    def _start(model: ManyToMany, bound: float) -> None:
        for module in (model.embedding, model.head):
            for name, parameter in module.named_parameters():
                nn.init.zeros_(parameter) if name == "bias" else nn.init.uniform_(parameter, -bound, bound)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, ""], Metrics, State]:
        assert isinstance(model, ManyToMany)
        total, state = model.total_loss(batch["inputs"], batch["targets"], state)
        count = torch.full((), float(batch["targets"].numel()), device=total.device)
        return total / count, {"loss": (total.detach(), count)}, state

    @property
    def metrics(self) -> tuple[Metric, ...]:
        loss, ppl = super().metrics
        return loss, dataclasses.replace(ppl, unit="per word")

    def openings(self) -> list[str]:
        """The first words of four lines of the validation part, all of them known."""
        lines = [line.split()[:OPENING] for line in self.data.parts["val"][0].split("\n")]
        whole = [" ".join(line) for line in lines if len(line) == OPENING]
        known = [line for line in whole if not self.vocab.unknown(line)]
        return (
            [known[i * len(known) // 4] for i in range(4)] if len(known) >= 4 else [self.vocab.decode([1]).strip(" ")]
        )

    def assets(self) -> dict[str, Any]:
        return {"vocabulary": list(self.vocab.symbols)}

    def adopt(self, assets: dict[str, Any]) -> None:
        self.vocab = WordVocab(assets["vocabulary"])
