"""Sums and differences with symbols strewn between the digits, as Jozefowicz et al. (2015) compare cells on."""

import dataclasses
import functools
import string
from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import nn

from rnnsweep import rng
from rnnsweep.errors import ConfigError
from rnnsweep.pooling import mask
from rnnsweep.tasks.answers import AnswerTask
from rnnsweep.types import Batch, Count, Natural, Split, Summary
from rnnsweep.vocab import Vocab

END = "."
VOCAB = Vocab(string.ascii_lowercase + string.digits + "+-=" + END)  # their 40 symbols
SHOWN = 20  # sequences on the record


@dataclasses.dataclass(kw_only=True, eq=False)
class Arithmetic(AnswerTask):
    """Read an equation up to its "=", then say the result symbol by symbol (Jozefowicz et al. 2015, section 3.5).

    "3e36d9-h1h39f94eeh43keg3c=" is 3369-13994433, and "-13991064." is wanted: each symbol from the true ones before
    it, so `accuracy` is the paper's next-step accuracy. Numbers may be negative; equations differ. The paper does not
    say how many letters stand between two symbols.
    """

    digits: Annotated[int, Ge(1), Le(9)] = 8
    """Digits of the largest numbers; each length is as likely as any other."""
    distractors: Natural = 2
    """The most letters between two symbols of an equation; how many is drawn anew each time."""
    examples: Count = 100_000
    """Training equations."""

    @property
    def symbol_count(self) -> int:
        return len(VOCAB)

    @functools.cached_property
    def equations(self) -> dict[Split, list[tuple[str, str]]]:
        """Each equation as the text that is read, letters and "=" included, and the result with its end."""
        there = 2 * (2 * 10**self.digits - 1) ** 2
        if self.total > there / 4:
            problem = f"of the {there:,} equations of {self.digits} digits at most {there // 4:,} can be drawn"
            problem = f"{problem}, and {self.total:,} are asked for; lower `task.examples` or `task.held_out`"
            raise ConfigError("task.examples", f"{problem}, or raise `task.digits`", ("task.digits", "task.held_out"))
        draws, found = rng.uniform(self.seed, "data"), dict[str, str]()
        while len(found) < self.total:
            a, b = self._number(draws), self._number(draws)
            sign = "+" if next(draws) < 0.5 else "-"
            found.setdefault(f"{a}{sign}{b}", str(a + b if sign == "+" else a - b))
        order = torch.randperm(self.total, generator=rng.generator(self.seed, "data", "order")).tolist()
        asked = list(found.items())  # the first found are rather short
        return self.split([(self._strewn(asked[k][0], draws), asked[k][1] + END) for k in order])

    def _number(self, draws: Iterator[float]) -> int:
        length = 1 + int(next(draws) * self.digits)
        return int((2 * next(draws) - 1) * 10**length)

    def _strewn(self, equation: str, draws: Iterator[float]) -> str:
        parts = []
        for symbol in equation:
            letters = int(next(draws) * (self.distractors + 1))
            parts += [symbol, *(string.ascii_lowercase[int(next(draws) * 26)] for _ in range(letters))]
        return "".join(parts) + "="

    @property
    def width(self) -> int:
        """Steps of the longest sequence that can be drawn: two signed numbers and their result."""
        return (2 * (self.digits + 1) + 1) * (self.distractors + 1) + 1 + self.digits + 2

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: _sequences(part, self.width) for split, part in self.equations.items()}

    def summary(self, model: nn.Module) -> Summary:
        """The first test equations with the model's answers, each symbol from the true ones before it."""
        _, found, asked = self.answers(model, SHOWN)
        rows = zip(self.equations["test"], found, asked, strict=False)
        shown = [
            {"equation": read, "result": result, "answer": VOCAB.decode(answer[where].tolist())}
            for (read, result), answer, where in rows
        ]
        lines = [f"| `{row['equation']}` | `{row['result']}` | `{row['answer']}` |" for row in shown]
        page = "# Samples\n\n| equation | result | answer |\n|---|---|---|\n" + "\n".join(lines) + "\n"
        return Summary({"equations": shown}, page)


def _sequences(equations: list[tuple[str, str]], width: int) -> Batch:
    """The inputs are an equation and its result without the end; the targets begin at the "="."""
    inputs, lengths = VOCAB.padded([read + result[:-1] for read, result in equations], width)
    targets, _ = VOCAB.padded([END * (len(read) - 1) + result for read, result in equations], width)
    before = torch.tensor([len(read) - 1 for read, _ in equations])
    targets[mask(before, width)] = 0
    return {"inputs": inputs, "targets": targets, "lengths": lengths}
