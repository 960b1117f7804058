"""new_task: say in a line what is to be learned."""

import dataclasses
import functools

import torch

from rnnsweep.data.sequences import distinct
from rnnsweep.tasks.answers import BLANK, AnswerTask
from rnnsweep.types import Batch, Count, Split


@dataclasses.dataclass(kw_only=True, eq=False)
class NewTask(AnswerTask):
    """Read `seq_len` symbols and say the first one at the last step: put your question here."""

    seq_len: Count = 10
    """Symbols of a sequence."""
    symbols: Count = 8
    """Different symbols."""

    @property
    def symbol_count(self) -> int:
        return 1 + self.symbols  # 0 is BLANK: nothing is asked at this step

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        rows, _ = distinct(self.total, self.seq_len, self.seq_len, self.symbols, self.seed)
        return {split: _sequences(1 + part) for split, part in self.split(rows).items()}


def _sequences(rows: torch.Tensor) -> Batch:
    targets = torch.full_like(rows, BLANK)
    targets[:, -1] = rows[:, 0]
    return {"inputs": rows, "targets": targets, "lengths": torch.full((len(rows),), rows.shape[1])}
