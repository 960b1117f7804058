"""The settings that vary among the runs of one task, and the factors that they make."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnsweep.errors import ReportError
from rnnsweep.record.data_sets import differ
from rnnsweep.report import data_sets
from rnnsweep.report.collect import UNSET, is_setting
from rnnsweep.report.factor import Factor
from rnnsweep.report.setting_labels import exact, labels, level_name, order


class VaryingSettings:
    """The settings of the runs of one task: which of them vary, and which runs have equal settings.

    Args:
        frame: A row for each run, as `collect` returns them, with an index from 0.
        searched: Keys that some search drew.
        task: The name of the runs' section, for messages.

    Attributes:
        keys: The settings that may change a result.
        varying: Those of them that have several values.
        of_runs: For each run the number of its setting, of shape (runs,); runs with equal settings have equal
            numbers, and a run without a config has -1.
        factors: The factors.
    """

    def __init__(self, frame: pd.DataFrame, searched: Sequence[str], task: str):
        self._frame, self._searched, self._task = frame, set(searched), task
        self._keyed: dict[str, NDArray[Any]] = {}
        self._labels: dict[str, pd.Series] = {}
        self._begun = frame["seed"].notna().to_numpy() if "seed" in frame else np.zeros(len(frame), bool)
        hidden = self._execution()
        self.keys = [name for name in frame.columns if is_setting(name) and name not in hidden | {"seed"}]
        self.varying = [key for key in self.keys if self._levels(key) > 1]
        self.of_runs = self.codes(self.varying)
        self.factors = self._factors()

    def _execution(self) -> set[str]:
        """Settings that change no result. A task's setting counts as such only if all runs have the same data."""
        named = {key for keys in self._frame.get("env:execution", pd.Series(dtype=object)).dropna() for key in keys}
        several = differ(data_sets.of(self._frame))
        return {key for key in named if not (several and key.startswith("task."))}

    def _levels(self, key: str) -> int:
        values = self._frame[key]
        return int(values[(values != UNSET) & self._begun].map(exact).nunique())

    def codes(self, keys: Sequence[str]) -> NDArray[Any]:
        """A number for each run, equal for runs with equal values of these keys; -1 for runs without a config."""
        codes = np.zeros(len(self._frame), np.int64)
        for key in keys:
            if key not in self._keyed:
                self._keyed[key] = pd.factorize(self._frame[key].map(exact))[0]
            each = self._keyed[key]
            codes, _ = pd.factorize(codes * (each.max() + 1) + each)
        found: NDArray[Any] = np.where(self._begun, codes, -1)
        return found

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
        """Whether `other` cannot depend on `key`: a search drew both, or nearly each setting has its own `key`."""
        levels = codes[key].max() + 1
        fine = levels > 12 and levels >= 0.5 * (self.of_runs.max() + 1)
        return bool(fine) or (key in self._searched and other in self._searched)

    def _own(self, key: str) -> bool:
        """Whether only one choice of the key's group has this setting. Then it is part of that level's name."""
        group = key.split(".")[0]
        unset = self._frame[key] == UNSET
        if "." not in key or group not in self.varying or not unset.any():
            return False
        return int(self._frame.loc[~unset, group].nunique()) == 1

    def _shown(self, key: str) -> pd.Series:
        """The values of a setting as they are shown."""
        if key not in self._labels:
            self._labels[key] = labels(self._frame[key])
        return self._labels[key]

    def _factor(self, key: str, together: tuple[str, ...], derived: tuple[str, ...]) -> Factor:
        values = self._shown(key)
        for own in (other for other in self.varying if other.startswith(f"{key}.") and self._own(other)):
            has = self._frame[own] != UNSET
            values = values.where(~has, values + " (" + own + "=" + self._shown(own) + ")")
        present = (self.of_runs >= 0) & (self._frame[key] != UNSET)
        raw = dict(zip(values[present], self._frame.loc[present, key], strict=True))
        levels = sorted(raw, key=lambda level: order(raw[level], level))
        numeric = all(isinstance(raw[level], int | float) and not isinstance(raw[level], bool) for level in levels)
        column = pd.Categorical(values.where(present), categories=levels).codes.astype(np.int64)
        numbers = tuple(float(raw[level]) for level in levels) if numeric else None
        return Factor(key, tuple(levels), numbers, column, together, derived)

    def varies(self, key: str) -> bool:
        """Whether a key is a factor, or always changes together with one."""
        return any(key in factor.keys for factor in self.factors)

    def factor(self, key: str, option: str = "--by") -> Factor:
        """The factor that has this key.

        Args:
            key: The key, as the user typed it.
            option: The option by which the user named it, for the message.

        Raises:
            ReportError: The key does not vary among these runs.
        """
        for factor in self.factors:
            if key in factor.keys:
                return factor
        names = ", ".join(factor.key for factor in self.factors) or "nothing"
        if key in self.keys:
            alone = f"is a setting of one {key.split('.')[0]} only"
            said = alone if key in self.varying else "has one value in all these runs"
            raise ReportError(f"{option} {key}: {said} (task {self._task}); what varies: {names}")
        raise ReportError(f"{option} {key}: no run has this setting (task {self._task}); what varies: {names}")

    def alone(self, key: str) -> Factor:
        """A setting that varies as a factor of its own, though it always changes together with another one."""
        return self._factor(key, (), ())

    def blocks(self, factor: Factor, *without: str) -> NDArray[Any]:
        """A number for each run, equal for runs whose other settings are equal.

        Two runs of one block and one seed differ in the factor only. A setting that only some levels of the factor
        have (an LSTM's forget bias) is part of the level, not of the block. So is a setting that depends on the level.

        Args:
            factor: The factor.
            without: Further keys to ignore.
        """
        aside = {*factor.keys, *factor.derived, *without}
        return self.codes([key for key in self.varying if key not in aside | self.own(factor)])

    def own(self, factor: Factor) -> set[str]:
        """The settings that only one level of a factor has."""
        return {key for key in self.varying if key.startswith(f"{factor.key}.") and self._own(key)}

    @functools.cached_property
    def _texts(self) -> list[list[tuple[str, str]]]:
        """For each setting the keys that vary, with its values as text."""
        settings = self.of_runs
        first = [int(np.argmax(settings == -1))] * (int(settings.max()) + 1)
        for row in range(len(settings) - 1, -1, -1):
            if settings[row] >= 0:
                first[settings[row]] = row
        columns = [(key, self._shown(key).to_numpy(object)[first]) for key in self.varying]
        return [[(key, values[i]) for key, values in columns if values[i] != UNSET] for i in range(len(first))]

    def setting_values(self, setting: int) -> list[tuple[str, str]]:
        """The keys that vary, with one setting's values as text."""
        return self._texts[setting]

    def describe(self, setting: int, without: Sequence[str] = (), only: Sequence[str] | None = None) -> str:
        """One setting as text: the values of the keys that vary.

        Args:
            setting: Its number, from the column `setting`.
            without: Keys to leave out.
            only: The keys to show; all, if None.
        """
        if not self._texts[setting] and only is None and self.varying:  # of runs from before there was such a setting
            return f"without {', '.join(self.varying)}"
        return ", ".join(self.values(setting, without, only)) or "the one setting"

    def values(self, setting: int, without: Iterable[str] = (), only: Sequence[str] | None = None) -> list[str]:
        """The values of the keys that vary, each as text. The arguments are those of `describe`."""
        named = [(key, value) for key, value in self._texts[setting] if only is None or key in only]
        return [level_name(key, value) for key, value in named if key not in without]


def _follows(cause: NDArray[Any], effect: NDArray[Any]) -> bool:
    """Whether runs with equal values of the cause have equal values of the effect."""
    pairs = np.unique(cause * (effect.max() + 2) + effect)
    return len(pairs) == len(np.unique(cause))


GROUPS = ("task", "cell", "pooling", "optimizer", "train")


def _preference(key: str) -> tuple[int, int, str]:
    """The sort key of factors: groups before settings, and what a person would name before other keys."""
    group = key.split(".")[0]
    return ("." in key, GROUPS.index(group) if group in GROUPS else len(GROUPS), key)
