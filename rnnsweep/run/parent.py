"""The run that another one starts from: `from=outputs/RUN`."""

import dataclasses
from pathlib import Path

from torch import nn

from rnnsweep import checkpoint
from rnnsweep.config import PRIVATE, Config
from rnnsweep.errors import ConfigError, listed
from rnnsweep.layout import kept
from rnnsweep.record import RunStore
from rnnsweep.tasks.base import AbstractTask


@dataclasses.dataclass(frozen=True)
class Parent:
    """A finished run, whose last weights and optimizer state another run starts with."""

    path: Path
    fingerprint: str
    """64 digits for all that decided its result."""
    step: int
    """Its last step, from which the other run counts on."""
    config: Config

    @property
    def identity(self) -> str:
        """The part of the parent that enters the identity of a run that starts from it."""
        return f"{self.fingerprint} at {self.step}"


def parent(config: Config) -> Parent | None:
    """The run that a config names under `from`; None where it names none.

    Raises:
        ConfigError: it is not the directory of a finished run.
    """
    if config.get("from") is None:
        return None
    store = RunStore(Path(config["from"]))
    settings, record, digest = store.config(), store.record(), store.about().get("fingerprint")
    if settings is None:
        raise ConfigError("from", f"{store.path} is not the directory of a run: it has no config.json")
    if record is None or record.status != "complete":
        state = "not finished" if record is None else record.status
        raise ConfigError("from", f"{store.path} is {state}; a run starts from one that is complete")
    if digest is None:
        raise ConfigError("from", f"{store.path} was trained by an earlier version; its config.json has no fingerprint")
    if (step := checkpoint.step(store)) == 0:
        raise ConfigError("from", f"{store.path} has no last.pt that can be read")
    return Parent(store.path, digest, step, settings)


def refuse_unlike(parent: Parent, config: Config, task: AbstractTask, model: nn.Module, steps: int) -> None:
    """Refuses a run that cannot go on with the weights and the optimizer of its parent.

    Args:
        parent: the run to start from.
        config: the new run's.
        task: the new run's.
        model: the new run's, untrained.
        steps: the new run's last step.

    Raises:
        ConfigError: it names what does not fit.
    """
    if steps <= parent.step:
        counted = f"{parent.path} has trained {parent.step:,} steps, which count, too"
        problem = f"{counted}: this run would end at step {steps:,}; ask for more"
        raise ConfigError("train.epochs" if config["train"]["epochs"] is not None else "train.steps", problem)
    if (ours := config["optimizer"]["_target_"]) != (theirs := parent.config["optimizer"]["_target_"]):
        problem = f"{parent.path} was trained with {theirs}; {ours} cannot use its state"
        raise ConfigError("optimizer", problem)
    ours, theirs = config["train"]["schedule"], parent.config["train"]["schedule"]
    if ours != theirs and "plateau" in (ours, theirs):
        problem = f"{parent.path} was trained with {theirs}; the decays of a plateau are part of a run's state"
        raise ConfigError("train.schedule", f"{problem}, so both runs need it, or neither")
    best = checkpoint.best(RunStore(parent.path))
    shapes = {name: tuple(weight.shape) for name, weight in best["weights"].items()}
    if {name: tuple(weight.shape) for name, weight in kept(model).items()} != shapes:
        differing = listed(_differing(config, parent.config), 5, str)
        raise ConfigError("from", f"{parent.path} has another model; what differs: {differing or 'the data'}")
    if best["assets"] != task.assets():
        problem = f"{parent.path} was trained on data with other symbols or classes, so its weights do not fit"
        raise ConfigError("from", problem)


def _differing(ours: Config, theirs: Config) -> list[str]:
    """The settings of the model that differ, as in `cell.hidden_size (64, there 32)`."""
    return [
        f"{group}.{name} ({value}, there {theirs[group].get(name)})"
        for group in ("task", "cell", "pooling")
        for name, value in ours[group].items()
        if name not in PRIVATE and theirs[group].get(name) != value
    ]
