"""What a reader needs to judge and repeat a number: versions, code, machine, memory, kernel, data."""

import functools
import os
import platform
import sys
from importlib import metadata
from typing import Any

import torch

from rnnsweep import commits, provenance, system
from rnnsweep.cells.base import AbstractCell
from rnnsweep.config import marked
from rnnsweep.record import RunStore
from rnnsweep.run.identity import PreparedRun
from rnnsweep.secrets import redacted
from rnnsweep.train import Trainer
from rnnsweep.types import EXECUTION

PACKAGES = ("rnnsweep", "torch", "numba", "numpy", "hydra-core", "omegaconf")


def environment(run: PreparedRun, store: RunStore, trainer: Trainer) -> dict[str, Any]:
    """The environment of a run that was just trained."""
    cuda = trainer.device.type == "cuda"
    cell = next(module for module in trainer.stack.model.modules() if isinstance(module, AbstractCell))
    code = provenance.begun(store)
    commit = commits.main(code.get("commits", {}))
    return surroundings() | {
        "git_commit": commit["commit"],
        "git_dirty": commit["dirty"],
        "code": code,
        "device": torch.cuda.get_device_name(trainer.device) if cuda else trainer.device.type,
        "threads": trainer.pace.threads,
        "kernel": cell.runs_as(trainer.stack.kernel),
        "hidden_size": cell.hidden_size,
        "stack": len(trainer.members),
        "peak_memory_bytes": torch.cuda.max_memory_allocated(trainer.device) if cuda else system.resident_peak(),
        "source_hash": run.task.source_hash,
        "data_hash": run.task.data_hash,
        "parent": _parent(run),
        "execution": [
            f"{group}.{name}" for group, cls in run.classes.items() for name in sorted(marked(cls, EXECUTION))
        ],
    }


def _parent(run: PreparedRun) -> dict[str, Any] | None:
    """The run that it started from; null where it started from nothing."""
    if run.parent is None:
        return None
    return {"run": run.parent.path.name, "fingerprint": run.parent.fingerprint, "step": run.parent.step}


@functools.cache
def surroundings() -> dict[str, Any]:
    """What this process knows without a run: versions, commit, machine, command."""
    commit = commits.main(commits.of(()))
    return {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "git_commit": commit["commit"],
        "git_dirty": commit["dirty"],
        "host": platform.node(),
        "platform": platform.platform(),
        "processor": system.processor(),
        "cpus": os.cpu_count(),
        "command": [redacted(word) for word in (sys.executable, *sys.argv)],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # an extra that is not installed
        return None
