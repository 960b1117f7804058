"""One run: claimed, trained or continued, recorded, and its figures drawn; for the command line and notebooks."""

import errno
import traceback

from rnnsweep import curves, figures, interrupt, progress, provenance
from rnnsweep.errors import ConfigError, MachineError, tell_once
from rnnsweep.lengths import tell_other_length
from rnnsweep.naming import belongs
from rnnsweep.observers import Careful
from rnnsweep.provenance import in_words
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.run import PreparedRun, execute, fail
from rnnsweep.run.dry_run import theirs
from rnnsweep.run.unused import tell_idle
from rnnsweep.trackers import tracked
from rnnsweep.train import Observer

ELSEWHERE = {errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS}
"""Errors of the system about a directory that cannot be written; another directory may do."""


def train(run: PreparedRun, store: RunStore, shown: Observer | None = None) -> RunRecord:
    """Trains a run that is not finished. Prints whether it was finished before, and how to continue one that was
    stopped.

    Args:
        run: what to train.
        store: its files.
        shown: is told how training goes; None: the display of a terminal. An error of it stops the training.

    Raises:
        ConfigError: the directory cannot be made or written, or another process trains in it.
        MachineError: the disk is full, or what else the system says; the run is left as it stands.
        Interrupted: SIGINT or SIGTERM came; a checkpoint is written.
    """
    if finished := _finished(run, store):
        return finished
    tell_other_length(run, store)
    tell_idle(run)
    shown = shown or Careful("the progress display", progress.observer(run.train.progress))
    observer = tracked(shown, run.train.tracker)
    _claim(store)
    try:
        if finished := _finished(run, store):  # asked again: before the claim another process may have trained it
            return finished
        _make_ready(run, store)
        with interrupt.listening() as stop:
            (record,) = execute([(run, store)], observer, stop)
    except Exception as error:
        if not isinstance(error, ConfigError | MachineError):
            fail(run.id, store, run.written, traceback.format_exc())
        raise
    except interrupt.Interrupted:
        there = (store.path / "last.pt").exists()
        says = f"a checkpoint is in {store.path}: the same command continues from it"
        print(f"\nstopped; {says if there else 'there is no checkpoint yet: the same command starts over'}", flush=True)
        raise
    finally:
        store.release()
    curves.draw(store)
    figures.draw(store, record.summary)
    return record


def _finished(run: PreparedRun, store: RunStore) -> RunRecord | None:
    """The record of a run that needs no more training, and says so; None where there is something to train."""
    record = store.outcome()
    if record is None or record.status not in ("complete", "diverged") or run.config["rerun"]:
        return None
    print(f"{store.path} is finished; `rerun=true` trains it anew")
    if files := provenance.changed_since_start(store, run.config):
        warning = f"warning: {in_words(files)} changed since {store.path} was trained"
        tell_once(f"{warning}; `rerun=true` trains it anew with the present code")
    if "task" in theirs(run.config) and record.environment.get("data_hash") not in (None, run.task.data_hash):
        warning = f"warning: the data of {store.path} changed since it was trained"  # no file of ours that names it
        tell_once(f"{warning}; `rerun=true` trains it anew, and a `source_hash` of its task would give it another name")
    return record


def _make_ready(run: PreparedRun, store: RunStore) -> None:
    """Clears a run that starts over: for `rerun=true`, unless that was interrupted, or where it failed with other code.

    Raises:
        ConfigError: the directory is another run's, or an interrupted run was begun with other code.
    """
    if not belongs(store, run):
        raise ConfigError(str(store.path), "another run has just taken this name; the same command finds a longer one")
    files = [] if run.config["resume_changed"] else provenance.changed_since_checkpoint(store, run.config)
    record = store.record()
    begun_anew = store.generation() > 0 and record is None
    if run.config["rerun"] and begun_anew and not files:
        print(f"{store.path} continues the interrupted rerun")
    elif run.config["rerun"]:
        store.renew(store.generation() + 1)
    elif files and record is not None and record.status == "failed":
        print(f"{store.path} starts over: it failed, and {in_words(files)} changed since")
        store.clear()
    elif files:
        raise provenance.refusal([store.path.name], files)


def _claim(store: RunStore) -> None:
    try:
        claimed = store.claim()
    except MachineError as error:
        if error.error.errno not in ELSEWHERE:
            raise
        problem = f"cannot write {store.path}: {error.error.strerror}; choose another directory"
        raise ConfigError("out", problem) from None
    if not claimed:
        raise ConfigError(str(store.path), "another process is training this run")
