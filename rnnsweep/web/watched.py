"""What the page shows of a study, from the files of the study alone. Nothing is written."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnsweep import planned, study_folder
from rnnsweep.errors import ConfigError
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.sweep.failures import alike, message
from rnnsweep.sweep.plan import Planned, plans
from rnnsweep.sweep.search import searches
from rnnsweep.sweep.trials import Trials
from rnnsweep.sweep.view import Progress, Standing, worker_line
from rnnsweep.web.live_curves import Curve
from rnnsweep.web.standing import boards

MOST_CURVES = 40
"""Curves that the page shows: those of runs in training, then the best."""

State = dict[str, Any]


class Watched:
    """A study that is watched. What was read once and cannot change is kept.

    Args:
        study: the study's directory.
    """

    def __init__(self, study: Path):
        self.study = study
        self._progress: dict[tuple[Path, int], Progress] = {}
        self._records: dict[str, RunRecord] = {}
        self._curves: dict[str, Curve] = {}

    def state(self) -> State:
        """How the study stands now, as the page reads it.

        Raises:
            ConfigError: the directory is not that of a study.
            MachineError: a file cannot be read.
        """
        found, trials = self._plans(), [Trials(search) for search in searches(self.study)]
        if not found and not trials:
            raise ConfigError(str(self.study), study_folder.not_a_study(self.study))
        workers = planned.workers(self.study)
        settings = _settings(found) | _settings_of(trials)
        records = self._over(settings)
        training = [run for worker in workers for run in worker.runs]
        return {
            "study": self.study.name,
            "time": time.time(),
            "parts": [*(_part(each, training) for each in found), *map(_searched, trials)],
            "workers": [worker_line(worker) for worker in workers],
            "curves": self._lines(settings, records, training),
            "runs": len(settings),
            "failures": self._failures(found, trials),
            "boards": boards((settings[name], record) for name, record in records.items()),
        }

    def _plans(self) -> list[Progress]:
        """The plans of now; one that was written anew, as rerun=true does, is looked at anew."""
        now = {}
        for plan in (each.counted() for each in plans(self.study)):
            key = (plan.path, sum(run.generation for run in plan.runs))
            now[key] = self._progress.get(key) or Progress(plan)
            now[key].look()
        self._progress = now
        return list(now.values())

    def _over(self, settings: dict[str, str]) -> dict[str, RunRecord]:
        """The records of the runs that are over."""
        for progress in self._progress.values():
            self._records |= progress.records
        for name in settings.keys() - self._records.keys():
            record = RunStore(self.study / name).record()
            if record is not None and record.status in ("complete", "diverged"):  # the others may be trained again
                self._records[name] = record
        return {name: self._records[name] for name in settings if name in self._records}

    def _lines(self, settings: dict[str, str], records: dict[str, RunRecord], training: list[str]) -> list[State]:
        """The validation losses of the runs in training and of the best, with the names that the page draws them by."""
        rest = sorted(records, key=lambda name: _loss(records[name]))
        lines = []
        for name in list(dict.fromkeys([*training, *rest]))[:MOST_CURVES]:
            curve = self._curves.setdefault(name, Curve(self.study / name / "metrics.jsonl"))
            if points := curve.points():
                label = settings.get(name, name)
                lines.append({"run": name, "label": label, "live": name in training, "points": points})
        return lines

    def _failures(self, found: list[Progress], trials: list[Trials]) -> list[State]:
        """For each cause how many runs failed, one of them, and what to do."""
        commands = {run.id: run.command(self.study) for progress in found for run in progress.plan.runs}
        parts: list[Standing] = [*found, *trials]
        records = {record.run: record for part in parts for record in part.failures()}
        return [
            {
                "runs": len(records),
                "run": records[0].run,
                "error": message(records[0].error),
                "rerun": commands.get(records[0].run, "the sweep's command tries such trials again"),
            }
            for records in alike(records.values())
        ]


def _loss(record: RunRecord) -> float:
    value = record.best.get("val/loss")
    return float("inf") if value is None else float(value)


def _part(progress: Progress, training: list[str]) -> State:
    """A plan: runs by state, and the time left."""
    running = len({run.id for run in progress.plan.runs} & set(training))
    return {
        "title": progress.plan.title or "grid",
        "done": progress.done,
        "total": len(progress.plan.runs),
        "counts": progress.counts | {"running": running, "to do": progress.left - running},
        "seconds_left": progress.seconds_left,
    }


def _searched(trials: Trials) -> State:
    """A search: trials by state."""
    counts = trials.counts
    done = trials.search.n_trials - trials.left
    return {
        "title": "search",
        "done": done,
        "total": trials.search.n_trials,
        "counts": counts | {"to do": trials.left - counts.get("running", 0)},
        "seconds_left": None,
    }


def _settings(found: list[Progress]) -> dict[str, str]:
    """The runs of the plans, each with what sets its setting apart from the others, as a person types it."""
    runs = {run.id: run for progress in found for run in progress.plan.runs}
    typed = {name: list(_typed(run)) for name, run in runs.items()}
    common = set.intersection(*map(set, typed.values())) if len(typed) > 1 else set()
    return {name: " ".join(text for text in texts if text not in common) or name for name, texts in typed.items()}


def _typed(run: Planned) -> Iterator[str]:
    return (text for text in run.overrides if not text.startswith(("seed=", "+study=", "size=")))


def _settings_of(trials: list[Trials]) -> dict[str, str]:
    """The runs of the searches' trials, each with the trial's values."""
    return {name: text for each in trials for name, text in each.settings().items()}
