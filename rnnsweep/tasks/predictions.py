"""Tasks that answer each example with one number, shown beside the truth before and after training."""

import abc
import dataclasses
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from rnnsweep.tasks.examples import ExampleTask
from rnnsweep.types import Batch, Summary

SHOWN = 200  # predictions in the record


@dataclasses.dataclass(kw_only=True, eq=False)
class PredictionTask(ExampleTask):
    """An example task whose answers and targets are numbers."""

    @abc.abstractmethod
    def numbers(self, model: nn.Module, batch: Batch) -> Shaped[Tensor, "*batch"]:
        """The model's prediction for each example, in the unit of the targets."""

    @torch.no_grad()
    def predictions(self, model: nn.Module) -> dict[str, list[float]]:
        """The predictions for the first test examples beside the truth, in the order of the truth."""
        device = next(model.parameters()).device
        part = {name: values[:SHOWN].to(device) for name, values in self.data["test"].items()}
        order = part["targets"].argsort(stable=True)
        return {"truth": part["targets"][order].tolist(), "answer": self.numbers(model, part)[order].tolist()}

    def takes_snapshot(self, step: int) -> bool:
        return step == 0

    def snapshot(self, model: nn.Module) -> dict[str, Any]:
        return {"before": self.predictions(model)["answer"]}

    def summary(self, model: nn.Module) -> Summary:
        return Summary({"predictions": self.predictions(model)})

    def with_snapshots(self, shown: Summary, snapshots: list[dict[str, Any]]) -> Summary:
        """The predictions of the model as it was before training beside those of the trained one."""
        before = {name: value for seen in snapshots for name, value in seen.items() if name == "before"}
        predictions = shown.data["predictions"] | before
        return dataclasses.replace(shown, data=shown.data | {"predictions": predictions})
