"""Forecasting: the next steps of one or several series from a window of one or several columns."""

import dataclasses
import functools
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.errors import ConfigError, listed
from rnnsweep.kernels.members import total
from rnnsweep.models.decode import free_running
from rnnsweep.models.embedding import Features
from rnnsweep.models.many_to_one import ManyToOne
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import new_data, references
from rnnsweep.tasks.panel import PanelTask
from rnnsweep.types import Batch, Metric, Metrics, State, Summary

PAST = 3  # of the window, as many horizons are shown before the forecast


@dataclasses.dataclass(kw_only=True, eq=False)
class Forecast(PanelTask):
    """Predict the `horizon` values that follow each window of `seq_len` rows; the loss is the mean squared error.

    Losses and errors are of scaled numbers, as in the papers. Validation and test forecast from every origin of their
    part.

    `mase` is the mean absolute error over that of repeating the last value, on the same windows: below 1 the model
    beats it. The record has the errors of the last value, of the value a season before, and of a least-squares
    autoregression on the same windows.
    """

    metric: ClassVar[Metric] = Metric("loss", "MSE", "min")

    answers: Literal["at_once", "free_running"] = "at_once"
    """at_once: the model gives all steps of the horizon. free_running: it is trained to give the next step, and in
    validation and test reads its own answers up to the horizon; it forecasts all columns that it reads."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        loss = float(self.values[: self.ends["train"], self.chosen].double().var(0, correction=0).mean())
        simple = (Metric(f"{name}_{error}", error.upper(), None) for name in self.simple for error in ("mse", "mae"))
        return (
            Metric("loss", "MSE", "min", loss),
            Metric("mse", "MSE", "min", loss),
            Metric("mae", "MAE", "min"),
            Metric("mase", "", "min"),
            *simple,
        )

    @property
    def simple(self) -> tuple[str, ...]:
        """The simple forecasts that stand beside the model's."""
        return "last_value", *(("seasonal",) if self.season else ()), "autoregression"

    def target_places(self) -> list[int]:
        places, names = super().target_places(), self.panel.names
        if self.answers == "free_running" and places != [*range(len(names))]:
            problem = "free-running, the model reads its answers, so it forecasts every column that it reads"
            hint = "or use `task.answers=at_once`"
            raise ConfigError("task.targets", f"{problem}, {listed(names)}; {hint}", ("task.target",))
        return places

    # The model -----------------------------------------------------------------------------------------------

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        steps = self.horizon if self.answers == "at_once" else 1
        return ManyToOne(Features(self.sizes[0]), cell, pooling, outputs=steps * self.sizes[1])

    @functools.cached_property
    def sizes(self) -> tuple[int, int]:
        """The columns that are read, and those that are forecast."""
        return len(self.panel.names), len(self.chosen)

    def forecast(self, model: nn.Module, batch: Batch) -> Float[Tensor, "*batch horizon target"]:
        """The whole horizon; in training of a free-running model, its first step."""
        window, lengths = batch["inputs"], batch["lengths"]
        if self.answers == "at_once":
            answers: Tensor = model(window, lengths)
            return answers.view(*answers.shape[:-1], self.horizon, self.sizes[1])
        return free_running(model, window, lengths, 1 if model.training else self.horizon)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        answers = self.forecast(model, batch)
        targets = batch["targets"][..., : answers.shape[-2], :]
        errors = answers - targets
        loss, count = total(errors.square()), total(torch.ones_like(errors))
        absolute = total(errors.detach().abs())
        repeated = total((targets - batch["inputs"][..., -1:, self.chosen]).abs())
        metrics = {"loss": (loss.detach(), count), "mae": (absolute, count), "mase": (absolute, repeated)}
        return loss / count, metrics, ()

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        return means | {"mse": means["loss"]}

    # What a person sees --------------------------------------------------------------------------------------

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """The errors beside those of simple forecasts, by the step of the horizon, and the test's last forecast."""
        if not self.size("test"):
            return Summary({})
        device = next(model.parameters()).device
        batches = ({name: part.to(device) for name, part in batch.items()} for batch in self.evaluation("test"))
        found = {"model": torch.cat([self.forecast(model, batch).cpu() for batch in batches])} | self.compared()
        targets = self.data["test"]["targets"]
        by_step = {name: (answers - targets).square().mean((0, 2)) for name, answers in found.items()}
        rows = [{"forecast": name} | _errors(answers, targets, found["last_value"]) for name, answers in found.items()]
        measured = {f"{row['forecast']}_{error}": float(row[error]) for row in rows[1:] for error in ("mse", "mae")}
        steps = [
            {"step": step + 1} | {name: errors[step].item() for name, errors in by_step.items()}
            for step in range(self.horizon)
        ]
        shown = {
            "simple_forecasts": rows,
            "by_step": steps,
            "horizon": self._last({k: v[-1] for k, v in found.items()}),
        }
        return Summary(shown, metrics=measured)

    def compared(self) -> dict[str, Float[Tensor, "window horizon target"]]:
        """The simple forecasts at each origin of the test."""
        train, test = self.data["train"], self.data["test"]
        values, origins = self.values[:, self.chosen], self.origins("test")
        found = {"last_value": references.last_value(values, origins, self.horizon)}
        if self.season is not None:
            found["seasonal"] = references.seasonal(values, origins, self.horizon, self.season)
        fitted = references.Autoregression(train["inputs"], train["targets"])
        return found | {"autoregression": fitted(test["inputs"])}

    def _last(self, answers: dict[str, Float[Tensor, "horizon target"]]) -> dict[str, Any]:
        """The forecasts from the test's last origin, of the first target in its own unit, after some of its past."""
        end, place = self.ends["test"], self.chosen[0]
        origin = end - self.horizon
        start = max(0, origin - PAST * self.horizon)
        mean, deviation = (float(numbers[place]) for numbers in self.scale)
        times = self.panel.times or [str(row) for row in range(len(self.panel.values))]
        simple = {name: (each[:, 0].double() * deviation + mean).tolist() for name, each in answers.items()}
        truth, model = self.panel.values[start:end, place].tolist(), simple.pop("model")
        shown = {"name": self.panel.names[place], "times": times[start:end], "truth": truth, "model": model}
        return shown | {"simple": simple}

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[Any]:
        """The `horizon` rows after each window (time, column), as arrays (horizon, target), both in their own unit."""
        batch = new_data.windows(examples, self.sizes[0], self.scale, self.seq_len)
        answers = self.forecast(model, batch).double().numpy()
        mean, deviation = (numbers[self.chosen] for numbers in self.scale)
        return [*(answers * deviation + mean)]

    def assets(self) -> dict[str, Any]:
        scale = [numbers.tolist() for numbers in self.scale]
        return {"sizes": list(self.sizes), "scale": scale, "chosen": self.chosen}

    def adopt(self, assets: dict[str, Any]) -> None:
        if "scale" in assets:  # earlier versions asked the data for it
            mean, deviation = assets["scale"]
            self.scale, self.chosen = (np.array(mean), np.array(deviation)), assets["chosen"]
        read, forecast = assets["sizes"]
        self.sizes = (int(read), int(forecast))


def _errors(answers: Tensor, targets: Tensor, last: Tensor) -> dict[str, float]:
    """MSE, MAE, and MAE over that of the last value."""
    errors, repeated = (answers - targets).double(), (last - targets).double().abs().mean()
    absolute = errors.abs().mean()
    return {"mse": errors.square().mean().item(), "mae": absolute.item(), "mase": (absolute / repeated).item()}
