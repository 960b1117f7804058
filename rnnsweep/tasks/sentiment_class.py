"""Is a short opinion positive or negative? Read word by word."""

import dataclasses
import functools
from typing import Annotated, Any, ClassVar

from jaxtyping import Int
from torch import Tensor, nn

from rnnsweep.data import sentiment
from rnnsweep.data.bag import BagOfSymbols
from rnnsweep.tasks import new_data
from rnnsweep.tasks.classification import SymbolClassification
from rnnsweep.tasks.labelled import LabelledTask
from rnnsweep.types import MADE_UP, Batch, Count, Metric, Split, Summary
from rnnsweep.vocab import Words


@dataclasses.dataclass(kw_only=True, eq=False)
class SentimentClass(LabelledTask, SymbolClassification):
    """The sentiment of a snippet in lower case, the user's or from a grammar with negation and contrast.

    In the grammar the words of a positive opinion are those of a negative one in another order: what logistic
    regression over a bag of words reaches stands in the record, `bag_of_words`, beside the model's accuracy.
    """

    symbol: ClassVar[str] = "words"

    examples: Annotated[Count, MADE_UP] = 8000
    """Snippets to make up where there is no path."""
    max_len: Count = 24
    """Words of a snippet that are read; longer ones are cut."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return *super().metrics, Metric("bag_of_words", "share", None)

    def made_up(self) -> list[tuple[str, str]]:
        return sentiment.opinions(self.examples, self.seed)

    def symbols_of(self, text: str) -> list[str]:
        return text.split()

    def cut(self, text: str) -> str:
        return " ".join(text.lower().split()[: self.max_len])

    def is_cut(self, text: str) -> bool:
        return len(text.split()) > self.max_len

    @property
    def class_names(self) -> list[str]:
        return self.classes

    @functools.cached_property
    def vocab(self) -> Words:
        """The words of the training snippets, or of the grammar."""
        return Words((sentiment.WORDS if self.path is None else " ".join(self.texts("train"))).split())

    @property
    def symbols(self) -> int:
        return len(self.vocab)

    def encoded(self, examples: list[Any]) -> Batch:
        words = [text.split() for text in self.checked(examples)]
        new_data.tell_unknown(map(self.vocab.unknown, words))
        rows, lengths = self.vocab.padded(words, self.max_len)
        return {"inputs": rows, "lengths": lengths}

    def numbers(self, split: Split) -> tuple[Int[Tensor, "example time"], Int[Tensor, "example"]]:
        return self.vocab.padded([text.split() for text in self.texts(split)], self.max_len)

    def summary(self, model: nn.Module) -> Summary:
        shown = super().summary(model)
        if not self.size("test"):
            return shown
        parts = {split: (*self.numbers(split), self.labels(split)) for split in ("train", "test")}
        bag = BagOfSymbols(*parts["train"], self.symbols, len(self.classes)).accuracy(*parts["test"])
        line = f"Logistic regression over a bag of words gives {bag:.4f} of the test its class."
        return Summary(shown.data, f"{shown.page}\n{line}\n", shown.metrics | {"bag_of_words": bag})

    def assets(self) -> dict[str, Any]:
        return {"words": self.vocab.words, "classes": self.classes}

    def adopt(self, assets: dict[str, Any]) -> None:
        self.vocab, self.classes = Words(assets["words"]), list(assets["classes"])
