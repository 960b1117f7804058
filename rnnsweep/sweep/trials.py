"""How a search stands: trials by state, the best, the Pareto front of several objectives."""

import collections
import math
from typing import TYPE_CHECKING

from rnnsweep import planned
from rnnsweep.planned import WorkerStatus
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.sweep.failures import failure_lines
from rnnsweep.sweep.objective import shown
from rnnsweep.sweep.search import Search, counted, typed
from rnnsweep.sweep.view import worker_lines

if TYPE_CHECKING:
    import optuna


class Trials:
    """The state of a search, from its storage."""

    def __init__(self, search: Search):
        self.search = search
        self.study = search.open()

    def look(self) -> None:
        """Nothing is kept here: the storage is asked each time."""

    @property
    def left(self) -> int:
        """Trials that have not ended."""
        over = [trial for trial in counted(self.study) if trial.state.is_finished()]
        return max(0, self.search.n_trials - len(over))

    @property
    def failed(self) -> bool:
        return any(trial.state.name == "FAIL" for trial in counted(self.study))

    @property
    def counts(self) -> dict[str, int]:
        """Trials by state."""
        states = (trial.state.name.lower() for trial in counted(self.study))
        return dict(collections.Counter({"fail": "failed"}.get(state, state) for state in states))

    def settings(self) -> dict[str, str]:
        """The runs of all trials, each with its trial's values as a person types them."""
        found: dict[str, str] = {}
        for trial in counted(self.study):
            values = _typed(trial)
            found |= dict.fromkeys(trial.user_attrs.get("runs", []), values)
        return found

    def summary(self) -> str:
        """One line."""
        over = sum(trial.state.is_finished() for trial in counted(self.study))
        told = "".join(f"  {count} {name}" for name, count in self.counts.items())
        return f"{over}/{self.search.n_trials} trials{told}{self._best_line()}"

    def _best_line(self) -> str:
        best = self._best()
        return f"  best {self._values(best[0])}" if best and len(self.search.metrics) == 1 else ""

    def _values(self, trial: "optuna.trial.FrozenTrial") -> str:
        """The objectives by name, each with the value that the runs have."""
        named = zip(self.search.objectives, trial.values, strict=True)
        return "  ".join(f"{objective.name} {shown(value)}" for objective, value in named)

    def _best(self) -> "list[optuna.trial.FrozenTrial]":
        """The best trial, or the front; none of them diverged."""
        if not any(trial.state.name == "COMPLETE" for trial in counted(self.study)):
            return []
        return [trial for trial in self.study.best_trials if all(map(math.isfinite, trial.values))]

    def lines(self) -> list[str]:
        """The summary and a line for each worker."""
        return [self.summary(), *worker_lines(self.workers())]

    def workers(self) -> list[WorkerStatus]:
        """Those that live."""
        return planned.workers(self.search.study)

    def failures(self) -> list[RunRecord]:
        """The records of the runs that failed."""
        failed = [trial for trial in counted(self.study) if trial.state.name == "FAIL"]
        names = [name for trial in failed for name in trial.user_attrs.get("runs", [])]
        records = [RunStore(self.search.study / name).record() for name in names]
        return [record for record in records if record is not None and record.status == "failed"]

    def closing_table(self) -> str:
        """How the search ended: the best trial, or the front where there are several objectives."""
        lines = ["", self.summary()]
        for trial in self._best():
            lines += [
                f"trial {trial.number}: {self._values(trial)}",
                f"  {_typed(trial)}",
                f"  {', '.join(trial.user_attrs.get('runs', []))}",
            ]
        lines += failure_lines(self.failures(), lambda _: "the same command tries such trials again")
        return "\n".join(lines)


def _typed(trial: "optuna.trial.FrozenTrial") -> str:
    """The values of a trial as a person types them: null, and not None."""
    return " ".join(f"{key}={typed(value)}" for key, value in trial.params.items())
