"""Sums over the training steps since the last train row."""

import math

from jaxtyping import Float
from torch import Tensor

from rnnsweep.types import Metrics


class Tally:
    """Sums of metrics and gradient norms, one for each member. They stay on the device."""

    def __init__(self) -> None:
        self.sums: dict[str, Float[Tensor, "member"]] = {}
        self.tokens, self.steps = 0, 0  # since this process began, where it went on from a checkpoint

    def add(self, metrics: Metrics, norms: Float[Tensor, "member"], limits: Tensor | None, tokens: int) -> None:
        """Adds a step.

        Args:
            metrics: the (sum, count) of each metric.
            norms: the norms of the gradients before they were clipped.
            limits: the largest norms, one a row; None: nothing is clipped.
            tokens: the size of one member's batch: sequences times steps.
        """
        self.tokens, self.steps = self.tokens + tokens, self.steps + 1
        self._add("grad_norm", norms)
        if limits is not None:
            self._add("clipped", (norms > limits[:, 0]).to(norms))
        for name, (total, count) in metrics.items():
            self._add(f"{name}.sum", total)
            self._add(f"{name}.count", count)

    def _add(self, name: str, value: Tensor) -> None:
        self.sums[name] = self.sums[name] + value if name in self.sums else value.clone()

    @property
    def tokens_per_step(self) -> float:
        """The mean: windows and a curriculum's batches differ in length."""
        return self.tokens / self.steps

    def means(self, row: int, steps: int) -> dict[str, float]:
        """The metrics of member `row`, its mean gradient norm and its share of clipped steps over `steps` steps.

        A metric with a zero count is NaN.
        """
        values = {name: total[row].item() for name, total in self.sums.items()}
        names = [name.removesuffix(".sum") for name in values if name.endswith(".sum")]
        metrics = {name: values[f"{name}.sum"] / (values[f"{name}.count"] or math.nan) for name in names}
        return metrics | {"grad_norm": values["grad_norm"] / steps, "clipped": values.get("clipped", 0.0) / steps}
