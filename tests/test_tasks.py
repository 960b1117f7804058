"""The laws that every task of examples in conf/task obeys."""

import functools
import json
import math
from typing import Any

import pytest
import torch
from conftest import Compose, choices
from torch import nn

from rnnsweep import run
from rnnsweep.stack import Stack
from rnnsweep.tasks.base import declared
from rnnsweep.tasks.examples import ExampleTask
from rnnsweep.tasks.resident import resident
from rnnsweep.types import Batch, Summary

SMALL = {"examples": 300, "held_out": 60, "seq_len": 12, "samples": 3, "max_len": 12, "min_len": 2}
LANGUAGE = ("charlm", "wordlm")
TASKS = [name for name in choices("task") if name not in LANGUAGE]


def small(composed: Compose, name: str, *overrides: str, seed: int = 0) -> run.PreparedRun:
    """A run of the task with little data and a small GRU."""
    fields = composed(f"task={name}")["task"]
    sizes = [f"task.{key}={value}" for key, value in SMALL.items() if key in fields]
    return run.prepare(composed(f"task={name}", *sizes, "cell.hidden_size=8", f"seed={seed}", *overrides))


@functools.cache
def shown(composed: Compose, name: str) -> tuple[run.PreparedRun, nn.Module, Summary]:
    """A run, its model before training, and what this model shows."""
    made = small(composed, name, *(("task.sample_length=1",) if name in LANGUAGE else ()))
    model = run.make_model(made.config, made.classes, made.task).eval()
    return made, model, made.task.summary(model)


def doubled(batch: Batch) -> Batch:
    """The batch with its real numbers in float64."""
    return {key: values.double() if values.is_floating_point() else values for key, values in batch.items()}


def rows(task: ExampleTask, split: str) -> set[tuple[str, ...]]:
    """What a model reads of each example."""
    part = task.data[split]  # type: ignore[index]
    name, lengths = ("source", "source_lengths") if "source" in part else ("inputs", "lengths")
    return {tuple(map(str, row[:n])) for row, n in zip(part[name].tolist(), part[lengths].tolist(), strict=True)}


@pytest.mark.parametrize("name", TASKS)
def test_splits_are_disjoint_and_data_come_from_the_seed(name: str, composed: Compose) -> None:
    made, again, other = (small(composed, name, seed=seed).task for seed in (1, 1, 2))
    assert isinstance(made, ExampleTask)
    train, val, test = (rows(made, split) for split in ("train", "val", "test"))
    assert train
    assert val
    assert test
    assert not (train & val) | (train & test) | (val & test)
    assert made.data_hash == again.data_hash != other.data_hash


@pytest.mark.parametrize("name", TASKS)
def test_an_epoch_reads_each_example_once_in_an_order_of_its_own(name: str, composed: Compose) -> None:
    task = small(composed, name, "train.batch_size=20").task
    steps = task.steps_per_epoch
    key = "source" if "source" in task.batch(0) else "inputs"
    epochs = [torch.cat([task.batch(step)[key] for step in range(start, start + steps)]) for start in (0, steps)]
    assert len(torch.unique(epochs[0], dim=0)) == len(torch.unique(task.data["train"][key], dim=0)) or len(
        epochs[0]
    ) < task.size("train")
    assert not torch.equal(*epochs)
    torch.testing.assert_close(small(composed, name, "train.batch_size=20").task.batch(3), task.batch(3))


VARIANTS = [
    ("parity", "task.curriculum=25", "task.min_len=null"),
    ("charlm", "task.carry_state=false"),
    ("names_class", "task.class_weights=balanced"),
    ("addition", "task.teacher_forcing=.5"),
]


@pytest.mark.parametrize("words", [*((name,) for name in choices("task")), *VARIANTS], ids=" ".join)
def test_batches_are_made_where_the_data_are_kept(words: tuple[str, ...], composed: Compose) -> None:
    """On the device `meta`, which has shapes and no numbers: it refuses to compute with a tensor of the host."""
    here, there = (small(composed, *words).task for _ in range(2))
    there.keep_on(torch.device("meta"))
    for step in (0, 1, here.steps_per_epoch):
        expected, made = here.batch(step), there.batch(step)
        assert all(values.is_meta for values in made.values())
        assert {key: (values.shape, values.dtype) for key, values in made.items()} == {
            key: (values.shape, values.dtype) for key, values in expected.items()
        }


