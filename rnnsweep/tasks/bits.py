"""Questions about binary sequences: what parity and counting share."""

import abc
import dataclasses
import functools
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from rnnsweep import rng
from rnnsweep.data.sequences import distinct
from rnnsweep.errors import ConfigError
from rnnsweep.pooling import mask
from rnnsweep.schedules import grown
from rnnsweep.tasks import new_data
from rnnsweep.tasks.examples import DrawnTask
from rnnsweep.types import Batch, Count, Natural, Split

TESTED = 1000  # sequences of each of the test lengths


@dataclasses.dataclass(kw_only=True, eq=False)
class BitsTask(DrawnTask):
    """A question about a binary sequence, which can also be asked about longer sequences than those of training.

    The sequences are all different, so that no split contains one of another.
    """

    seq_len: Count = 20
    """Length of the longest sequences."""
    min_len: Count | None = None
    """Length of the shortest; None: all are `seq_len` long."""
    curriculum: Natural = 0
    """Steps over which training grows to sequences of `seq_len`: each is cut to a random length between 1 and a
    longest, which rises from `curriculum_start`, and from then on between 1 and its own. 0: sequences are read whole.
    Validation and test are always read whole."""
    curriculum_start: Count = 2
    """The longest length at the first step of the curriculum."""
    test_lengths: list[Count] = dataclasses.field(default_factory=list)
    """Lengths at which the trained model is tested."""

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        shortest = self.min_len or self.seq_len
        if shortest > self.seq_len:
            problem = "the shortest length is above the longest; lower `task.min_len` or raise `task.seq_len`"
            raise ConfigError("task.min_len", problem, ("task.seq_len",))
        if self.curriculum and shortest < self.seq_len:
            problem = "cuts training sequences; a cut one may be a short sequence of the validation or the test"
            raise ConfigError("task.curriculum", f"{problem}; leave `task.min_len` at null", ("task.min_len",))
        bits, lengths = map(self.split, distinct(self.total, shortest, self.seq_len, 2, self.seed))
        return {split: self.sequences(bits[split], lengths[split]) for split in self.sizes}

    def batch(self, step: int) -> Batch:
        whole = super().batch(step)
        if not self.curriculum:
            return whole
        # the width of a batch depends on the step alone, so that the members of a stack fit together
        longest = grown(min(self.curriculum_start, self.seq_len), self.seq_len, self.curriculum, step)
        drawn = torch.randint(longest, (self.batch_size,), generator=rng.generator(self.seed, "data", "cut", step))
        lengths = torch.minimum(1 + drawn.to(whole["lengths"].device), whole["lengths"])
        return self.sequences(whole["inputs"][:, :longest] * mask(lengths, longest), lengths)

    @abc.abstractmethod
    def sequences(self, bits: Int[Tensor, "batch time"], lengths: Int[Tensor, "batch"]) -> Batch:
        """The inputs and the targets, from bits padded with 0."""

    @abc.abstractmethod
    def answers(self, model: nn.Module, batch: Batch) -> Tensor:
        """The model's answers, to be compared with the targets."""

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[Any]:
        """The answer to each sequence of bits, a list or a text such as "0110"; a list if each step is asked."""
        rows = [[*map(int, bits)] if isinstance(bits, str) and bits.isdecimal() else bits for bits in examples]
        batch = new_data.symbols(rows, 2)
        lengths = batch["lengths"]
        answers = self.answers(model, self.sequences(batch["inputs"], lengths)).tolist()
        return [
            answer[:length] if isinstance(answer, list) else answer
            for answer, length in zip(answers, lengths.tolist(), strict=True)
        ]

    def by_length(self, model: nn.Module) -> list[dict[str, float]]:
        """Right answers, right last answers, and sequences without a wrong one, at each of the test lengths."""
        return [self._at(model, length) for length in self.test_lengths]

    def _at(self, model: nn.Module, length: int) -> dict[str, float]:
        bits = torch.randint(2, (TESTED, length), generator=rng.generator(self.seed, "data", "length", length))
        device = next(model.parameters()).device
        part = self.sequences(bits, torch.full((TESTED,), length))
        part = {name: values.to(device) for name, values in part.items()}
        right = (self.answers(model, part) == part["targets"]).view(TESTED, -1)
        shares = {"accuracy": right, "last": right[:, -1], "exact": right.all(1)}
        return (
            {"length": length} | {name: each.double().mean().item() for name, each in shares.items()} | {"test": TESTED}
        )
