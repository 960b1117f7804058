"""Character language modelling: predict the next character, or byte, of a real text."""

import dataclasses
import functools
import math
from typing import Annotated, Any, Literal

from rnnsweep.cells.base import CellFactory
from rnnsweep.data import corpora
from rnnsweep.errors import ConfigError
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks.language import LanguageModel
from rnnsweep.types import LATER, Count, Metric
from rnnsweep.vocab import Bytes, Vocab

KINDS: dict[str, type[Vocab]] = {"characters": Vocab, "bytes": Bytes}


@dataclasses.dataclass(kw_only=True, eq=False)
class CharLM(LanguageModel):
    """Teacher-forced next-character prediction; loss in nats a character.

    The text is split contiguously into train, validation and test, or comes in files of its own for each.
    """

    sections: Count = 1
    """Cut the text into this many equal sections and split each (char-rnn: its batch size); 1: one split."""
    tokens: Annotated[Literal["characters", "bytes"], LATER] = "characters"
    """What a symbol is. bytes: those of the file as they are, \\r\\n kept."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        loss, ppl = super().metrics
        return loss, ppl, Metric("bpc", "bits", "min", (loss.chance or 0.0) / math.log(2))

    @functools.cached_property
    def source(self) -> corpora.TextSource:
        if self.tokens == "bytes" and self.encoding != "utf-8":
            raise ConfigError("task.encoding", "bytes are read as they are, in no encoding; leave it out")
        return corpora.TextSource(
            self.text, self.val_text, self.test_text, None if self.tokens == "bytes" else self.encoding
        )

    @functools.cached_property
    def data(self) -> corpora.SplitText:
        return self.cut_into_parts(self.sections, KINDS[self.tokens].of)

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> ManyToMany:
        self.check_prompts()
        return ManyToMany(
            TokenEmbedding(len(self.vocab), self.embedding_size, self.embedding_dropout),
            cell,
            outputs=len(self.vocab),
            output_dropout=self.output_dropout,
            tie_weights=self.tie_weights,
        )

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        return super().derive(means) | {"bpc": means["loss"] / math.log(2)}

    def assets(self) -> dict[str, Any]:
        return {"vocabulary": self.vocab.symbols}

    def adopt(self, assets: dict[str, Any]) -> None:
        self.vocab = KINDS[self.tokens](assets["vocabulary"])
