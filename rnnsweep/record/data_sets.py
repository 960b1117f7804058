"""Whether runs were trained on the same data: runs on other data are no repetitions, whatever their settings."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence

DIGITS = 8
"""How much of a hash is shown."""


@dataclasses.dataclass(frozen=True)
class DataSet:
    """The data of one run."""

    seed: float | None
    source: str | None
    """The hash of the files that they were read from; empty for data that are made from the seed and the settings.
    None for runs that did not record it."""
    content: str | None
    """The hash of the examples; None if it is not known. Those of one file may differ with the seed."""


def differ(runs: Iterable[DataSet]) -> bool:
    """Whether runs were trained on different data, beyond what their seeds make different.

    Args:
        runs: the data of each run.
    """
    runs = list(runs)
    contents: dict[float | None, set[str]] = defaultdict(set)
    for run in runs:
        if run.content is not None:
            contents[run.seed].add(run.content)
    return _several_sources(runs) or any(len(each) > 1 for each in contents.values())


def names(runs: Sequence[DataSet]) -> list[str]:
    """A name for the data of each run; all are empty if the data are the same, or if no name tells them apart.

    Data that are made from the seed have a hash for each seed. If some code made other data from the same seeds, the
    hashes do not say which of them belong together.

    Args:
        runs: the data of each run.
    """
    nothing = [""] * len(runs)
    if _several_sources(runs):
        return [(run.source or run.content or "")[:DIGITS] for run in runs]
    if not differ(runs):
        return nothing
    seeds: dict[str | None, set[float | None]] = defaultdict(set)
    for run in runs:
        seeds[run.content].add(run.seed)
    made = all(len(each) == 1 for each in seeds.values()) and len({run.seed for run in runs}) > 1
    return nothing if made else [(run.content or "")[:DIGITS] for run in runs]


def _several_sources(runs: Iterable[DataSet]) -> bool:
    return len({run.source for run in runs} - {None}) > 1
