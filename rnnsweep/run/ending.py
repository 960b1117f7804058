"""The records of runs that ended early: they failed, or a sweep pruned them."""

from typing import Any

from rnnsweep import checkpoint, interpolation, provenance
from rnnsweep.config import Config
from rnnsweep.errors import MachineError, last_line, tell_once
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.run.environment import surroundings
from rnnsweep.run.execution import Claimed, sharing
from rnnsweep.run.identity import PreparedRun
from rnnsweep.run.recording import judged
from rnnsweep.secrets import redacted

NO_METRICS = ("step", "split")
"""What a row holds beside its metrics."""


def fail(name: str, store: RunStore, config: Config, error: str) -> RunRecord:
    """Records that a run failed, with what is known of it.

    Raises:
        MachineError: the record cannot be written; then the run's own error has been told.
    """
    rows = store.rows()
    record = RunRecord(
        run=name,
        status="failed",
        metrics={f"{row['split']}/{key}": row[key] for row in rows for key in row if key not in NO_METRICS},
        best={},
        parameters=0,
        seconds=0.0,
        steps=max((row["step"] for row in rows), default=0),
        config=config,
        environment=surroundings(),
        error=redacted(interpolation.hidden(error, config)),
    )
    try:
        store.finish(record)
    except MachineError:
        tell_once(f"{name} failed, and that cannot be recorded: {last_line(error)}")
        raise
    return record


def prune(runs: Claimed) -> None:
    """Records that runs do not go on from their checkpoints. The checkpoints stay, so that the runs can go on one day.

    A run that is over, or that another process has claimed, is left as it is.
    """
    for run, store in sharing(runs):
        if store.record() is not None or not store.claim():
            continue
        try:
            standing, parameters = checkpoint.standing(store)
            if store.record() is None and standing:
                store.finish(_pruned(run, store, standing, parameters))
        finally:
            store.release()


def _pruned(run: PreparedRun, store: RunStore, standing: dict[str, Any], parameters: int) -> RunRecord:
    return RunRecord(
        run=store.path.name,
        status="pruned",
        metrics=standing["last"],
        best=standing["best"],
        parameters=parameters,
        seconds=standing["seconds"],
        share_seconds=standing.get("share_seconds"),
        steps=standing["steps"],
        config=run.written,
        environment=surroundings() | {"code": provenance.begun(store)},
        sizes=store.sizes(),
        **judged(run),
    )
