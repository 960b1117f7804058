"""The direction and the unit of each metric, as the tasks declared them in the records."""

import dataclasses
import re
from collections import defaultdict

import pandas as pd

from rnnsweep.errors import ReportError
from rnnsweep.record import Declaration

OWN = {name: Declaration("", "min") for name in ("parameters", "seconds", "gap", "overfit")}
"""Metrics that the report computes itself, or finds in every record."""

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
"""The metrics of rnnsweep's own tasks before records declared them. A new metric is declared by its task, not here."""


def older(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Which runs were recorded before tasks declared all metrics. Their records declare one metric only."""
    return frame["metric"].notna() & frame["declared"].isna()


class DeclaredMetrics:
    """The metrics that the records of some runs declare.

    Args:
        frame: The runs, as `collect` returns them.
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
        """The unit of a metric; empty if it is not known, or not the same in all runs."""
        plain = plain_name(name)
        units = {each.unit for each in self._found("loss" if plain in ("gap", "overfit") else plain)}
        return units.pop() if len(units) == 1 else ""

    def says(self, name: str) -> bool:
        """Whether the records declare one direction for a metric."""
        return {each.direction for each in self._found(plain_name(name))} in ({"min"}, {"max"})

    def reference(self, name: str) -> bool:
        """Whether the records declare a metric as a reference value. Runs are not compared by such a value."""
        return {each.direction for each in self._found(plain_name(name))} == {None}

    def lower(self, name: str) -> bool:
        """Whether a lower value is better.

        Raises:
            ReportError: No record declares a direction, or the records declare different ones.
        """
        plain, directions = plain_name(name), {each.direction for each in self._found(plain_name(name))}
        if not directions:
            hint = f'a task declares it as `Metric("{plain}", unit, "min" or "max")` in its `metrics`'
            raise ReportError(f"{name}: no record says which way `{plain}` is better; {hint}")
        if directions == {None}:
            raise ReportError(f"{name}: `{plain}` is a reference value; runs are not compared by it")
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
    """A metric's name without its split: `last:val/loss` is `loss`."""
    return name.split("/", 1)[-1]
