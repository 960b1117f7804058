"""Which words of a training text a model knows."""

import collections
import dataclasses

from rnnsweep.errors import ConfigError
from rnnsweep.vocab import UNK, WordVocab

MOST = 50_000  # different words of a text that does not say what is unknown


@dataclasses.dataclass(frozen=True)
class Limits:
    """Which words of a text become `<unk>`.

    Args:
        min_count: words that occur less often do.
        max_words: at most so many words are kept, the most frequent ones; None: all.
    """

    min_count: int
    max_words: int | None

    def __call__(self, text: str) -> WordVocab:
        """The vocabulary of a training text; of equally frequent words the first by the alphabet comes first.

        Raises:
            ConfigError: no word is left, or there are very many and nothing says which of them are unknown.
        """
        found = collections.Counter(WordVocab.split(text))
        marked = found.pop(UNK, 0)
        words = sorted((word for word in found if found[word] >= self.min_count), key=lambda word: (-found[word], word))
        if not words:
            most = max(found.values(), default=0)
            problem = f"no word of the training text occurs so often; the most frequent one occurs {most:,} times"
            raise ConfigError("task.min_count", problem, ("task.text",))
        if self.max_words is None and self.min_count == 1 and not marked and len(words) > MOST:
            problem = f"the training text has {len(words):,} different words and no `{UNK}`"
            hint = "say how many to keep, as in `task.max_words=20000`, or how often one must occur: `task.min_count=3`"
            raise ConfigError("task.max_words", f"{problem}; {hint}", ("task.text", "task.min_count"))
        return WordVocab(words[: self.max_words])
