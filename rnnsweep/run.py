"""From a config to a run: the only module that instantiates."""

import dataclasses
import functools
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rnnsweep import rng
from rnnsweep.config import GROUPS, PRIVATE, Config, General, checked, run_id, schema, signature, suggestion, target
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.train import Member, Observer, TrainConfig, Trainer, load
from rnnsweep.types import Showcase


@dataclasses.dataclass(frozen=True)
class Run:
    """A validated config with its identity and its task; nothing has been read or written yet."""

    id: str
    signature: str
    config: Config
    classes: dict[str, type]
    task: AbstractTask
    train: TrainConfig

    @property
    def seed(self) -> int:
        return int(self.config["seed"])


def identify(config: Config) -> Run:
    """Checks the settings and the files that they name; cheap enough for ten thousand runs.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    config, classes = validated(config)
    task = make_task(config, classes)
    identity = config, classes, task.source_hash
    return Run(run_id(*identity), signature(*identity), config, classes, task, TrainConfig(**config["train"]))


def prepare(config: Config) -> Run:
    """Checks everything that can be checked before a directory exists, the data and the device included.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    run = identify(config)
    run.task.steps_per_epoch  # noqa: B018  raises where the data do not fill a batch
    device(run.train)
    return run


def validated(config: Config) -> tuple[Config, dict[str, type]]:
    """The config with every value checked and every default filled in, and the classes of its groups."""
    groups, general = [*GROUPS, "train"], list(schema(General).model_fields)
    for key, value in config.items():
        if key not in groups + general:
            hint = suggestion(key, [name for name in groups + general if name != "choices"])
            raise ConfigError(key, f"there is no setting or group `{key}`.{hint}")
        if key in groups and not isinstance(value, dict):
            raise ConfigError(key, f"expected a group of settings, got {value!r}")
    filled = checked(General, {key: value for key, value in config.items() if key in general}, "")
    classes = {group: target(config, group) for group in GROUPS} | {"train": TrainConfig}
    for group, cls in classes.items():
        named = {"_target_": config[group]["_target_"]} if group in GROUPS else {}
        filled[group] = named | checked(cls, config[group], group)
    return filled, classes


def settings(config: Config, group: str) -> Config:
    """A group's keywords."""
    return {name: value for name, value in config[group].items() if name not in PRIVATE}


def make_task(config: Config, classes: dict[str, type]) -> AbstractTask:
    task = classes["task"](config["seed"], config["train"]["batch_size"], **settings(config, "task"))
    assert isinstance(task, AbstractTask)
    return task


def make_model(config: Config, classes: dict[str, type], task: AbstractTask) -> nn.Module:
    """The model of a run with its initial weights, a function of the seed."""
    cell = functools.partial(classes["cell"], **settings(config, "cell"))
    pooling = functools.partial(classes["pooling"], **settings(config, "pooling"))
    with rng.seeded(config["seed"], "init"):
        return task.build(cell, pooling)


def make_member(run: Run, store: RunStore) -> Member:
    return Member(
        run=run.id,
        seed=run.seed,
        task=run.task,
        model=make_model(run.config, run.classes, run.task),
        optimizer=run.classes["optimizer"](**settings(run.config, "optimizer")),
        config=run.train,
        store=store,
    )


def device(train: TrainConfig) -> torch.device:
    """The device of a run.

    Raises:
        ConfigError: CUDA is asked for, or needed, and is not there.
    """
    cuda = torch.cuda.is_available()
    if train.device == "cuda" and not cuda:
        raise ConfigError("train.device", "torch finds no CUDA device here; use `train.device=auto` or `cpu`")
    name = "cuda" if cuda and train.device != "cpu" else "cpu"
    if train.precision != "float32" and name == "cpu":
        raise ConfigError("train.precision", "mixed precision needs CUDA; use `train.precision=float32`")
    return torch.device(name)


def execute(runs: Sequence[tuple[Run, RunStore]], observer: Observer, stop: StopRequest) -> list[RunRecord]:
    """Trains claimed runs of one signature as a stack and writes their records; resumes from their checkpoints."""
    first = runs[0][0]
    where = device(first.train)
    if first.train.threads:
        torch.set_num_threads(first.train.threads)
    for run, store in runs:
        store.begin(run.config)
    try:
        trainer = Trainer([make_member(run, store) for run, store in runs], where, observer, stop)
        trainer.run()
        trainer.test()
        return [_finish(trainer, row, run, store) for row, (run, store) in enumerate(runs)]
    finally:
        observer.ended()


