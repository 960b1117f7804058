"""What a person sees of a sweep: runs done of all, the best so far, a line a worker, failures, time left."""

import collections
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rnnsweep import planned
from rnnsweep.planned import WorkerStatus
from rnnsweep.progress import number
from rnnsweep.ranking import ranked
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.sweep.failures import cause, failure_lines, message
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.sparkline import sparkline
from rnnsweep.sweep.time_left import seconds_left

LINE_SECONDS = 10.0  # between two plain lines
SLOW = 2.0  # steps that take this many times what was measured before are told


@runtime_checkable
class Standing(Protocol):
    """How work stands that workers share: a plan's runs, or a search's trials."""

    @property
    def left(self) -> int: ...

    def look(self) -> None: ...

    def summary(self) -> str: ...

    def lines(self) -> list[str]: ...

    def failures(self) -> list[RunRecord]: ...

    def workers(self) -> list[WorkerStatus]: ...


class Progress:
    """The state of a plan, read anew from its files at each look; records that were read are kept."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.records: dict[str, RunRecord] = {}
        self.waiting: set[str] = set()
        self._workers: list[WorkerStatus] = []

    def look(self) -> None:
        """Reads the records that are new, and what the workers say."""
        self._workers = planned.workers(self.plan.study)
        for run in self.plan.runs:
            if run.id not in self.records:
                record = self.plan.record(run)
                if record is not None and record.status != "pruned":  # a grid wants whole what a search pruned
                    self.records[run.id] = record
                elif run.id not in self.waiting and self.plan.has_come(run):
                    self.waiting.add(run.id)
        self.waiting -= self.records.keys()

    @property
    def done(self) -> int:
        """Runs that need no more training here."""
        return len(self.records) + len(self.waiting)

    @property
    def left(self) -> int:
        """Runs that need training."""
        return len(self.plan.runs) - self.done

    @property
    def counts(self) -> dict[str, int]:
        """Runs by status, `at the rung` for those that wait there, `to do` for those that need training."""
        counts = collections.Counter(record.status for record in self.records.values())
        return dict(counts) | {"at the rung": len(self.waiting), "to do": self.left}

    @property
    def best(self) -> RunRecord | None:
        """The complete run with the lowest validation loss; None for several tasks, whose losses differ in kind."""
        if len({record.config["choices"]["task"] for record in self.records.values()}) > 1:
            return None
        complete = [r for r in self.records.values() if r.status == "complete" and r.best.get("val/loss") is not None]
        return min(complete, key=lambda record: record.best["val/loss"] or 0.0, default=None)

    @property
    def seconds_left(self) -> float | None:
        """If the workers that live go on as they do; None where none lives or nothing was trained yet."""
        runs = [run for run in self.plan.runs if run.id not in self.waiting]
        return seconds_left(runs, self.records, self.workers())

    def summary(self) -> str:
        """One line."""
        counts = "  ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        seconds = self.seconds_left
        left = "" if seconds is None else f"  about {duration(seconds)} left"
        best = "" if self.best is None else f"  best {number(self.best.best['val/loss'] or 0.0)} {self.best.run}"
        title = f"{self.plan.title}: " if self.plan.title else ""
        return f"{title}{self.done}/{len(self.plan.runs)} runs  {counts}{left}{best}"

    def lines(self) -> list[str]:
        """The summary, the curve of the best run, and a line for each worker."""
        return [self.summary(), *curve_lines(self.plan.study, self.best), *worker_lines(self.workers())]

    def workers(self) -> list[WorkerStatus]:
        """Those that lived at the last look."""
        return self._workers

    def failures(self) -> list[RunRecord]:
        return [record for record in self.records.values() if record.status == "failed"]


def curve_lines(study: Path, best: RunRecord | None) -> list[str]:
    """The validation losses of the best run, where it has several."""
    losses = [row["loss"] for row in RunStore(study / best.run).rows() if row["split"] == "val"] if best else []
    return [f"  its validation loss  {sparkline(losses)}"] if len(losses) > 1 else []


def worker_lines(workers: Iterable[WorkerStatus]) -> list[str]:
    """A line for each worker."""
    return [f"  {worker_line(state)}" for state in workers]


def worker_line(state: WorkerStatus) -> str:
    """What one worker does."""
    runs = state.runs
    if not runs:
        return f"worker {state.pid}: waits for runs that others train"
    what = runs[0] if len(runs) == 1 else f"{len(runs)} runs such as {runs[0]}"
    if not state.steps:
        return f"worker {state.pid}: prepares {what}"
    loss = f"  loss {number(state.train)}" if state.train is not None else ""
    speed = f"  {state.tokens_per_second:,.0f} tokens/s" if state.tokens_per_second is not None else ""
    return f"worker {state.pid}: {what}  step {state.step}/{state.steps}{loss}{speed}"


def duration(seconds: float) -> str:
    """A time that a person reads: 45 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class View:
    """Shows the progress while a sweep runs: redrawn in place on a terminal, plain lines elsewhere."""

    def __init__(self, progress: Standing):
        self.progress, self.told = progress, set[str]()
        self.told_slow, self.shown = False, ""
        self.shown_at = time.monotonic()  # the sweep has just said how it stands
        self.live: Any = None
        if sys.stdout.isatty():
            from rich.live import Live

            self.live = Live(refresh_per_second=4)
            try:
                self.live.start()
                self.shown_at = 0.0
            except RuntimeError:  # the system starts no thread for it
                self.live = None

    def refresh(self) -> None:
        """Call it often; it looks at the files once a second."""
        if time.monotonic() - self.shown_at < (1.0 if self.live else LINE_SECONDS):
            return
        self.shown_at = time.monotonic()
        self.progress.look()
        for record in self.progress.failures():
            if cause(record) not in self.told:  # others that fail alike are counted in the summary
                self.told.add(cause(record))
                self._print(f"failed: {record.run}: {message(record.error)}")
        self._tell_slow()
        if self.live:
            from rich.text import Text

            self.live.update(Text("\n".join(self.progress.lines())))
        elif (line := self.progress.summary()) != self.shown:
            self.shown = line
            self._print(line)

    def _tell_slow(self) -> None:
        """Says once that the steps take much longer than they did when the stack's size was measured."""
        slowest = max((worker.slowdown or 0.0 for worker in self.progress.workers()), default=0.0)
        if slowest > SLOW and not self.told_slow:
            self.told_slow = True
            self._print(
                f"slow: a step takes {slowest:.1f} times as long as when it was measured. Other programs or too many "
                "workers share the processor. The results stay the same; the times in the records cannot be compared. "
                "Fewer workers (hydra.sweeper.workers=1) or a quiet machine help"
            )

    def _print(self, line: str) -> None:
        if self.live:
            self.live.console.print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)

    def close(self) -> None:
        if self.live:
            self.live.stop()


def closing_table(progress: Progress) -> str:
    """How a sweep ended: runs by status, the best, and for each cause of failures one run and its command."""
    progress.look()
    lines = ["", *(f"{count:>6} {name}" for name, count in progress.counts.items() if count)]
    lines += best_lines(progress.records.values())
    planned = {run.id: run for run in progress.plan.runs}
    lines += failure_lines(progress.failures(), lambda run: planned[run].command(progress.plan.study))
    return "\n".join(lines)


def best_lines(records: Iterable[RunRecord]) -> list[str]:
    """The best setting of each task by its mean over seeds, after an empty line."""
    lines = []
    for task, ranking in ranked(records).items():
        first = ranking.settings[0]
        seeds = f"mean of {len(first.seeds)} seeds" if len(first.seeds) > 1 else f"seed {first.seeds[0]}"
        what = first.words or "the only setting"
        lines.append(f"best of {task}: {what}  {first.metric} {number(first.mean)}, {seeds}")
        lines += [f"  {note}" for note in ranking.notes]
    return ["", *lines] if lines else []
