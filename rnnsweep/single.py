"""A run by itself: claimed, trained or continued, recorded and drawn. What the command line does, and a notebook."""

import errno
import traceback

from rnnsweep import curves, figures, interrupt, progress
from rnnsweep.errors import ConfigError, MachineError
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.run import Run, execute, fail
from rnnsweep.trackers import tracked

ELSEWHERE = {errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS}
"""What the system says of a place that cannot be written at all, where another may do."""


def train(run: Run, store: RunStore) -> RunRecord:
    """Trains the run where it is not finished; says so where it is, and how to go on where it was stopped.

    Raises:
        ConfigError: the directory cannot be made or written, or another process trains in it.
        MachineError: the disk is full, or what else the system says; the run is left as it stands.
        Interrupted: SIGINT or SIGTERM came; a checkpoint is written.
    """
    if finished := _finished(run, store):
        return finished
    observer = tracked(progress.observer(run.train.progress), run.train.tracker)
    _claim(store)
    try:
        if finished := _finished(run, store):  # asked again: before the claim another process may have trained it
            return finished
        if run.config["rerun"]:
            store.clear()
        with interrupt.listening() as stop:
            (record,) = execute([(run, store)], observer, stop)
    except Exception as error:
        if not isinstance(error, ConfigError | MachineError):
            fail(run.id, store, run.written, traceback.format_exc())
        raise
    except interrupt.Interrupted:
        command = "the same command without rerun=true" if run.config["rerun"] else "the same command"
        print(f"\nstopped; a checkpoint is in {store.path}: {command} continues from it", flush=True)
        raise
    finally:
        store.release()
    curves.draw(store)
    figures.draw(store, record.showcase)
    return record


def _finished(run: Run, store: RunStore) -> RunRecord | None:
    """The record of a run that needs no more training, and says so; None where there is something to train."""
    record = store.record()
    if record is None or record.status not in ("complete", "diverged") or run.config["rerun"]:
        return None
    print(f"{store.path} is finished; `rerun=true` trains it anew")
    return record


def _claim(store: RunStore) -> None:
    try:
        claimed = store.claim()
    except MachineError as error:
        if error.error.errno not in ELSEWHERE:
            raise
        problem = f"cannot write {store.path}: {error.error.strerror}; choose another directory"
        raise ConfigError("out", problem) from None
    if not claimed:
        raise ConfigError(str(store.path), "another process is training this very run")
