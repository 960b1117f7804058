"""What a tuned sweep compares, tunes and has chosen, as its file in the study says."""

import dataclasses
import itertools
from typing import Any, Literal


@dataclasses.dataclass(frozen=True)
class ChosenTrial:
    """What tuning chose for one arm under one condition, and how the arm's comparison with the leader stands."""

    arm: dict[str, Any]
    """The compared settings, by key: `{"cell": "gru"}`."""
    condition: dict[str, Any]
    """The fixed conditions, by key; empty where the study sweeps none."""
    setting: dict[str, Any]
    """The tuned settings of the best trial, by key."""
    trial: str
    """The run that was best on validation, with the tuning seed."""
    value: float | None
    """Its value of the metric."""
    configurations: int
    """Trials of this arm."""
    finished: int
    """Trials that were trained to their end."""
    pruned: int
    diverged: int
    verdict: Literal["leader", "differs", "equivalent", "open"] | None = None
    """The leader is the arm with the best trial: it is known before a fresh seed is run. The others are compared with
    it. None: the study has no planned looks, or its fresh seeds are not trained yet."""
    seeds: int = 0
    """Fresh seeds by which the verdict was found."""


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What a study compares and tunes; written before the first run. See `sweep.tuned`."""

    compare: list[str]
    """The keys of the compared settings."""
    tune: dict[str, str]
    """The tuned settings, each with the text of its range. Empty: a plain grid, with a declared comparison."""
    conditions: list[str]
    """The keys that are swept and neither compared nor tuned nor the seed."""
    trials: int
    """Tuning trials of each arm; 0 in a plain grid."""
    tuning_seed: int | None
    """The seed of all trials; it is none of the fresh seeds. None in a plain grid."""
    rungs: list[int]
    """The steps at which the worse trials of each arm are pruned."""
    metric: str
    """What the choice is made by: a validation metric, such as `val/loss`. Arms are compared by the same metric of the
    test part."""
    maximised: bool
    """Whether a higher value is better."""
    seeds: list[int]
    """Fresh seeds, those of the first look; empty in a plain grid."""
    looks: list[int]
    """Fresh seeds of an arm at each planned look; empty where all seeds are run at once."""
    levels: list[float]
    """What each look may spend of the error rate. A comparison's p is judged by level / (arms - 1)."""
    margin: float | None
    """A difference below it does not matter, in the unit of the metric."""
    chosen: list[ChosenTrial] = dataclasses.field(default_factory=list)
    """One for each arm and condition; empty until the tuning is over."""
    stages: dict[str, str] = dataclasses.field(default_factory=dict)
    """The plans that were made, by their file's name, each with the title of its stage; the newest is the last."""

    @property
    def every_seed(self) -> list[int]:
        """All fresh seeds that may be run: those of the last look."""
        return self.fresh(max([len(self.seeds), *self.looks])) if self.seeds else []

    def fresh(self, count: int) -> list[int]:
        """The first `count` fresh seeds: those of the first look, then the numbers that follow the largest of them."""
        added = (seed for seed in itertools.count(max(self.seeds) + 1) if seed != self.tuning_seed)
        return [*self.seeds, *itertools.islice(added, max(0, count - len(self.seeds)))][:count]


def of_the_test(metric: str) -> str:
    """The metric of the test part that belongs to one of the validation part: arms are compared by it."""
    return metric.replace("val/", "test/", 1)


def too_wide(margin: float, metric: str, unit: str) -> str:
    """What is wrong with a margin for a metric that is a share; empty if nothing is.

    Args:
        margin: in the unit of the metric.
        metric: what a message calls it.
        unit: as its task declares it.
    """
    if unit != "share" or margin < 1:
        return ""
    return f"expected less than 1, because {metric} is a share: one percentage point is 0.01"
