"""Forecasting: the next value of a series from a sliding window, and free-running beyond its end."""

import dataclasses
import functools
import math
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge
from jaxtyping import Float, Float64
from torch import Tensor, nn

from rnnsweep.data import series
from rnnsweep.data.gaps import Missing
from rnnsweep.data.tables import Decimal
from rnnsweep.errors import ConfigError
from rnnsweep.models.decode import free_running
from rnnsweep.tasks import new_data
from rnnsweep.tasks.regression import RegressionTask
from rnnsweep.types import (
    EXECUTION,
    FROM_FILES,
    LATER,
    MADE_UP,
    Batch,
    Count,
    Metric,
    Name,
    NonNegative,
    Positive,
    Rate,
    Split,
    Summary,
)


@dataclasses.dataclass(kw_only=True, eq=False)
class Sine(RegressionTask):
    """Predict the value after each window of `seq_len` values; mean squared error in the series' own unit, squared.

    The last `horizon` values are the test, the share `val_fraction` of what is before them the validation. A window may
    reach back into the part before, its target never. Free-running, the model forecasts the whole horizon from the last
    window before it, reading its own answers. A series from a file is scaled to mean 0 and variance 1 of its training
    part to be read, and back.
    """

    features: ClassVar[int] = 1
    panels: ClassVar[int] = 12  # forecasts in the record of those made on the way,
    seen: ClassVar[int] = 100  # and their points: each is as costly as a batch

    path: Annotated[str | None, EXECUTION] = None
    """A CSV file with a line of names; None: sines. A run is known by the content."""
    column: Annotated[Name | None, FROM_FILES] = None
    """The column to forecast; None: the first."""
    points: Annotated[int, Ge(10), MADE_UP] = 800
    """Values of a made-up series."""
    period: Annotated[Positive, MADE_UP] = 37.699112
    """Points in a period of the slowest sine."""
    frequencies: Annotated[Count, MADE_UP] = 1
    """Sines in the mean: of this period, of half of it, of a third, …"""
    noise: Annotated[NonNegative, MADE_UP] = 0.0
    """Standard deviation of the noise on each point."""
    seq_len: Count = 20
    """Values in a window."""
    horizon: Annotated[int, Ge(2)] = 40
    """Values at the end to forecast."""
    val_fraction: Rate = 0.1
    """Share of the values before the horizon for validation."""
    encoding: Annotated[str, LATER, FROM_FILES] = "utf-8"
    """The encoding of the file."""
    decimal: Annotated[Decimal, LATER, FROM_FILES] = "."
    """The decimal mark of the file's numbers."""
    missing: Annotated[Missing, LATER, FROM_FILES] = "refuse"
    """What to do where the column has no number. refuse: stop; drop: leave the row out; interpolate: draw a straight
    line between the numbers before and after; forward: repeat the number before."""
    missing_values: Annotated[list[float] | None, LATER, FROM_FILES] = None
    """Numbers that stand for a missing one, such as -999; None: none does."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        (loss,) = super().metrics
        error = (loss.chance or 0.0) * self.unit**2
        own = (Metric(name, "MSE", "min", error) for name in ("mse", "one_step_mse", "free_mse"))
        return loss, *own, Metric("noise_mse", "MSE", None)

    @property
    def source_hash(self) -> str:
        return "" if self.path is None else self._column(self.path)[1]

    def _column(self, path: str) -> tuple[Float64[np.ndarray, "point"], str]:
        marks = tuple(self.missing_values or ())
        return series.column(path, self.column, self.encoding, self.decimal, self.missing, marks)

    @functools.cached_property
    def values(self) -> Float[Tensor, "point"]:
        """The series as the model reads it."""
        if self.path is None:
            return series.sines(self.points, self.period, self.frequencies, self.noise, self.seed)
        numbers, _ = self._column(self.path)
        mean, deviation = self._scale
        return torch.from_numpy((numbers - mean) / deviation).float()

    @functools.cached_property
    def _scale(self) -> tuple[float, float]:
        """Mean and standard deviation of the training part of a series from a file."""
        if self.path is None:
            return 0.0, 1.0
        numbers, _ = self._column(self.path)
        return series.scale(numbers[: self._ends(len(numbers))["train"]])

    @property
    def unit(self) -> float:
        """What the model's numbers are multiplied with to be the series' own."""
        return self._scale[1]

    def _ends(self, points: int) -> dict[Split, int]:
        """Where each split's targets end."""
        before = points - self.horizon
        train = before - round(before * self.val_fraction)
        if train <= self.seq_len or train == before:
            problem = (
                f"a series of {points} leaves {max(0, train - self.seq_len)} windows of {self.seq_len} to train on"
            )
            problem = f"{problem} and {max(0, before - train)} values for validation; use a longer series, or a shorter"
            raise ConfigError(
                "task.seq_len", f"{problem} window or horizon", ("task.points", "task.horizon", "task.path")
            )
        return {"train": train, "val": before, "test": points}

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        windows = self.values.unfold(0, self.seq_len + 1, 1)  # (window, seq_len + 1), the target last
        starts, parts = 0, dict[Split, Batch]()
        for split, end in self._ends(len(self.values)).items():
            mine = windows[starts : end - self.seq_len]
            lengths = torch.full((len(mine),), self.seq_len)
            parts[split] = {"inputs": mine[:, :-1, None].contiguous(), "lengths": lengths, "targets": mine[:, -1]}
            starts = end - self.seq_len
        return parts

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        return means | ({} if self.path is None else {"mse": means["loss"] * self.unit**2})

    @torch.no_grad()
    def free(self, model: nn.Module, points: int) -> Float[Tensor, "{points}"]:
        """The first points of the horizon, forecast from the last window before it: the model reads its own answers."""
        window = self.data["test"]["inputs"][:1].to(next(model.parameters()).device)
        lengths = torch.full((1,), self.seq_len, device=window.device)
        return free_running(model, window, lengths, points)[0, :, 0].cpu()

    def error(self, answers: Float[Tensor, "point"]) -> float:
        """The mean squared error of a forecast from the beginning of the horizon, in the series' own unit."""
        return (answers - self.data["test"]["targets"][: len(answers)]).square().mean().item() * self.unit**2

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[float]:
        """The value after each window; windows and values are in the series' own unit."""
        mean, deviation = self._scale
        answers = self.numbers(model, new_data.windows(examples, self.features, self._scale, self.seq_len))
        return [value * deviation + mean for value in answers.tolist()]

    def assets(self) -> dict[str, Any]:
        return {} if self.path is None else {"scale": list(self._scale)}

    def adopt(self, assets: dict[str, Any]) -> None:
        if "scale" in assets:  # earlier versions asked the data for it
            mean, deviation = assets["scale"]
            self._scale = (mean, deviation)

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """The horizon, forecast one step ahead and free-running, beside the truth."""
        part, free = self.data["test"], self.free(model, self.horizon)
        one = self.numbers(model, {k: v.to(next(model.parameters()).device) for k, v in part.items()}).cpu()
        forecast = {"truth": part["targets"].tolist(), "one_step": one.tolist(), "free": free.tolist()}
        measures = {"one_step_mse": self.error(one), "free_mse": self.error(free)}
        if self.path is None:
            clean = series.sines(self.points, self.period, self.frequencies, 0.0, self.seed)[-self.horizon :]
            measures["noise_mse"] = self.error(clean)
        return Summary({"forecast": forecast, "measures": [measures]}, metrics=measures)

    def takes_snapshot(self, step: int) -> bool:
        return True

    def snapshot(self, model: nn.Module) -> dict[str, Any]:
        free = self.free(model, min(self.seen, self.horizon))
        return {"free": free.tolist(), "free_mse": self.error(free)}

    def with_snapshots(self, shown: Summary, snapshots: list[dict[str, Any]]) -> Summary:
        """How the free-running forecast came about: its error at each validation, and some of the forecasts."""
        errors = [{name: seen[name] for name in ("step", "epoch", "free_mse")} for seen in snapshots]
        every = max(1, math.ceil((len(snapshots) - 1) / (self.panels - 1)))
        forecasts = {"truth": shown.data["forecast"]["truth"][: self.seen]}
        for seen in [*snapshots[:-1:every], *snapshots[-1:]]:
            forecasts[f"step {seen['step']}, epoch {seen['epoch']:.3g}: error {seen['free_mse']:.1e}"] = seen["free"]
        return dataclasses.replace(shown, data=shown.data | {"forecasts": forecasts, "training": errors})
