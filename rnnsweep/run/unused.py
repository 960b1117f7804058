"""Settings of a run that do nothing beside its others are told, such as a dropout between layers in one layer."""

import math
from collections.abc import Iterator

from torch import nn

from rnnsweep.cells.base import AbstractCell, LayeredCell
from rnnsweep.cells.conv import Conv
from rnnsweep.cells.indrnn import IndRNN
from rnnsweep.cells.lstm_vanilla import LSTMVanilla
from rnnsweep.cells.mlp_window import MLPWindow
from rnnsweep.config import defaults, marked
from rnnsweep.errors import tell_each
from rnnsweep.optim import NTASGD
from rnnsweep.own import ships
from rnnsweep.run.identity import PreparedRun
from rnnsweep.run.objects import make_model
from rnnsweep.run.outline import without_numbers
from rnnsweep.schedules import READERS
from rnnsweep.types import FROM_FILES, MADE_UP

TYPICAL = 384
"""The hidden size in the YAMLs of the cells."""

UNMATCHED = 0.05
"""The share by which a matched number of parameters may be missed without a word."""

Idle = Iterator[tuple[str, str]]
"""Settings by name, each with what makes it do nothing."""


def tell_idle(run: PreparedRun) -> None:
    """Says all that can be said of a run whose data can be read."""
    with without_numbers():
        model = make_model(run.config, run.classes, run.task)
    tell_each((*unused(run), *unread(run, model, run.task.steps_per_epoch)))


def unused(run: PreparedRun) -> Iterator[str]:
    """What is said of settings that are not at their defaults and do nothing; cheap, without data."""
    for key, reason in (*_of_the_cell(run), *_of_one_cell(run), *_of_the_schedule(run), *_of_the_task(run)):
        group, name = key.split(".")
        yield f"{key}={run.config[group][name]} does nothing: {reason}"
    if run.config["cell"].get("forget_gate") == "coupled" and not run.config["cell"].get("input_gate", True):
        yield "cell.forget_gate=coupled is 1 - i, and without an input gate i is 1: the memory forgets all at each step"


def unread(run: PreparedRun, model: nn.Module, steps_per_epoch: int) -> Iterator[str]:
    """What is said of settings for which the run is too short, or which the model has no place for.

    Args:
        run: what is to be trained.
        model: its model, with or without numbers.
        steps_per_epoch: of its task, whose data have been read.
    """
    steps, warmup = run.train.total_steps(steps_per_epoch) - run.train.schedule_from, run.train.warmup
    if warmup > steps:
        reached = f"the learning rate only rises, to {steps / warmup:.2g} of what is set"
        yield f"train.warmup={warmup} is longer than the run, of {steps} steps: {reached}; lower train.warmup"
    every = run.train.steps_between(steps_per_epoch)
    validations = math.ceil(run.train.total_steps(steps_per_epoch) / every)
    yield from _unaveraged(run, validations)
    yield from _too_patient(run, validations)
    yield from _unmatched(run, sum(parameter.numel() for parameter in model.parameters()))
    yield from _without_kernel(run.train.kernel, model)
    pooling, chosen = run.classes["pooling"], run.config["choices"].get("pooling", "last")
    pools = any(isinstance(module, pooling) for module in model.modules())
    if not pools and chosen != "last" and ships(run.config["task"]["_target_"]):
        yield f"pooling={chosen} does nothing: the model of this task has no pooling"


def _without_kernel(kernel: str, model: nn.Module) -> Iterator[str]:
    cells = {type(module): module for module in model.modules() if isinstance(module, AbstractCell)}
    for cls, cell in cells.items():
        if kernel in ("library", "fused") and cell.runs_as(kernel) == "scan":  # type: ignore[arg-type]
            reason = f"{cls.__name__} has no such kernel with these settings, and runs as scan"
            yield f"train.kernel={kernel} does nothing: {reason}"


def _unaveraged(run: PreparedRun, validations: int) -> Iterator[str]:
    if issubclass(run.classes["optimizer"], NTASGD) and run.parent is None:
        nonmono = run.config["optimizer"]["nonmono"]
        if nonmono + 3 > validations:  # the earliest one that may begin the average, and one that sees it
            short = f"an average counts from validation {nonmono + 3} on, and the run has {validations}"
            yield f"optimizer.nonmono={nonmono}: {short}; it is plain gradient descent"


def _too_patient(run: PreparedRun, validations: int) -> Iterator[str]:
    patience = run.train.patience
    if patience is not None and patience + 1 >= validations and run.parent is None:
        first = f"it can end the run at validation {patience + 1} or later, and the run has {validations}"
        yield f"train.patience={patience} does nothing: {first}"


def _unmatched(run: PreparedRun, parameters: int) -> Iterator[str]:
    wanted = run.config["cell"].get("match_params")
    if wanted and abs(parameters / wanted - 1) > UNMATCHED:
        nearest = f"the nearest model has {parameters:,} parameters, {abs(parameters / wanted - 1):.0%}"
        yield f"cell.match_params={wanted}: {nearest} {'more' if parameters > wanted else 'fewer'}"


