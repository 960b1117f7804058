"""From a config to a run: the only module that instantiates."""

import dataclasses
import functools
import json
import os
import platform
import resource
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rnnsweep import checkpoint, commits, interpolation, provenance, rng
from rnnsweep.cells.base import AbstractCell
from rnnsweep.config import (
    GROUPS,
    PRIVATE,
    Config,
    General,
    checked,
    fingerprint,
    marked,
    names,
    schema,
    signature,
    suggestion,
    target,
)
from rnnsweep.diagnostics import diagnose
from rnnsweep.errors import ConfigError, MachineError, tell_once
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels import fused, threads
from rnnsweep.matching import nearest
from rnnsweep.optim import AbstractOptimizer
from rnnsweep.places import directory
from rnnsweep.record import Declaration, RunRecord, RunStore
from rnnsweep.secrets import redacted
from rnnsweep.tasks.base import AbstractTask, declared
from rnnsweep.train import Member, Observer, ShouldPrune, TrainConfig, Trainer, never
from rnnsweep.types import EXECUTION, Showcase


@dataclasses.dataclass(frozen=True)
class Run:
    """A validated config with its identity and its task; nothing has been read or written yet."""

    id: str
    """The name of its directory."""
    fingerprint: str
    """64 digits for all that changes its result; the name holds the first of them."""
    signature: str
    config: Config
    classes: dict[str, type]
    task: AbstractTask
    train: TrainConfig
    texts: interpolation.Texts = dataclasses.field(default_factory=dict)
    """The settings that files hold as they were typed, such as `${oc.env:DATA}/x.txt`."""

    @property
    def written(self) -> Config:
        """The config as files hold it."""
        return interpolation.written(self.config, self.texts)

    @property
    def seed(self) -> int:
        return int(self.config["seed"])


def identify(config: Config) -> Run:
    """Checks the settings and the files that they name; cheap enough for ten thousand runs.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    config, texts = interpolation.resolved(config)
    config, classes = validated(config)
    directory("out", config["out"])
    make_optimizer(config, classes)
    task = make_task(config, classes)
    identity = config, classes, task.source_hash
    digest = fingerprint(*identity)
    name, shape = names(config, digest)[0], signature(*identity)
    return Run(name, digest, shape, config, classes, task, TrainConfig(**config["train"]), texts)


def prepare(config: Config) -> Run:
    """Checks everything that can be checked before a directory exists, the data and the device included.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    run = identify(config)
    run.task.steps_per_epoch  # noqa: B018  raises where the data do not fill a batch
    device(run.train)
    make_model(run.config, run.classes, run.task)
    return run


def validated(config: Config) -> tuple[Config, dict[str, type]]:
    """The config with every value checked and every default filled in, and the classes of its groups."""
    groups, general = [*GROUPS, "train"], list(schema(General).model_fields)
    for key, value in config.items():
        if key not in groups + general:
            hint = _elsewhere(config, key) or suggestion(key, [name for name in groups + general if name != "choices"])
            raise ConfigError(key, f"there is no setting or group `{key}`.{hint}")
        if key in groups and not isinstance(value, dict):
            raise ConfigError(key, f"expected a group of settings, got {value!r}")
    filled = checked(General, {key: value for key, value in config.items() if key in general}, "")
    for group in groups:
        if group not in config:
            raise ConfigError(group, f"a run needs one {group}; choose it as in `{group}=NAME`")
    for group in ("task", "cell"):
        if group not in filled["choices"]:
            raise ConfigError(group, f"a run is named by its {group}; choose one, as in `{group}=NAME`")
    classes = {group: target(config, group) for group in GROUPS} | {"train": TrainConfig}
    for group, cls in classes.items():
        for name in settings(config, group):
            if name not in schema(cls).model_fields and (hint := _elsewhere(config, name)):
                raise ConfigError(f"{group}.{name}", f"{cls.__name__} has no parameter `{name}`.{hint}")
        named = {"_target_": config[group]["_target_"]} if group in GROUPS else {}
        filled[group] = named | checked(cls, config[group], group)
    return filled, classes