def fail(name: str, store: RunStore, config: Config, error: str) -> RunRecord:
    """Records that a run failed, with what is known of it."""
    rows = store.rows()
    last = {f"{row['split']}/{name}": value for row in rows for name, value in row.items() if name not in _NO_METRICS}
    record = RunRecord(
        run=name,
        status="failed",
        metrics=last,
        best={},
        parameters=0,
        seconds=0.0,
        steps=max((row["step"] for row in rows), default=0),
        config=config,
        environment=_surroundings(),
        error=error,
    )
    store.finish(record)
    return record


_NO_METRICS = ("step", "split")


def _finish(trainer: Trainer, row: int, run: Run, store: RunStore) -> RunRecord:
    member = trainer.members[row]
    assert member.status != "running"
    complete, diverged = member.status == "complete", member.status == "diverged"
    showcase = run.task.showcase(trainer.stack.module(row)) if complete else Showcase({})
    if showcase.page:
        title = f"{run.id}, step {member.best['step']:.0f}, validation loss {member.best['val/loss']:.4f} nats"
        store.write("samples.md", showcase.page.replace("# Samples", f"# Samples of {title}", 1))
    record = RunRecord(
        run=run.id,
        status=member.status,
        metrics=dict(member.last),
        best=dict(member.best),
        parameters=trainer.stack.parameter_count,
        seconds=member.seconds,
        steps=member.steps,
        config=run.config,
        environment=environment(run, trainer.device),
        showcase=showcase.data,
        error=f"the loss or its gradient passed all bounds by step {member.steps}" if diverged else None,
    )
    store.finish(record)
    return record


def environment(run: Run, where: torch.device) -> dict[str, Any]:
    """What a reader needs to judge and repeat a number: versions, code, machine, memory, data."""
    cuda = where.type == "cuda"
    return _surroundings() | {
        "device": torch.cuda.get_device_name(where) if cuda else "cpu",
        "threads": torch.get_num_threads(),
        "peak_memory_bytes": torch.cuda.max_memory_allocated(where) if cuda else resident_peak(),
        "data_hash": run.task.data_hash,
    }


def resident_peak() -> int:
    """The largest resident set of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage there counts the parent's pages from before the exec
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@functools.cache
def _surroundings() -> dict[str, Any]:
    packages = ("rnnsweep", "torch", "numpy", "hydra-core", "omegaconf")
    commit = _git("rev-parse", "HEAD")
    return {
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in packages},
        "git_commit": commit,
        "git_dirty": bool(_git("status", "--porcelain")) if commit else None,
        "host": platform.node(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "command": [sys.executable, *sys.argv],
    }


def _git(*arguments: str) -> str | None:
    """Git's answer about the checkout that this code runs from, else about the working directory."""
    source = Path(__file__).parent.parent
    where = source if (source / ".git").exists() else Path.cwd()
    try:
        answer = subprocess.run(["git", "-C", where, *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def saved(path: Path) -> tuple[Run, nn.Module]:
    """The model of a run's directory with its best weights, without its data.

    Raises:
        ConfigError: the directory holds no run, or no checkpoint of it.
    """
    store = RunStore(path)
    config = store.config()
    if config is None:
        raise ConfigError(str(path), "not the directory of a run: it has no config.json")
    config, classes = validated(config)
    best = load(store, "best.pt", path.resolve().name)
    if best is None:
        raise ConfigError(str(path), "has no best.pt yet: the run has not been validated")
    task = make_task(config, classes)
    task.adopt(best["assets"])
    model = make_model(config, classes, task)
    if {name for name, _ in model.named_parameters()} != set(best["weights"]):
        raise ConfigError(str(path), "the weights in best.pt are not those of the model in config.json")
    model.load_state_dict(best["weights"], strict=False)  # buffers are what the constructor makes them
    return Run(best["run"], "", config, classes, task, TrainConfig(**config["train"])), model.eval()
