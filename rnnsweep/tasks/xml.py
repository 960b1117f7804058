"""Nested tags of random names, the next symbol of which is to be said, as Jozefowicz et al. (2015) compare cells on."""

import dataclasses
import functools
import string
from collections.abc import Iterator
from typing import Annotated

from annotated_types import Ge
from torch import nn

from rnnsweep import rng
from rnnsweep.tasks.answers import AnswerTask
from rnnsweep.types import Batch, Split, Summary
from rnnsweep.vocab import Vocab

VOCAB = Vocab(string.ascii_lowercase + "</>")
SHOWN = 5  # documents on the record


@dataclasses.dataclass(kw_only=True, eq=False)
class XML(AnswerTask):
    """Each symbol of a document of tags from those before it (Jozefowicz et al. 2015, section 3.5).

    "<qd><ubo></ubo><we>" goes on with a new tag or with "</we>", each as likely. The names of new tags are random
    letters, which no model can predict; those of closing tags have to be remembered, the last opened first. `accuracy`
    is
    that of all symbols.
    """

    seq_len: Annotated[int, Ge(12)] = 100
    """Symbols of a document that are read; it is cut there."""
    name_len: Annotated[int, Ge(2)] = 10
    """Letters of the longest names; each length from two is as likely."""

    @property
    def symbol_count(self) -> int:
        return len(VOCAB)

    @functools.cached_property
    def documents(self) -> dict[Split, list[str]]:
        """Each is one symbol longer than the part that is read; no two begin alike."""
        draws, found = rng.uniform(self.seed, "data"), dict[str, str]()
        while len(found) < self.total:
            document = self._document(draws)
            found.setdefault(document[:-1], document)
        return self.split(list(found.values()))

    def _document(self, draws: Iterator[float]) -> str:
        text, opened = "", list[str]()
        while len(text) <= self.seq_len:
            if opened and next(draws) < 0.5:
                text += f"</{opened.pop()}>"
            else:
                letters = 2 + int(next(draws) * (self.name_len - 1))
                opened.append("".join(string.ascii_lowercase[int(next(draws) * 26)] for _ in range(letters)))
                text += f"<{opened[-1]}>"
        return text[: self.seq_len + 1]

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: self._sequences(part) for split, part in self.documents.items()}

    def _sequences(self, documents: list[str]) -> Batch:
        rows, lengths = VOCAB.padded(documents, self.seq_len + 1)
        return {"inputs": rows[:, :-1], "targets": rows[:, 1:], "lengths": lengths - 1}

    def summary(self, model: nn.Module) -> Summary:
        """The first test documents with the model's prediction for each symbol but the first."""
        targets, found, _ = (part.tolist() for part in self.answers(model, SHOWN))
        rows = zip(targets, found, strict=True)
        shown = [{"document": VOCAB.decode(target), "answer": VOCAB.decode(answer)} for target, answer in rows]
        page = "\n".join(f"    {row['document']}\n    {row['answer']}\n" for row in shown)
        return Summary({"documents": shown}, f"# Samples\n\n{page}")