def _of_the_cell(run: PreparedRun) -> Idle:
    """A cell of the user's may read a setting where those of this package do not."""
    cell, cls = run.config["cell"], run.classes["cell"]
    if not ships(cls.__module__):
        return
    if cell.get("match_params") and cell["hidden_size"] not in (TYPICAL, defaults(cls)["hidden_size"]):
        yield "cell.hidden_size", f"cell.match_params={cell['match_params']} chooses the hidden size"
    if not issubclass(cls, LayeredCell):
        return
    alone = cell["num_layers"] == 1
    for name in ("residual", "layer_norm", *(() if issubclass(cls, Conv) else ("dropout",))):
        if alone and cell[name]:
            yield f"cell.{name}", "it acts between layers, and cell.num_layers is 1"
    if cell["variational"] and not cell["dropout"]:
        yield "cell.variational", "it is about cell.dropout, which is 0"


def _of_one_cell(run: PreparedRun) -> Idle:
    """Those of single cells."""
    cell, cls = run.config["cell"], run.classes["cell"]
    if issubclass(cls, MLPWindow) and cell["num_layers"] == 1 and cell["dropout"]:
        yield "cell.dropout", "it acts between layers, and cell.num_layers is 1"
    if issubclass(cls, LSTMVanilla) and cell["forget_gate"] != "own" and _is_set(run, "cell", "forget_bias"):
        yield "cell.forget_bias", f"cell.forget_gate={cell['forget_gate']} has no weights and no bias"
    if issubclass(cls, IndRNN) and cell["recurrent_init"] == "identity" and _is_set(run, "cell", "horizon"):
        yield "cell.horizon", "it is about cell.recurrent_init=uniform"


def _is_set(run: PreparedRun, group: str, name: str) -> bool:
    return bool(run.config[group][name] != defaults(run.classes[group])[name])


def _of_the_schedule(run: PreparedRun) -> Idle:
    """The settings that another schedule reads, and the steps where epochs decide."""
    train, usual = run.config["train"], defaults(run.classes["train"])
    chosen = train["schedule"] if isinstance(train["schedule"], str) else train["schedule"]["_target_"]
    for name, schedules in READERS.items():
        if chosen not in schedules and train[name] != usual[name]:
            yield f"train.{name}", f"train.schedule is {chosen}, and only {' and '.join(schedules)} read it"
    if train["epochs"] is not None and train["steps"] != usual["steps"]:
        yield "train.steps", f"train.epochs={train['epochs']} decides the length; use train.epochs=null"


def _of_the_task(run: PreparedRun) -> Idle:
    """A task of the user's may read a setting where those of this package do not."""
    if not ships(run.config["task"]["_target_"]):
        return
    yield from _of_the_data(run)
    yield from _of_the_bits(run)
    yield from _of_the_texts(run)
    yield from _of_transduction(run)


def _of_the_data(run: PreparedRun) -> Idle:
    """What makes data up where there are files, or reads files where there are none."""
    task, cls = run.config["task"], run.classes["task"]
    usual, files = defaults(cls), next((name for name in ("path", "text") if name in task), None)
    if files is None:
        return
    given = task[files] is not None
    reason = f"the data come from task.{files}" if given else f"it is about files, and task.{files} names none"
    for name in sorted(marked(cls, MADE_UP if given else FROM_FILES)):
        if task[name] != usual[name]:
            yield f"task.{name}", reason
    for name in ("val_fraction", "test_fraction") if task.get("splits") is not None else ():
        if task[name] != usual[name]:
            yield f"task.{name}", "task.splits says the rows of each part"


def _of_the_bits(run: PreparedRun) -> Idle:
    """Those of parity and counting."""
    task, usual = run.config["task"], defaults(run.classes["task"])
    if task.get("curriculum") == 0 and task["curriculum_start"] != usual["curriculum_start"]:
        yield "task.curriculum_start", "task.curriculum is 0, so that sequences are read whole"
    if task.get("output") == "classification" and task["test_lengths"] != usual["test_lengths"]:
        yield "task.test_lengths", "task.output is classification, which has no class for a longer sequence"


def _of_the_texts(run: PreparedRun) -> Idle:
    """Those of language models and of names_gen."""
    task, usual = run.config["task"], defaults(run.classes["task"])
    if task.get("variational") and not task["embedding_dropout"] and not task["output_dropout"]:
        yield "task.variational", "it is about task.embedding_dropout and task.output_dropout, which are 0"
    if task.get("sample_length") == 0 and task["prompts"]:
        yield "task.prompts", "task.sample_length is 0"
    for name in ("temperature", "prompt_len") if task.get("samples") == 0 else ():
        if task[name] != usual[name]:
            yield f"task.{name}", "task.samples is 0"


def _of_transduction(run: PreparedRun) -> Idle:
    """Those of sequence to sequence."""
    task, usual = run.config["task"], defaults(run.classes["task"])
    if "forcing_half" not in task:
        return
    if task["forcing_schedule"] == "constant" and task["forcing_half"] != usual["forcing_half"]:
        yield "task.forcing_half", "task.forcing_schedule is constant"
    if task["beam_size"] == 1 and task["length_penalty"]:
        yield "task.length_penalty", "task.beam_size is 1, and greedy decoding has no penalty"
    if task["attention"] not in ("bahdanau", "luong_concat") and task["attention_size"] != usual["attention_size"]:
        yield "task.attention_size", f"task.attention is {task['attention']}; bahdanau and luong_concat read it"
