"""A run before it is trained: its checked config, its name, its task."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import nn

from rnnsweep import interpolation
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError, tell_each
from rnnsweep.fingerprint import fingerprint, names, signature
from rnnsweep.own import telling
from rnnsweep.places import directory
from rnnsweep.run.devices import device
from rnnsweep.run.dry_run import theirs, tried
from rnnsweep.run.objects import make_model, make_optimizer, make_task
from rnnsweep.run.parent import Parent, parent, refuse_unlike
from rnnsweep.run.validate import Classes, validated
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.train import TrainConfig

CHECKED: set[str] = set()
"""The data that `task.check` has found in order in this process, and in the one that started it."""


@dataclasses.dataclass(frozen=True)
class PreparedRun:
    """A validated config with its identity and its task; nothing has been read or written yet."""

    id: str
    """The name of its directory."""
    fingerprint: str
    """64 digits for all that changes its result; the name holds the first of them."""
    signature: str
    """64 digits for what it shares with the runs that can train in one stack with it."""
    config: Config
    classes: Classes
    task: AbstractTask
    train: TrainConfig
    texts: interpolation.Texts = dataclasses.field(default_factory=dict)
    """The settings that files hold as they were typed, such as `${oc.env:DATA}/x.txt`."""
    parent: Parent | None = None
    """The run that it starts from."""

    @property
    def written(self) -> Config:
        """The config as files hold it."""
        return interpolation.written(self.config, self.texts)

    @property
    def seed(self) -> int:
        """The seed of all its randomness."""
        return int(self.config["seed"])


def identify(config: Config) -> PreparedRun:
    """Checks the settings and the files that they name; cheap enough for ten thousand runs.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    config, texts = interpolation.resolved(config)
    config, classes = validated(config)
    directory("out", config["out"])
    make_optimizer(config, classes)
    task = make_task(config, classes)
    identity, origin = (config, classes, task.source_hash), parent(config)
    _refuse_early_schedule(config["train"]["schedule_from"], origin.step if origin else 0)
    digest = fingerprint(*identity, origin.identity if origin else "")
    train = TrainConfig(**config["train"])
    longer = max(train.steps, train.schedule_from + 1)  # the length is not known where epochs decide it
    train.multiplier(train.schedule_from, longer, 1)  # a schedule of the user's that fails is told here
    name, shape = names(config, digest)[0], signature(*identity, origin.step if origin else 0)
    return PreparedRun(name, digest, shape, config, classes, task, train, texts, origin)


def _refuse_early_schedule(start: int, begins: int) -> None:
    if start > begins:
        problem = f"the run begins at step {begins:,}; a schedule starts there or earlier (`from=RUN` begins later)"
        raise ConfigError("train.schedule_from", problem)


def prepare(config: Config) -> PreparedRun:
    """Checks everything that can be checked before a directory exists, the data and the device included.

    Raises:
        ConfigError: the first thing that is wrong.
    """
    run = identify(config)
    with _blaming(run.config):
        run.task.steps_per_epoch  # noqa: B018  raises where the data do not fill a batch
        model = make_model(run.config, run.classes, run.task)
        told = tried(run, model)
    refuse_repeats(run, run.task)
    device(run.train)
    refuse_unlike_parent(run, model)
    tell_each(told)
    return run


def refuse_repeats(run: PreparedRun, task: AbstractTask) -> None:
    """Does what `task.check` says, once in a process for the same data.

    Args:
        run: says whether.
        task: the run's task, or one of the same settings and seed.

    Raises:
        ConfigError: an example of the validation or of the test occurs in the training part, too.
    """
    data = json.dumps([run.seed, run.config["task"], task.source_hash])
    if task.check and data not in CHECKED:
        task.refuse_repeats()
        CHECKED.add(data)


@contextmanager
def _blaming(config: Config) -> Iterator[None]:
    """Within the block an error is told in one line, where the run has classes of the user's."""
    groups = theirs(config)
    names = "`, `".join(config[group]["_target_"] for group in groups)
    with telling(groups[0], names) if groups else nullcontext():
        yield


def refuse_unlike_parent(run: PreparedRun, model: nn.Module) -> None:
    """Refuses a run that cannot go on from the one that it names under `from`.

    Raises:
        ConfigError: it names what does not fit.
    """
    if run.parent:
        refuse_unlike(run.parent, run.config, run.task, model, run.train.total_steps(run.task.steps_per_epoch))
