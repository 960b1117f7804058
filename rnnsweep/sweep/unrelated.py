"""Grids without a name share the study `default`; an unrelated one is refused and asked for a name."""

from collections.abc import Sequence

from rnnsweep import planned
from rnnsweep.errors import ConfigError
from rnnsweep.planned import Planned
from rnnsweep.sweep.plan import Plan

UNNAMED = "default"


def refuse_unrelated(plan: Plan, name: str | int) -> None:
    """Checks that a grid belongs to what the study `default` holds, before it is added.

    A grid belongs there that shares a run with an earlier one, or that sets the same keys for the same tasks: the
    command that continues a sweep, one with more seeds, one with another cell.

    Raises:
        ConfigError: the grid is another one.
    """
    earlier = [runs for path in planned.plans(plan.study) if (runs := planned.read(path))]
    if name != UNNAMED or not earlier or any(_related(plan.runs, runs) for runs in earlier):
        return
    problem = f"{plan.study} holds another grid, and one report would mix them; name this one"
    raise ConfigError("hydra.sweeper.name", f"{problem}: `hydra.sweeper.name={_suggested(plan.runs)}`")


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