def _elsewhere(config: Config, name: str) -> str:
    """` Did you mean ...?` where a group has a setting of that name; empty where none has."""
    try:
        classes = {group: target(config, group) for group in GROUPS} | {"train": TrainConfig}
    except (ConfigError, KeyError, AttributeError, TypeError):  # there is more that is wrong
        return ""
    owners = [f"`{group}.{name}`" for group, cls in classes.items() if name in schema(cls).model_fields]
    return f" Did you mean {' or '.join(owners)}?" if owners else ""


def settings(config: Config, group: str) -> Config:
    """A group's keywords."""
    return {name: value for name, value in config[group].items() if name not in PRIVATE}


def make_task(config: Config, classes: dict[str, type]) -> AbstractTask:
    task = classes["task"](config["seed"], config["train"]["batch_size"], **settings(config, "task"))
    assert isinstance(task, AbstractTask)
    return task


def make_optimizer(config: Config, classes: dict[str, type]) -> AbstractOptimizer:
    """The update rule of a run.

    Raises:
        ConfigError: its settings contradict each other.
    """
    optimizer = classes["optimizer"](**settings(config, "optimizer"))
    assert isinstance(optimizer, AbstractOptimizer)
    return optimizer


def make_model(config: Config, classes: dict[str, type], task: AbstractTask) -> nn.Module:
    """The model of a run with its initial weights, a function of the seed."""
    sizes = {} if config["cell"].get("match_params") is None else {"hidden_size": _matched(config, classes, task)}
    return _build(config, classes, task, sizes)


def _build(config: Config, classes: dict[str, type], task: AbstractTask, sizes: dict[str, int]) -> nn.Module:
    cell = functools.partial(classes["cell"], **settings(config, "cell") | sizes)
    pooling = functools.partial(classes["pooling"], **settings(config, "pooling"))
    with rng.seeded(config["seed"], "init"):
        return task.build(cell, pooling)


_sizes: dict[str, int] = {}  # by what decides the shape


def _matched(config: Config, classes: dict[str, type], task: AbstractTask) -> int:
    """The hidden size that `cell.match_params` asks for."""
    key = json.dumps({group: config[group] for group in ("task", "cell", "pooling")})  # without the data: see `saved`
    if key not in _sizes:
        cell: type[AbstractCell] = classes["cell"]
        step = config["cell"].get(cell.divisor, 1)
        _build(config, classes, task, {"hidden_size": step})  # so that the task has its data, which are numbers

        def parameters(steps: int) -> int:
            with torch.device("meta"):  # shapes without numbers
                model = _build(config, classes, task, {"hidden_size": step * steps})
            return sum(parameter.numel() for parameter in model.parameters())

        _sizes[key] = step * nearest(config["cell"]["match_params"], parameters)
    return _sizes[key]


