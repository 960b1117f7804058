"""Which way each metric is better, and its unit, as the tasks declared it in the records."""

import dataclasses
import re
from collections import defaultdict

import pandas as pd

from rnnsweep.errors import ReportError
from rnnsweep.record import Declaration

OWN = {name: Declaration("", "min") for name in ("parameters", "seconds", "gap", "overfit")}
"""What the report derives itself, or finds in every record."""

LOWER = ("loss", "free_loss", "exposure_bias", "ppl", "bpc", "mse", "one_step_mse", "free_mse")
HIGHER = (
    *("accuracy", "exact", "token_accuracy", "decoded_exact", "macro_f1", "balanced_accuracy", "recall"),
    *("controllability", "novelty", "distinct"),
)
REFERENCES = ("memoryless", "noise_mse", "bag_of_words", "classifier_accuracy", "classifier_balanced_accuracy")
BEFORE = {
    **{name: Declaration("bits" if name == "bpc" else "", "min") for name in LOWER},
    **{name: Declaration("share", "max") for name in HIGHER},
    **{name: Declaration("", None) for name in REFERENCES},
}
"""The metrics that rnnsweep's own tasks had before records declared them. Nothing is added here: tasks declare."""


def older(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Which runs were recorded before metrics were declared: their records say what the task is judged by alone."""
    return frame["metric"].notna() & frame["declared"].isna()


class DeclaredMetrics:
    """What the records of some runs declare.

    Args:
        frame: the runs, as they were collected.
    """

    def __init__(self, frame: pd.DataFrame):
        self.said = defaultdict[str, set[Declaration]](set)
        for told in frame["declared"].dropna():
            for name, each in told.items():
                self.said[name].add(dataclasses.replace(each, chance=None))
        for name, unit, direction in frame["metric"].dropna():
            self.said[name].add(Declaration(str(unit), direction))
        self.older = bool(older(frame).any())
        shown = frame["summary"].dropna()
        self.loss = Declaration("" if any("predictions" in keys for keys in shown) else "nats", "min")

    def unit(self, name: str) -> str:
        """The unit of a metric; empty where it is not known, or not the same in all runs."""
        plain = plain_name(name)
        units = {each.unit for each in self._found("loss" if plain in ("gap", "overfit") else plain)}
        return units.pop() if len(units) == 1 else ""

    def says(self, name: str) -> bool:
        """Whether the records declare one direction of a metric."""
        return {each.direction for each in self._found(plain_name(name))} in ({"min"}, {"max"})

    def reference(self, name: str) -> bool:
        """Whether the records declare a metric as a reference value, by which nothing is compared."""
        return {each.direction for each in self._found(plain_name(name))} == {None}

    def lower(self, name: str) -> bool:
        """Whether a lower value is better.

        Raises:
            ReportError: no record declares a direction, or they declare both.
        """
        plain, directions = plain_name(name), {each.direction for each in self._found(plain_name(name))}
        if not directions:
            hint = f'a task declares it as `Metric("{plain}", unit, "min" or "max")` in its `metrics`'
            raise ReportError(f"{name}: no record says which way `{plain}` is better; {hint}")
        if directions == {None}:
            raise ReportError(f"{name}: `{plain}` is a reference value, by which runs are not compared")
        if len(directions) > 1:
            raise ReportError(f"{name}: some runs declare that a lower `{plain}` is better, others a higher one")
        return directions == {"min"}

    def _found(self, plain: str) -> set[Declaration]:
        if plain in self.said:
            return self.said[plain]
        if plain in OWN:
            return {OWN[plain]}
        if plain == "loss":
            return {self.loss}
        known = BEFORE.get(re.sub(r"_\d+$", "", plain)) if self.older else None  # accuracy_256, distinct_1
        return {known} if known else set()


def plain_name(name: str) -> str:
    """A metric's name without what the column says beside it: `last:val/loss` is a loss."""
    return name.split("/", 1)[-1]
