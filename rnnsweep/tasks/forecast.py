"""Forecasting: the next steps of one or several series from a window of one or several columns."""

import dataclasses
import functools
import hashlib
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from rnnsweep.cells.base import CellFactory
from rnnsweep.data import panel
from rnnsweep.data.series import scales
from rnnsweep.data.tables import Decimal, Missing
from rnnsweep.errors import ConfigError, listed
from rnnsweep.models.decode import free_running
from rnnsweep.models.embedding import Features
from rnnsweep.models.many_to_one import ManyToOne
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import references
from rnnsweep.tasks.examples import ExampleTask
from rnnsweep.types import (
    EXECUTION,
    Batch,
    Count,
    Metric,
    Metrics,
    Name,
    NonNegative,
    Rate,
    Split,
    State,
    Summary,
)

SHARES = ("task.splits", "task.val_fraction", "task.test_fraction", "task.path")  # settings of the parts' sizes
PAST = 3  # of the window, as many horizons are shown before the forecast


@dataclasses.dataclass(kw_only=True, eq=False)
class Forecast(ExampleTask):
    """Predict the `horizon` values that follow each window of `seq_len` rows; the loss is the mean squared error.

    Each column is scaled to mean 0 and variance 1 of its training part, in float64; losses and errors are of scaled
    numbers, as in the papers. Validation and test forecast from every origin of their part. A window may reach back
    into the part before, its targets never.

    `mase` is the mean absolute error over that of repeating the last value, on the same windows: below 1 the model
    beats it. The record has the errors of the last value, of the value a season before, and of a least-squares
    autoregression on the same windows.
    """

    metric: ClassVar[Metric] = Metric("loss", "MSE", "min")

    path: Annotated[str | None, EXECUTION] = None
    """A CSV file with a line of names, or an `.npz` of `x` (row, column); None: made up. A run is known by the
    content."""
    columns: list[Name] | None = None
    """The columns that the model reads; None: all but that of the dates."""
    targets: list[Name] | None = None
    """The columns to forecast, of those that are read; None: all of these."""
    date: Name | None = None
    """The column of dates; None: the first that holds dates, if any does."""
    encoding: str = "utf-8"
    """The encoding of the file."""
    decimal: Decimal = "."
    """The decimal mark of the file's numbers."""
    missing: Missing = "refuse"
    """What to do where a column has no number. refuse: stop; drop: leave the row out; interpolate: draw a straight line
    between the numbers before and after; forward: repeat the number before."""
    points: Count = 3000
    """Rows of the made-up series."""
    noise: NonNegative = 0.1
    """How far the made-up temperature wanders off its rhythm."""
    seq_len: Count = 48
    """Rows in a window."""
    horizon: Count = 24
    """Rows to forecast from each origin."""
    answers: Literal["at_once", "free_running"] = "at_once"
    """at_once: the model gives all steps of the horizon. free_running: it is trained to give the next step, and in
    validation and test reads its own answers up to the horizon; it forecasts all columns that it reads."""
    season: Count | None = 24
    """Rows in a season, of the seasonal last value; None: without it. A made-up series has this season, or 24."""
    splits: list[int] | None = None
    """Rows of training, validation and test, from the first row on; None: by the fractions."""
    val_fraction: Rate = 0.1
    """Share of the rows for validation."""
    test_fraction: Rate = 0.2
    """Share of the rows for the test: the last ones."""

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

    # The data ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def panel(self) -> panel.Panel:
        if self.path is None:
            made = panel.transformer(self.points, self.season or 24, self.noise, self.seed)
            places = [self._place(name, made.names, "task.columns") for name in self.columns or made.names]
            return dataclasses.replace(made, names=[made.names[i] for i in places], values=made.values[:, places])
        columns = None if self.columns is None else tuple(self.columns)
        return panel.load(self.path, columns, self.date, self.encoding, self.decimal, self.missing)

    @property
    def source_hash(self) -> str:
        return "" if self.path is None else self.panel.sha256

    @property
    def data_hash(self) -> str:
        return hashlib.sha256(self.panel.values.tobytes()).hexdigest()

    @staticmethod
    def _place(name: str, names: list[str], key: str) -> int:
        if name not in names:
            raise ConfigError(key, f"there is no column `{name}` among {listed(names)}")
        return names.index(name)

    @functools.cached_property
    def chosen(self) -> list[int]:
        """The places of the columns to forecast among those that are read."""
        names = self.panel.names
        places = [
            self._place(name, names, "task.targets") for name in (names if self.targets is None else self.targets)
        ]
        if not places:
            raise ConfigError("task.targets", "give one column at least, or null for all that are read")
        if self.answers == "free_running" and places != [*range(len(names))]:
            problem = "free-running, the model reads its answers, so it forecasts every column that it reads"
            raise ConfigError("task.targets", f"{problem}, {listed(names)}; or use `task.answers=at_once`")
        return places

    @functools.cached_property
    def ends(self) -> dict[Split, int]:
        """The row where each part ends.

        Raises:
            ConfigError: a part is too short for a window and a horizon, or for a season.
        """
        train, val, test = self._sizes()
        least, others = self.seq_len + self.horizon, ("task.seq_len", *SHARES)
        if train < least:
            problem = f"the training part has {train:,} rows; a window of {self.seq_len}"
            raise ConfigError("task.horizon", f"{problem} and a horizon of {self.horizon} need {least}", others)
        for part, size in (("validation", val), ("test", test or self.horizon)):  # a run can go without a test
            if size < self.horizon:
                problem = f"the {part} part has {size:,} rows, fewer than the horizon of {self.horizon}"
                raise ConfigError("task.horizon", problem, others)
        if self.season is not None and self.season > train:
            problem = f"a season of {self.season} rows is longer than the training part of {train:,}"
            raise ConfigError("task.season", f"{problem}; use a shorter one, or null", ("task.path",))
        return {"train": train, "val": train + val, "test": train + val + test}

    def _sizes(self) -> list[int]:
        """The rows of training, validation and test."""
        rows = len(self.panel.values)
        val, test = round(rows * self.val_fraction), round(rows * self.test_fraction)
        sizes = [rows - val - test, val, test] if self.splits is None else self.splits
        if len(sizes) != 3 or min(sizes) < 0 or sum(sizes) > rows:
            problem = f"expected the rows of training, validation and test, of {rows:,} together"
            raise ConfigError("task.splits", f"{problem}, got {sizes}", ("task.path",))
        return sizes

    @functools.cached_property
    def scale(self) -> tuple[Float64[np.ndarray, "column"], Float64[np.ndarray, "column"]]:
        """Mean and standard deviation of each column's training part."""
        train = self.panel.values[: self.ends["train"]]
        return scales(train, self.panel.names, "column", "the training part")

    @functools.cached_property
    def values(self) -> Float[Tensor, "row column"]:
        """The series as the model reads them."""
        mean, deviation = self.scale
        return torch.from_numpy((self.panel.values - mean) / deviation).float()

    def origins(self, split: Split) -> Int[Tensor, "window"]:
        """The first row to forecast of each window of a part."""
        before: dict[Split, int] = {"train": 0, "val": self.ends["train"], "test": self.ends["val"]}
        return torch.arange(max(before[split], self.seq_len), self.ends[split] - self.horizon + 1)

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        return {split: self._windows(self.origins(split)) for split in ("train", "val", "test")}

    def _windows(self, origins: Int[Tensor, "window"]) -> Batch:
        """Views into the series: the windows overlap."""
        windows = self.values.unfold(0, self.seq_len + self.horizon, 1).transpose(1, 2)  # (window, time, column)
        first = int(origins[0]) - self.seq_len if len(origins) else 0
        own = windows[first : first + len(origins)]
        return {
            "inputs": own[:, : self.seq_len],
            "lengths": torch.full((len(own),), self.seq_len),
            "targets": own[:, self.seq_len :, self.chosen],
        }

    # The model -----------------------------------------------------------------------------------------------

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        steps = self.horizon if self.answers == "at_once" else 1
        return ManyToOne(Features(self.sizes[0]), cell, pooling, outputs=steps * self.sizes[1])

    @functools.cached_property
    def sizes(self) -> tuple[int, int]:
        """The columns that are read, and those that are forecast."""
        return len(self.panel.names), len(self.chosen)

    def forecast(self, model: nn.Module, batch: Batch) -> Float[Tensor, "batch horizon target"]:
        """The whole horizon; in training of a free-running model, its first step."""
        window, lengths = batch["inputs"], batch["lengths"]
        if self.answers == "at_once":
            answers: Tensor = model(window, lengths)
            return answers.view(-1, self.horizon, self.sizes[1])
        return free_running(model, window, lengths, 1 if model.training else self.horizon)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, ""], Metrics, State]:
        answers = self.forecast(model, batch)
        targets = batch["targets"][:, : answers.shape[1]]
        errors = answers - targets
        total, count = errors.square().sum(), torch.ones_like(errors).sum()
        absolute = errors.detach().abs().sum()
        repeated = (targets - batch["inputs"][:, -1:, self.chosen]).abs().sum()
        metrics = {"loss": (total.detach(), count), "mae": (absolute, count), "mase": (absolute, repeated)}
        return total / count, metrics, ()

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
        """What the simple forecasts say at each origin of the test."""
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

    def assets(self) -> dict[str, Any]:
        return {"sizes": list(self.sizes)}

    def adopt(self, assets: dict[str, Any]) -> None:
        read, forecast = assets["sizes"]
        self.sizes = (int(read), int(forecast))


def _errors(answers: Tensor, targets: Tensor, last: Tensor) -> dict[str, float]:
    """MSE, MAE, and MAE over that of the last value."""
    errors, repeated = (answers - targets).double(), (last - targets).double().abs().mean()
    absolute = errors.abs().mean()
    return {"mse": errors.square().mean().item(), "mae": absolute.item(), "mase": (absolute / repeated).item()}
