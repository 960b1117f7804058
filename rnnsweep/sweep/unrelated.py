"""What else a study holds. Grids without a name share `default`; an unrelated one is refused and asked for a name."""

from collections.abc import Sequence

from rnnsweep import planned
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.planned import Planned
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.search import Search, searches

UNNAMED = "default"


def refuse_unrelated(plan: Plan, name: str | int) -> None:
    """Checks that a grid belongs to what its study holds, before it is added. A named study is only told.

    A grid belongs there that shares a run with an earlier one, or that sets the same keys for the same tasks: the
    command that continues a sweep, one with more seeds, one with another cell.

    Raises:
        ConfigError: the grid is another one, and nobody named the study.
    """
    earlier = [runs for path in planned.plans(plan.study) if (runs := planned.read(path))]
    if not earlier and searches(plan.study):
        _tell_both(f"{plan.study} holds a search")
    if not earlier or any(_related(plan.runs, runs) for runs in earlier):
        return
    if name != UNNAMED:
        before = set[str]().union(*map(_keys, earlier))
        theirs, ours = (", ".join(sorted(keys)) for keys in (before, _keys(plan.runs)))
        problem = f"{plan.study} now holds grids with other settings (before: {theirs}; now: {ours}) or other tasks"
        tell_once(f"{problem}, and one report counts them together; another `hydra.sweeper.name` keeps them apart")
        return
    problem = f"{plan.study} holds another grid, and one report would mix them; name this one"
    raise ConfigError("hydra.sweeper.name", f"{problem}: `hydra.sweeper.name={_suggested(plan.runs)}`")


def tell_of_others(search: Search) -> None:
    """Says that a new search begins in a study that holds other searches, or a grid. One that goes on says nothing."""
    begun = searches(search.study)
    if search.name in {other.name for other in begun}:
        return
    if begun:
        before = ", ".join(sorted(set[str]().union(*(other.keys for other in begun))))
        held = f"another search (over {before}; now over {', '.join(sorted(search.keys))})"
    elif planned.plans(search.study):
        held = "a grid"
    else:
        return
    _tell_both(f"{search.study} holds {held}; this one begins with no trials")


def _tell_both(problem: str) -> None:
    """Says what a study holds beside what comes now, and what keeps them apart."""
    tell_once(f"{problem}; one report counts both: another `hydra.sweeper.name` keeps them apart")


def _related(runs: Sequence[Planned], others: Sequence[Planned]) -> bool:
    if {run.fingerprint for run in runs} & {run.fingerprint for run in others}:
        return True
    return (_keys(runs), _tasks(runs)) == (_keys(others), _tasks(others))


def _keys(runs: Sequence[Planned]) -> set[str]:
    return {word.lstrip("+").partition("=")[0] for run in runs for word in run.overrides}


def _tasks(runs: Sequence[Planned]) -> set[str]:
    return {str(run.config["choices"]["task"]) for run in runs}


def _suggested(runs: Sequence[Planned]) -> str:
    """The task, and the settings that vary but for the seed: `parity-cell-hidden_size`."""
    varied = [
        key.rpartition(".")[2]
        for key in dict.fromkeys(word.lstrip("+").partition("=")[0] for word in runs[0].overrides)
        if key not in ("seed", "task") and len({_typed(run, key) for run in runs}) > 1
    ]
    return "-".join([*sorted(_tasks(runs))[:2], *varied])


def _typed(run: Planned, key: str) -> str:
    return next((word for word in run.overrides if word.lstrip("+").startswith(f"{key}=")), "")
