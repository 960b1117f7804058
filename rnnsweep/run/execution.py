"""Trains runs as a stack, and records those that end."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnsweep import commits, provenance
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.run.devices import device, threads_of
from rnnsweep.run.identity import PreparedRun, refuse_repeats
from rnnsweep.run.objects import make_model, make_optimizer
from rnnsweep.run.recording import ended
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.train import Member, Observer, ShouldPrune, Trainer, never

Claimed = Sequence[tuple[PreparedRun, RunStore]]
"""Runs with their files, which this process has claimed."""


def execute(
    runs: Claimed,
    observer: Observer,
    stop: StopRequest,
    should_prune: ShouldPrune = never,
    study: Path | None = None,
    until: int | None = None,
) -> list[RunRecord]:
    """Trains runs of one signature as a stack and writes their records. It goes on from their checkpoints.

    When half of a stack's members have ended, they are recorded and leave it; the others go on as a smaller stack.

    Args:
        runs: they differ only in numbers.
        observer: is told of each step and row.
        stop: asks to end after the step at hand.
        should_prune: is asked after each validation.
        study: the folder in which a study saves which kernel a shape gets.
        until: the step at which the runs wait, with a checkpoint and no record; the next call continues from it.

    Returns:
        The records of the runs that are over.
    """
    first = runs[0][0].train
    where, records = device(first), dict[str, RunRecord]()
    runs = sharing(runs)
    for run, _ in runs:
        refuse_repeats(run, run.task)
    for run, store in runs:
        store.begin(run.written, _about(run, store))
    try:
        with threads_of(first):
            while left := [(run, store) for run, store in runs if run.id not in records]:
                members = [make_member(run, store) for run, store in left]
                trainer = Trainer(members, where, observer, stop, should_prune, study, until)
                trainer.run()
                records |= _recorded(trainer, left)
                if trainer.waits:
                    break
        return [records[run.id] for run, _ in runs if run.id in records]
    finally:
        observer.ended()


def make_member(run: PreparedRun, store: RunStore) -> Member:
    """A run as a member of a stack."""
    return Member(
        run=run.id,
        seed=run.seed,
        task=run.task,
        code=provenance.code(run.config),
        model=make_model(run.config, run.classes, run.task),
        optimizer=make_optimizer(run.config, run.classes),
        config=run.train,
        store=store,
        parent=RunStore(run.parent.path) if run.parent else None,
    )


def sharing(runs: Claimed) -> Claimed:
    """The runs; those with the same seed and settings of the task share one task: its data and its batches."""
    tasks: dict[str, AbstractTask] = {}
    keys = [json.dumps([run.seed, run.config["task"]]) for run, _ in runs]
    return [
        (dataclasses.replace(run, task=tasks.setdefault(key, run.task)), store)
        for key, (run, store) in zip(keys, runs, strict=True)
    ]


def _recorded(trainer: Trainer, runs: Claimed) -> dict[str, RunRecord]:
    """Tests the members that have ended, with the weights of their best validations, and records them."""
    rows = [row for row, member in enumerate(trainer.members) if member.status != "running"]
    if not rows:
        return {}
    with trainer.best_weights():
        trainer.test()
        return {runs[row][0].id: ended(trainer, row, *runs[row]) for row in rows}


def _about(run: PreparedRun, store: RunStore) -> dict[str, Any]:
    """What config.json says beside the settings: the fingerprint, and the code and the commits that the run began with.

    Where it goes on with other code, that is added to what it began with.
    """
    now = provenance.code(run.config) | {"commits": commits.of(tuple(run.config["packages"]))}
    then = provenance.begun(store) if (store.path / "last.pt").exists() else {}
    if not then:
        code = now
    elif provenance.changed(then, now):
        code = now | {"before": [*then.pop("before", []), then]}
    else:
        code = then
    return {"fingerprint": run.fingerprint, "code": code}
