"""The metric that runs are compared by."""

import dataclasses


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
    def in_nats(self) -> bool:
        return self.name.endswith("/loss")

    @property
    def where(self) -> str:
        """The end of a sentence about the best setting, as in `on validation`."""
        part = self.name.partition("/")[0]
        return {"val": "on validation", "test": "on the test part"}.get(part, f"by {self.name}")

    @property
    def tested(self) -> str | None:
        """The same metric on the test part; None if this metric is not a validation metric."""
        return f"test/{self.name.removeprefix('val/')}" if self.name.startswith("val/") else None
