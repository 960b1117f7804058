"""The runs of one task: what varies among them, which differ in one thing only, and how each came out."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.errors import ReportError
from rnnsweep.planned import STATES
from rnnsweep.report.collect import UNSET, is_setting
from rnnsweep.report.declared import DeclaredMetrics
from rnnsweep.report.setting_labels import exact, labels, order


@dataclasses.dataclass(frozen=True)
class MetricColumn:
    """What the report compares by: a column, its unit, and which way is better."""

    name: str
    unit: str
    lower: bool

    @property
    def sign(self) -> float:
        """Times a difference: below zero is better."""
        return 1.0 if self.lower else -1.0

    @property
    def in_nats(self) -> bool:
        return self.name.endswith("/loss")

    @property
    def where(self) -> str:
        """Where a setting that is best by this metric is best, as in `on validation`."""
        part = self.name.partition("/")[0]
        return {"val": "on validation", "test": "on the test part"}.get(part, f"by {self.name}")

    @property
    def tested(self) -> str | None:
        """The same metric on the test part, if the selection does not use that part."""
        return f"test/{self.name.removeprefix('val/')}" if self.name.startswith("val/") else None


@dataclasses.dataclass(frozen=True)
class Factor:
    """Something that varies, with what moves along with it."""

    key: str
    levels: tuple[str, ...]
    """As they are shown, in order."""
    numbers: tuple[float, ...] | None
    """The levels as numbers, where they all are."""
    column: NDArray[Any] = dataclasses.field(compare=False, repr=False)
    """Each run's level; -1 where it has none."""
    together: tuple[str, ...] = ()
    """Other settings that determine this one and are determined by it: these runs cannot tell them apart."""
    derived: tuple[str, ...] = ()
    """Settings that follow from this one, such as an optimizer's own default learning rate."""

    @property
    def keys(self) -> tuple[str, ...]:
        """This setting and those that always change together with it."""
        return (self.key, *self.together)

    @property
    def label(self) -> str:
        return f"{self.key} (with {', '.join(self.together)})" if self.together else self.key


