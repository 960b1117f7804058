"""new_metric: say in a line what it measures."""

import dataclasses

from torch import Tensor, nn

from rnnsweep.tasks.metric import AbstractMetric
from rnnsweep.types import Batch, Count, State


@dataclasses.dataclass(kw_only=True)
class NewMetric(AbstractMetric):
    """How often the right symbol is among the most probable ones: put your formula here."""

    unit, direction = "share", "max"

    k: Count = 3
    """So many most probable symbols count; all, if the task has fewer."""

    def measure(self, model: nn.Module, batch: Batch, state: State) -> tuple[Tensor, Tensor | int]:
        scores, _ = model(batch["inputs"], state)  # (batch, time, vocab), as in the `loss` of the task
        found = (scores.topk(min(self.k, scores.shape[-1]), -1).indices == batch["targets"][..., None]).any(-1)
        return found.sum(), found.numel()
