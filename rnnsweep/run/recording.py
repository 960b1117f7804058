"""The record of a run that was trained to its end."""

import dataclasses
from typing import Any

from rnnsweep.diagnostics import diagnose
from rnnsweep.record import Declaration, RunRecord, RunStore
from rnnsweep.run.environment import environment
from rnnsweep.run.identity import PreparedRun
from rnnsweep.tasks.base import declared
from rnnsweep.tasks.metric import declarations
from rnnsweep.train import Trainer
from rnnsweep.types import Summary


def ended(trainer: Trainer, row: int, run: PreparedRun, store: RunStore) -> RunRecord:
    """Writes the record of a member that has ended.

    Args:
        trainer: its models hold their best weights.
        row: the member's.
        run: the member's.
        store: its files.
    """
    member = trainer.members[row]
    assert member.status != "running"
    complete, diverged = member.status == "complete", member.status == "diverged"
    summary = _summary(run, trainer, row) if complete else Summary({})
    if summary.page:
        title = f"{run.id}, step {member.best['step']:.0f}, validation loss {member.best['val/loss']:.4f} nats"
        store.write("samples.md", summary.page.replace("# Samples", f"# Samples of {title}", 1))
    record = RunRecord(
        run=run.id,
        status=member.status,
        metrics=dict(member.last),
        best={**member.best, **{f"test/{name}": value for name, value in summary.metrics.items()}},
        parameters=trainer.stack.parameter_count,
        seconds=member.seconds,
        share_seconds=member.share_seconds,
        steps=member.steps,
        config=run.written,
        environment=environment(run, store, trainer),
        summary=summary.data,
        error=f"the loss or its gradient passed all bounds by step {member.steps}" if diverged else None,
        sizes=store.sizes(),
        **judged(run),
    )
    store.finish(record)
    return record


def judged(run: PreparedRun) -> dict[str, Any]:
    """What a record says of the metrics: the one that the task is judged by, and the declaration of each."""
    known = declared(run.task, declarations(run.train.own_metrics))
    metrics = {name: Declaration(m.unit, m.direction, m.chance) for name, m in known.items()}
    return {"metric": dataclasses.asdict(run.task.metric), "declared": metrics}


def _summary(run: PreparedRun, trainer: Trainer, row: int) -> Summary:
    model = trainer.stack.module(row).eval()
    shown = run.task.with_snapshots(run.task.summary(model), trainer.members[row].snapshots)
    views = diagnose(run.task, model) if run.train.diagnostics else {}
    return dataclasses.replace(shown, data=shown.data | views)
