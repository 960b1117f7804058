"""The metric that runs are compared by."""

import dataclasses
import re

PARTS = {"val": "validation", "test": "test", "train": "training"}

OWN = {
    "val/gap": "validation − training loss",
    "val/overfit": "rise after the best",
    "last:train/grad_norm": "gradient norm at the end",
}
"""Metrics whose name says too little."""


def in_words(text: str) -> str:
    """The text with each metric as a reader says it: `validation loss` for `val/loss` (for commands, files)."""
    return re.sub(r"(?<![\w/.])(last:)?(val|test|train)/(\w+)", _said, text)


def _said(found: re.Match[str]) -> str:
    words = f"{PARTS[found[2]]} {found[3].replace('_', ' ')}" + " at the end" * bool(found[1])
    return OWN.get(found[0], words)


@dataclasses.dataclass(frozen=True)
class MetricColumn:
    """The metric that runs are compared by: its column, its unit, and which direction is better."""

    name: str
    unit: str
    lower: bool

    @property
    def sign(self) -> float:
        """1 or -1. After multiplication with it, a difference below zero is better."""
        return 1.0 if self.lower else -1.0

    @property
    def words(self) -> str:
        """Its name in text, tables and figures: `validation loss`."""
        return in_words(self.name)

    @property
    def in_nats(self) -> bool:
        return self.name.endswith("/loss")

    @property
    def where(self) -> str:
        """The end of a sentence about the best setting, as in `on validation`."""
        part = self.name.partition("/")[0]
        return {"val": "on validation", "test": "on the test part"}.get(part, f"by {self.words}")

    @property
    def tested(self) -> str | None:
        """The same metric on the test part; None if this metric is not a validation metric."""
        return f"test/{self.name.removeprefix('val/')}" if self.name.startswith("val/") else None
