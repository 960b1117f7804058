"""Settings of a sweep that nothing reads, such as those of a search in a grid: they are told by name."""

from collections.abc import Iterable

from rnnsweep.errors import tell_once
from rnnsweep.sweep.settings import KEY, Sweep

SEARCH, TUNED = f"a search ({KEY}.search=tpe)", f"a tuned sweep ({KEY}.tune)"

READERS: dict[str, tuple[tuple[str, ...], str]] = {
    "seeds": (("search",), f"{SEARCH} reads it; elsewhere seeds are typed as in `seed=0,1,2`"),
    "n_trials": (("search",), f"{SEARCH} reads it"),
    "storage": (("search",), f"{SEARCH} reads it"),
    "pruner": (("search", "tune"), f"{SEARCH} and {TUNED} read it; no run of a grid is pruned"),
    "metrics": (("search", "tune", "compare"), f"{SEARCH}, {TUNED} and {KEY}.compare read it"),
    "tune_trials": (("tune",), f"{TUNED} reads it"),
}
"""Of each setting, those of which one has to be set for it to be read, and how that is said."""

DEFAULT = Sweep(name="")


def tell_unused(sweeps: Iterable[Sweep]) -> None:
    """Says which settings differ from their defaults and are read by no part of a sweep."""
    every = list(sweeps)
    for name, (readers, said) in READERS.items():
        given = [getattr(sweep, name) for sweep in every if _value(sweep, name) != _value(DEFAULT, name)]
        if given and not any(getattr(sweep, reader) for sweep in every for reader in readers):
            tell_once(f"{KEY}.{name}={given[0]} does nothing in this sweep: only {said}")


def _value(sweep: Sweep, name: str) -> object:
    """A setting in one form, whether it is written as a text or as a list."""
    forms = {"metrics": sweep.objectives, "seeds": sweep.seeds_text, "pruner": sweep.pruner or "none"}
    return forms.get(name, getattr(sweep, name))
