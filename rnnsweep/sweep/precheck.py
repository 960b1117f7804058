"""What a plan can know of its runs before a worker starts: errors that otherwise each run would report by itself."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rnnsweep.errors import ConfigError
from rnnsweep.kernels import threads
from rnnsweep.run import PreparedRun, device, make_model, refuse_repeats, refuse_unlike_parent
from rnnsweep.run.dry_run import theirs, tried
from rnnsweep.run.outline import without_numbers
from rnnsweep.run.unused import unread, unused
from rnnsweep.sweep.machine import visible_gpus
from rnnsweep.tasks.base import AbstractTask

SECONDS = 10.0
"""After this time the workers check the rest, so that a large plan stays quick."""


def precheck(runs: Iterable[PreparedRun], study: Path, here: bool) -> list[str]:
    """Loads the data and builds the model of one run of each shape, a model without numbers.

    Args:
        runs: of a plan; those of one shape have one signature.
        study: where a run that has a record needs no check.
        here: whether the workers run on this machine.

    Returns:
        What a user should know of settings that do nothing.

    Raises:
        ConfigError: what one of the runs would fail with.
    """
    end = time.monotonic() + SECONDS
    tasks: dict[str, AbstractTask] = {}
    runs, notes = list(runs), list[str]()
    shapes = list(_one_of_each_shape(runs, study))
    for run in shapes:
        if time.monotonic() > end:
            break
        key = json.dumps([run.config["task"], run.train.batch_size, run.seed])
        try:
            notes += _check(run, tasks.setdefault(key, run.task), here)
        except ConfigError as error:
            hint = f" (in {run.id}; hydra.sweeper.skip leaves such runs out)" if len(shapes) > 1 else ""
            raise ConfigError(error.keys[0], f"{error.problem}{hint}", error.keys[1:]) from None
        except Exception:  # an error of the code, not of a setting: the run that fails keeps its traceback
            continue
    return list(dict.fromkeys([*(note for run in runs for note in unused(run)), *notes]))


def _one_of_each_shape(runs: Iterable[PreparedRun], study: Path) -> Iterator[PreparedRun]:
    seen: set[str] = set()
    for run in runs:
        if run.signature not in seen and not (study / run.id / "record.json").exists():
            seen.add(run.signature)
            yield run


def _check(run: PreparedRun, task: AbstractTask, here: bool) -> list[str]:
    task.steps_per_epoch  # noqa: B018  raises where the data do not fill a batch
    if here and not visible_gpus():  # a process that has asked for a GPU must not fork
        device(run.train)
    with without_numbers():
        model = make_model(run.config, run.classes, task)
    refuse_unlike_parent(run, model)
    refuse_repeats(run, task)
    return [*unread(run, model, task.steps_per_epoch), *_tried(run, task)]


def _tried(run: PreparedRun, task: AbstractTask) -> list[str]:
    """What is told of the user's classes. One that fails is left to its runs, for the others go on."""
    if not theirs(run.config):
        return []
    with contextlib.suppress(ConfigError), threads.using(1):
        return tried(dataclasses.replace(run, task=task), make_model(run.config, run.classes, task))
    return []
