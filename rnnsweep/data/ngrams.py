"""A classifier of short texts that shares nothing with the networks: naive Bayes over character n-grams."""

import collections
import math

LENGTHS = (1, 2, 3, 4)


class NaiveBayes:
    """Multinomial naive Bayes (McCallum and Nigam 1998) over the n-grams of a text with its ends marked.

    Additive smoothing of .1; classes as frequent as in the training texts.
    """

    def __init__(self, texts: list[str], labels: list[int]):
        self.counts: dict[int, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for text, label in zip(texts, labels, strict=True):
            self.counts[label].update(_grams(text))
        known = len(set().union(*self.counts.values()))
        frequency = collections.Counter(labels)
        self.priors = {label: math.log(count / len(labels)) for label, count in frequency.items()}
        self.totals = {label: math.log(counts.total() + 0.1 * known) for label, counts in self.counts.items()}

    def classify(self, text: str) -> int:
        """The likeliest class."""
        grams = _grams(text)
        return max(self.priors, key=lambda label: self._score(label, grams))

    def _score(self, label: int, grams: list[str]) -> float:
        counts = self.counts[label]
        return (
            self.priors[label] + sum(math.log(counts[gram] + 0.1) for gram in grams) - len(grams) * self.totals[label]
        )

    def recalls(self, texts: list[str], labels: list[int]) -> dict[int, float]:
        """The share of each class's texts that it gives to the class."""
        right: dict[int, list[bool]] = collections.defaultdict(list)
        for text, label in zip(texts, labels, strict=True):
            right[label].append(self.classify(text) == label)
        return {label: sum(each) / len(each) for label, each in right.items()}


def _grams(text: str) -> list[str]:
    marked = f"\x02{text.casefold()}\x03"
    return [marked[i : i + n] for n in LENGTHS for i in range(len(marked) - n + 1)]