def make_member(run: Run, store: RunStore) -> Member:
    return Member(
        run=run.id,
        seed=run.seed,
        task=run.task,
        code=provenance.code(run.config),
        model=make_model(run.config, run.classes, run.task),
        optimizer=make_optimizer(run.config, run.classes),
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
    if train.kernel == "fused" and name == "cuda":
        raise ConfigError(
            "train.kernel", "the fused kernel is for the CPU; use `train.kernel=auto`, or `train.device=cpu`"
        )
    if train.kernel == "fused" and not fused.available():
        hint = "install it with `pip install 'rnnsweep[fused]'`, or use `train.kernel=auto`"
        raise ConfigError("train.kernel", f"the fused kernel needs Numba and a BLAS that shows its functions; {hint}")
    if train.precision != "float32" and name == "cpu":
        raise ConfigError("train.precision", "mixed precision needs CUDA; use `train.precision=float32`")
    return torch.device(name)


def execute(
    runs: Sequence[tuple[Run, RunStore]],
    observer: Observer,
    stop: StopRequest,
    should_prune: ShouldPrune = never,
    study: Path | None = None,
    until: int | None = None,
) -> list[RunRecord]:
    """Trains claimed runs of one signature as a stack and writes their records; resumes from their checkpoints.

    When half of a stack's members have ended, they are recorded and leave it; the others go on as a smaller stack.
    `study` is the folder in which a study keeps which kernel a shape gets. Runs that come to the step `until` wait
    there: they have a checkpoint and no record, and the next call goes on from it.
    """
    first = runs[0][0]
    where = device(first.train)
    for run, store in runs:
        store.begin(run.written, _about(run, store))
    records: dict[str, RunRecord] = {}
    runs = _sharing(runs)
    try:
        with threads_of(first.train):
            while left := [(run, store) for run, store in runs if run.id not in records]:
                members = [make_member(run, store) for run, store in left]
                trainer = Trainer(members, where, observer, stop, should_prune, study, until)
                trainer.run()
                trainer.test()
                for row, (run, store) in enumerate(left):
                    if members[row].status != "running":
                        records[run.id] = _finish(trainer, row, run, store)
                if trainer.waits:
                    break
        return [records[run.id] for run, _ in runs if run.id in records]
    finally:
        observer.ended()


def threads_of(train: TrainConfig) -> AbstractContextManager[None]:
    """A block in which runs of these settings are computed: with their threads, so that these do not change a number.

    What asks for torch's own kernels by name gets torch's own use of threads, which may.
    """
    torchs = train.kernel in ("library", "scan") or device(train).type != "cpu"
    return threads.using(train.threads or threads.count(), in_torch=torchs)


def _about(run: Run, store: RunStore) -> dict[str, Any]:
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


def _sharing(runs: Sequence[tuple[Run, RunStore]]) -> list[tuple[Run, RunStore]]:
    """The runs of a stack, of which those that differ in no setting of their task share it: its data, its batches."""
    tasks: dict[str, AbstractTask] = {}
    keys = [json.dumps([run.seed, run.config["task"]]) for run, _ in runs]
    return [
        (dataclasses.replace(run, task=tasks.setdefault(key, run.task)), store)
        for key, (run, store) in zip(keys, runs, strict=True)
    ]


def fail(name: str, store: RunStore, config: Config, error: str) -> RunRecord:
    """Records that a run failed, with what is known of it.

    Raises:
        MachineError: the record cannot be written; then the run's own error has been said.
    """
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
        error=redacted(interpolation.hidden(error, config)),
    )
    try:
        store.finish(record)
    except MachineError:
        said = (error.strip().splitlines() or [""])[-1]
        tell_once(f"{name} failed, and that cannot be recorded: {said}")
        raise
    return record


_NO_METRICS = ("step", "split")


def prune(runs: Sequence[tuple[Run, RunStore]]) -> None:
    """Records of runs that they do not go on from their checkpoints; those are kept, so that they can one day.

    A run that is over, or in somebody's hands, is left as it is.
    """
    for run, store in _sharing(runs):
        if store.record() is not None or not store.claim():
            continue
        try:
            standing, parameters = checkpoint.standing(store)
            if store.record() is None and standing:
                store.finish(_pruned(run, store, standing, parameters))
        finally:
            store.release()


def _pruned(run: Run, store: RunStore, standing: dict[str, Any], parameters: int) -> RunRecord:
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
        environment=_surroundings() | {"code": provenance.begun(store)},
        metric=dataclasses.asdict(run.task.metric),
        sizes=store.sizes(),
        declared={name: Declaration(m.unit, m.direction, m.chance) for name, m in declared(run.task).items()},
    )


