"""Which language is a name from?"""

import dataclasses
from typing import Any

from jaxtyping import Int
from torch import Tensor

from rnnsweep.tasks import new_data
from rnnsweep.tasks.classification import SymbolClassification
from rnnsweep.tasks.labelled import NamesTask
from rnnsweep.types import Batch, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class NamesClass(NamesTask, SymbolClassification):
    """The class of a name, read character by character; `task.max_len` below the longest truncates."""

    @property
    def class_names(self) -> list[str]:
        return self.classes

    @property
    def symbols(self) -> int:
        return len(self.vocab)

    def encoded(self, examples: list[Any]) -> Batch:
        names = self.checked(examples)
        new_data.tell_unknown(map(self.vocab.unknown, names))
        rows, lengths = self.vocab.padded(names, self.max_len)
        return {"inputs": rows, "lengths": lengths}

    def numbers(self, split: Split) -> tuple[Int[Tensor, "example time"], Int[Tensor, "example"]]:
        return self.vocab.padded(self.texts(split), self.max_len)