class Runs:
    """The runs of one task. `frame` has a row each and, beside what was collected, a number for each setting.

    `study`: the study that they are all of, where the report tells studies apart.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        searched: Sequence[str] = (),
        random: bool = True,
        mixed: bool = False,
        study: str = "",
        sampled: Sequence[str] = (),
    ):
        self.frame = frame.reset_index(drop=True)
        self.random = random  # whether all searches drew at random
        self.mixed = mixed  # whether some studies are searches and some are not
        self.learned = str(frame["task"].iloc[0])
        self.task = f"{study}: {self.learned}" if study not in ("", self.learned) else self.learned  # by this name here
        self.searched = set(searched)
        self.sampled = tuple(key for key in sampled if key in frame)
        """Settings whose values stand for others of their kind, as the user says."""
        self.declared = DeclaredMetrics(frame)
        self.complete = (self.frame["state"] == "complete").to_numpy()
        self.ranked: dict[str, Any] = {}
        """The entries of the leaderboard, for each metric that was asked for."""
        self._columns: dict[str, NDArray[Any]] = {}
        self._keyed: dict[str, NDArray[Any]] = {}
        self._labels: dict[str, pd.Series] = {}
        self.begun = self.frame["seed"].notna().to_numpy() if "seed" in frame else np.zeros(len(frame), bool)
        hidden = self._execution()
        self._derive()
        self.keys = [name for name in frame.columns if is_setting(name) and name not in hidden | {"seed"}]
        self.varying = [key for key in self.keys if self._levels(key) > 1]
        self.frame["setting"] = self.codes(self.varying)
        self.factors = self._factors()

    def _execution(self) -> set[str]:
        """Settings that change nothing; of the task only where the data are the same for all runs of a seed."""
        named = {key for keys in self.frame.get("env:execution", pd.Series(dtype=object)).dropna() for key in keys}
        if "seed" not in self.frame or "env:data" not in self.frame:
            return named
        same = self.frame.groupby("seed")["env:data"].nunique().le(1).all()
        return {key for key in named if same or not key.startswith("task.")}

    def _derive(self) -> None:
        """The gap between validation and training at the best weights, and the rise of the validation loss after them.

        The training loss is that of a fixed slice without dropout; a run that was not evaluated so has no gap.
        """
        last, best, train = (self.column(name) for name in ("last:val/loss", "val/loss", "train/loss"))
        for name, values in (("val/gap", best - train), ("val/overfit", last - best)):
            if np.isfinite(values).any():
                self.frame[name] = values

    def _levels(self, key: str) -> int:
        values = self.frame[key]
        return int(values[(values != UNSET) & self.begun].nunique(dropna=False))

    def codes(self, keys: Sequence[str]) -> NDArray[Any]:
        """A number for each combination of values, in order of first appearance; runs without a config have -1."""
        codes = np.zeros(len(self.frame), np.int64)
        for key in keys:
            if key not in self._keyed:
                self._keyed[key] = pd.factorize(self.frame[key].map(exact))[0]
            each = self._keyed[key]
            codes, _ = pd.factorize(codes * (each.max() + 1) + each)
        found: NDArray[Any] = np.where(self.begun, codes, -1)
        return found

    # What varies -------------------------------------------------------------------------------------------------

    def _factors(self) -> list[Factor]:
        codes = {key: self.codes([key]) for key in self.varying}
        found: list[Factor] = []
        aside: set[str] = set()
        for key in sorted(self.varying, key=_preference):
            if key in aside or self._own(key):
                continue
            others = [other for other in self.varying if other != key and not self._independent(key, other, codes)]
            follows = [other for other in others if _follows(codes[key], codes[other])]
            together = tuple(other for other in follows if _follows(codes[other], codes[key]))
            derived = tuple(other for other in follows if other not in together)
            aside |= set(together)
            found.append(self._factor(key, together, derived))
        return found

    def _independent(self, key: str, other: str, codes: dict[str, Any]) -> bool:
        """Whether `other` cannot follow from `key`: both are drawn by a search, or `key` is as fine as the settings."""
        levels = codes[key].max() + 1
        fine = levels > 12 and levels >= 0.5 * (self.frame["setting"].max() + 1)
        return bool(fine) or (key in self.searched and other in self.searched)

    def _own(self, key: str) -> bool:
        """Whether only one level of the key's group has this setting: it is then part of that level's name."""
        group = key.split(".")[0]
        unset = self.frame[key] == UNSET
        if "." not in key or group not in self.varying or not unset.any():
            return False
        return int(self.frame.loc[~unset, group].nunique()) == 1

    def _shown(self, key: str) -> pd.Series:
        """The values of a setting as they are shown."""
        if key not in self._labels:
            self._labels[key] = labels(self.frame[key])
        return self._labels[key]

    def _factor(self, key: str, together: tuple[str, ...], derived: tuple[str, ...]) -> Factor:
        values = self._shown(key)
        for own in (other for other in self.varying if other.startswith(f"{key}.") and self._own(other)):
            has = self.frame[own] != UNSET
            values = values.where(~has, values + " (" + own + "=" + self._shown(own) + ")")
        present = (self.frame["setting"] >= 0) & (self.frame[key] != UNSET)
        raw = dict(zip(values[present], self.frame.loc[present, key], strict=True))
        levels = sorted(raw, key=lambda level: order(raw[level], level))
        numeric = all(isinstance(raw[level], int | float) and not isinstance(raw[level], bool) for level in levels)
        column = pd.Categorical(values.where(present), categories=levels).codes.astype(np.int64)
        numbers = tuple(float(raw[level]) for level in levels) if numeric else None
        return Factor(key, tuple(levels), numbers, column, together, derived)

    def varies(self, key: str) -> bool:
        """Whether a key is a factor, or moves with one."""
        return any(key in factor.keys for factor in self.factors)

    def factor(self, key: str, option: str = "--by") -> Factor:
        """The factor of a key, which the user named by an option.

        Raises:
            ReportError: the key does not vary among these runs, or moves with another.
        """
        for factor in self.factors:
            if key in factor.keys:
                return factor
        names = ", ".join(factor.key for factor in self.factors) or "nothing"
        if key in self.keys:
            said = "has one value in all these runs" if key not in self.varying else "belongs to one choice alone"
            raise ReportError(f"{option} {key}: {said} (task {self.task}); what varies: {names}")
        raise ReportError(f"{option} {key}: no run has this setting (task {self.task}); what varies: {names}")

    def blocks(self, factor: Factor, *without: str) -> NDArray[Any]:
        """A number for each combination of all other settings: runs of one block and seed differ in the factor alone.

        Settings that only some levels of the factor have (an LSTM's forget bias) are part of the level, not of the
        block; so are those that follow from it.
        """
        aside = {*factor.keys, *factor.derived, *without}
        return self.codes([key for key in self.varying if key not in aside | self.own(factor)])

    def own(self, factor: Factor) -> set[str]:
        """The settings that a single level of a factor has."""
        return {key for key in self.varying if key.startswith(f"{factor.key}.") and self._own(key)}

    # How they came out -------------------------------------------------------------------------------------------

    def counts(self, rows: Any = slice(None)) -> Counter[str]:
        """Runs by state, in the order of STATES."""
        found = Counter(self.frame.loc[rows, "state"])
        return Counter({state: found[state] for state in STATES if found[state]})

    def values(self, metric: str) -> NDArray[Any]:
        """The metric of each complete run; not a number for the others: a diverged run has no value."""
        column = self.column(metric)
        found: NDArray[Any] = np.where(self.complete, column, np.nan)
        return found

    def column(self, name: str) -> NDArray[Any]:
        """A column as numbers; read it, do not change it."""
        if name not in self._columns:
            known = name in self.frame
            found = pd.to_numeric(self.frame[name], errors="coerce").to_numpy(float) if known else None
            self._columns[name] = np.full(len(self.frame), np.nan) if found is None else found
        return self._columns[name]

    @functools.cached_property
    def packages(self) -> tuple[str, ...]:
        """The user's packages, as the configs name them."""
        named = self.frame["env:packages"].dropna() if "env:packages" in self.frame else ()
        return tuple(dict.fromkeys(package for packages in named for package in packages))

    @functools.cached_property
    def timed_alike(self) -> bool:
        """Whether all complete runs were timed on one host, with equal threads and kernels."""
        return "env:timed" not in self.frame or self.frame.loc[self.complete, "env:timed"].nunique() <= 1

    @property
    def metrics(self) -> list[str]:
        """The metrics that some complete run has."""
        complete = self.frame[self.frame["state"] == "complete"]
        names = [name for name in self.frame.columns if "/" in name and not name.startswith(("last:", "env:"))]
        return [name for name in names if complete[name].notna().any()]

    def metric(self, name: str | None) -> MetricColumn:
        """The metric by name; without one the validation loss, by which the best weights were chosen.

        Raises:
            ReportError: no run has it, or no record says which way it is better.
        """
        known = self.metrics
        extra = [extra for extra in ("parameters", "seconds") if np.isfinite(self.values(extra)).any()]
        if name is None:
            name = "val/loss" if "val/loss" in known or not known else known[0]
        elif name not in known + extra:
            there = ", ".join(known + extra) or "none: no run of this task is complete"
            raise ReportError(f"--metric {name}: no run of task {self.task} has it; there are {there}")
        return MetricColumn(name, self.unit(name), self.lower(name))

    def unit(self, name: str) -> str:
        """The unit of a metric, as the records declare it."""
        return self.declared.unit(name)

    def lower(self, name: str) -> bool:
        """Whether a lower value of a metric is better, as the records declare it.

        Raises:
            ReportError: they do not.
        """
        return self.declared.lower(name)

    @functools.cached_property
    def _named(self) -> list[list[tuple[str, str]]]:
        """For each setting what varies, by key and value as they are shown."""
        settings = self.frame["setting"].to_numpy()
        first = [int(np.argmax(settings == -1))] * (int(settings.max()) + 1)
        for row in range(len(settings) - 1, -1, -1):
            if settings[row] >= 0:
                first[settings[row]] = row
        columns = [(key, self._shown(key).to_numpy(object)[first]) for key in self.varying]
        return [[(key, values[i]) for key, values in columns if values[i] != UNSET] for i in range(len(first))]

    def setting_values(self, setting: int) -> list[tuple[str, str]]:
        """A setting by what varies: key and value, as they are shown."""
        return self._named[setting]

    def describe(self, setting: int, without: Sequence[str] = (), only: Sequence[str] | None = None) -> str:
        """A setting by the values of what varies: of all keys, or of some only, without others."""
        named = [(key, value) for key, value in self._named[setting] if only is None or key in only]
        told = [f"{key}={value}" for key, value in named if key not in without]
        return ", ".join(told) or "the one setting"


def _follows(cause: NDArray[Any], effect: NDArray[Any]) -> bool:
    """Whether each value of the cause comes with one value of the effect."""
    pairs = np.unique(cause * (effect.max() + 2) + effect)
    return len(pairs) == len(np.unique(cause))


GROUPS = ("task", "cell", "pooling", "optimizer", "train")


def _preference(key: str) -> tuple[int, int, str]:
    """Groups before their settings; of two that move together, the one that a person would name."""
    group = key.split(".")[0]
    return ("." in key, GROUPS.index(group) if group in GROUPS else len(GROUPS), key)


def refuse_constant(option: str, keys: Iterable[str], tasks: Sequence[Runs]) -> None:
    """Refuses a key that varies in no task.

    Raises:
        ReportError: it names the option, the key and what varies.
    """
    for key in keys:
        if not any(runs.varies(key) for runs in tasks):
            tasks[0].factor(key, option)