def _finish(trainer: Trainer, row: int, run: Run, store: RunStore) -> RunRecord:
    member = trainer.members[row]
    assert member.status != "running"
    complete, diverged = member.status == "complete", member.status == "diverged"
    showcase = _shown(run, trainer, row) if complete else Showcase({})
    if showcase.page:
        title = f"{run.id}, step {member.best['step']:.0f}, validation loss {member.best['val/loss']:.4f} nats"
        store.write("samples.md", showcase.page.replace("# Samples", f"# Samples of {title}", 1))
    record = RunRecord(
        run=run.id,
        status=member.status,
        metrics=dict(member.last),
        best={**member.best, **{f"test/{name}": value for name, value in showcase.metrics.items()}},
        parameters=trainer.stack.parameter_count,
        seconds=member.seconds,
        share_seconds=member.share_seconds,
        steps=member.steps,
        config=run.written,
        environment=environment(run, store, trainer),
        showcase=showcase.data,
        error=f"the loss or its gradient passed all bounds by step {member.steps}" if diverged else None,
        metric=dataclasses.asdict(run.task.metric),
        sizes=store.sizes(),
        declared={name: Declaration(m.unit, m.direction, m.chance) for name, m in declared(run.task).items()},
    )
    store.finish(record)
    return record


def _shown(run: Run, trainer: Trainer, row: int) -> Showcase:
    model = trainer.stack.module(row).eval()
    shown = run.task.looking_back(run.task.showcase(model), trainer.members[row].glimpses)
    views = diagnose(run.task, model) if run.train.diagnostics else {}
    return dataclasses.replace(shown, data=shown.data | views)


def environment(run: Run, store: RunStore, trainer: Trainer) -> dict[str, Any]:
    """What a reader needs to judge and repeat a number: versions, code, machine, memory, kernel, data."""
    where = trainer.device
    cuda = where.type == "cuda"
    cell = next(module for module in trainer.stack.model.modules() if isinstance(module, AbstractCell))
    code = provenance.begun(store)
    commit = commits.main(code.get("commits", {}))
    return _surroundings() | {
        "git_commit": commit["commit"],
        "git_dirty": commit["dirty"],
        "code": code,
        "device": torch.cuda.get_device_name(where) if cuda else "cpu",
        "threads": threads.count(),
        "kernel": cell.runs_as(trainer.stack.kernel),
        "hidden_size": cell.hidden_size,
        "stack": len(trainer.members),
        "peak_memory_bytes": torch.cuda.max_memory_allocated(where) if cuda else resident_peak(),
        "data_hash": run.task.data_hash,
        "execution": [
            f"{group}.{name}" for group, cls in run.classes.items() for name in sorted(marked(cls, EXECUTION))
        ],
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
    packages = ("rnnsweep", "torch", "numba", "numpy", "hydra-core", "omegaconf")
    commit = commits.main(commits.of(()))
    return {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "git_commit": commit["commit"],
        "git_dirty": commit["dirty"],
        "host": platform.node(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "command": [redacted(word) for word in (sys.executable, *sys.argv)],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # an extra that is not installed
        return None


def saved(path: Path) -> tuple[Run, nn.Module]:
    """The model of a run's directory with its best weights, without its data.

    Raises:
        ConfigError: the directory holds no run, or no checkpoint of it.
    """
    store = RunStore(path)
    config = store.config()
    if config is None:
        raise ConfigError(str(path), "not the directory of a run: it has no config.json that can be read")
    config, classes = validated(interpolation.resolved(config, unset="keep")[0])
    best = checkpoint.best(store)
    task = make_task(config, classes)
    try:
        task.adopt(best["assets"])
        model = make_model(config, classes, task)
        shapes = {name: weight.shape for name, weight in best["weights"].items()}
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError):
        raise ConfigError(str(path), f"best.pt holds what this version cannot use; {checkpoint.REMEDY}") from None
    if {name: parameter.shape for name, parameter in model.named_parameters()} != shapes:
        problem = "the weights in best.pt are not those of the model in config.json and of the vocabulary beside them"
        raise ConfigError(str(path), f"{problem}; {checkpoint.REMEDY}")
    model.load_state_dict(best["weights"], strict=False)  # buffers are what the constructor makes them
    return Run(best["run"], "", "", config, classes, task, TrainConfig(**config["train"])), model.eval()