def test_windows_that_overlap_are_kept_as_one_series() -> None:
    series = torch.arange(100.0)
    windows = series[10:].unfold(0, 20, 1)
    torch.testing.assert_close(resident(windows, torch.device("cpu")), windows)
    there = resident(windows, torch.device("meta"))
    assert (there.shape, there.untyped_storage().nbytes()) == (windows.shape, series.untyped_storage().nbytes())
    assert resident(series[:5], torch.device("meta")).untyped_storage().nbytes() == 20


@pytest.mark.parametrize("name", TASKS)
def test_padding_and_neighbours_change_nothing(name: str, composed: Compose) -> None:
    """The metrics of a batch are those of its examples alone, each cut to its own length."""
    made = small(composed, name)
    model = run.make_model(made.config, made.classes, made.task).double().eval()
    batch = doubled({key: values[:6] for key, values in next(made.task.evaluation("val")).items()})
    _, together, _ = made.task.loss(model, batch, ())
    singles = []
    for row in range(6):
        alone = {key: values[row : row + 1] for key, values in batch.items()}
        singles.append(made.task.loss(model, alone, ())[1])
    for key, (total, count) in together.items():
        torch.testing.assert_close(sum(single[key][0] for single in singles), total)
        torch.testing.assert_close(sum(single[key][1] for single in singles), count)
    noisy = {key: values.clone() for key, values in batch.items()}
    read, lengths = ("source", "source_lengths") if "source" in batch else ("inputs", "lengths")
    noisy[read][torch.arange(batch[read].shape[1]) >= batch[lengths][:, None]] = 1
    torch.testing.assert_close(made.task.loss(model, noisy, ())[1], together)


@pytest.mark.parametrize("name", TASKS)
def test_a_stack_equals_its_members_alone(name: str, composed: Compose) -> None:
    """Losses and metrics of two seeds, dropout included, in training and in evaluation."""
    runs = [small(composed, name, seed=seed) for seed in (0, 1)]

    def called(members: list[run.PreparedRun], training: bool, batch: Batch) -> Any:
        models = [run.make_model(each.config, each.classes, each.task).double() for each in members]
        stack = Stack(models, torch.device("cpu"))
        stack.model.train(training)
        return stack.call(members[0].task.loss, batch, (), stack.keys([each.seed for each in members], 2))

    batches = [doubled(each.task.batch(2)) for each in runs]
    for training in (True, False):
        together = {key: torch.stack([batch[key] for batch in batches]) for key in batches[0]}
        losses, metrics, _ = called(runs, training, together)
        for row, (each, batch) in enumerate(zip(runs, batches, strict=True)):
            single = {key: values[None] for key, values in batch.items()}
            loss, alone, _ = called([each], training, single)
            torch.testing.assert_close(losses[row], loss[0])
            for key, (total, count) in alone.items():
                torch.testing.assert_close(metrics[key][0][row], total[0])
                torch.testing.assert_close(metrics[key][1][row], count[0])


@pytest.mark.parametrize("name", choices("task"))
def test_every_metric_is_declared(name: str, composed: Compose) -> None:
    """What stands in the rows of training and validation, and what the finished model adds."""
    made, model, summary = shown(composed, name)
    names = set(summary.metrics)
    for batch, training in ((made.task.batch(0), True), (next(made.task.evaluation("val")), False)):
        _, metrics, _ = made.task.loss(model.train(training), batch, ())
        means = {name: (total / count).item() for name, (total, count) in metrics.items()}
        names |= set(made.task.derive(means))
    known = declared(made.task)
    assert names <= set(known)
    own = {metric.name: metric for metric in made.task.metrics}
    assert names - {"loss"} <= set(own), "the task's own declaration"
    judged = known[made.task.metric.name]
    assert (judged.unit, judged.direction) == (made.task.metric.unit, made.task.metric.direction)
    assert all(metric.chance is None or math.isfinite(metric.chance) for metric in known.values())


@pytest.mark.parametrize("name", TASKS)
def test_what_it_shows_is_json_and_a_saved_model_needs_no_data(name: str, composed: Compose) -> None:
    made, model, summary = shown(composed, name)
    assert json.loads(json.dumps(summary.data))
    assert all(isinstance(value, float) for value in summary.metrics.values())
    bare = run.make_task(made.config, made.classes)
    bare.adopt(made.task.assets())
    again = run.make_model(made.config, made.classes, bare)
    assert {key: p.shape for key, p in again.named_parameters()} == {k: p.shape for k, p in model.named_parameters()}
