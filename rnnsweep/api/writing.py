"""What a trained model writes: text after a prompt, names of a class, or the target of a source."""

import dataclasses
import unicodedata

import torch
from torch import nn

from rnnsweep import rng
from rnnsweep.config import suggestion
from rnnsweep.errors import ConfigError
from rnnsweep.models.decode import generate
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.tasks.language import LanguageModel
from rnnsweep.tasks.names_gen import NamesGen
from rnnsweep.tasks.transduction import TransductionTask
from rnnsweep.types import Natural, NonNegative
from rnnsweep.vocab import Vocabulary


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to write."""

    prompt: str | None = None
    """What the text begins with, or the source to answer; None: an opening that the vocabulary knows."""
    length: Natural = 400
    """Symbols to write."""
    temperature: NonNegative = 0.8
    """0 takes the likeliest symbol."""
    top_k: Natural = 0
    """Draw from the so many likeliest symbols; 0: from all."""
    seed: int = 0
    """Another seed gives another text."""
    label: str | None = None
    """Of names_gen: the class of the names; None: one of each."""


def written(task: AbstractTask, model: nn.Module, options: Options, name: str) -> str:
    """What the model writes.

    Args:
        task: what it was trained for.
        model: in evaluation mode.
        options: what to write.
        name: what a message calls the run.

    Raises:
        ConfigError: the task writes nothing, or the vocabulary lacks a symbol of the prompt.
    """
    if options.label is not None and not isinstance(task, NamesGen):
        raise ConfigError("label", f"the task of {name} has no classes; names_gen has")
    if isinstance(task, LanguageModel):
        return _text_after(task, model, options)
    if isinstance(task, NamesGen):
        _refuse_unread(options, ("top_k", "length"), "names end by themselves and are drawn from all symbols")
        return _names(task, model, options)
    if isinstance(task, TransductionTask):
        unread = ("temperature", "top_k", "length", "seed")
        _refuse_unread(options, unread, "an encoder-decoder answers with its likeliest target, by `task.beam_size`")
        return task.answer(model, options.prompt or "")
    raise ConfigError(name, "its task writes nothing; language models and encoder-decoders do")


def _refuse_unread(options: Options, names: tuple[str, ...], reason: str) -> None:
    """Refuses options that are not at their defaults and would do nothing."""
    for name in names:
        if getattr(options, name) != getattr(Options, name):
            raise ConfigError(name, f"it does nothing here: {reason}; leave it out")


def _text_after(task: LanguageModel, model: nn.Module, options: Options) -> str:
    prompt = opening(task.prompts, task.opening, task.vocab) if options.prompt is None else options.prompt
    if problem := task.unfit(prompt):
        raise ConfigError("prompt", problem)
    text = generate(
        model,
        task.vocab.encode(prompt).long()[None],
        options.length,
        torch.tensor([options.temperature]),
        torch.tensor([options.top_k]),
        rng.generator(options.seed, "sampling"),
    )
    return prompt + task.vocab.decode(text[0].tolist())


def opening(prompts: list[str] | None, usual: str, vocab: Vocabulary) -> str:
    """What a text begins with where nothing is asked for."""
    first = (prompts or [usual])[0]
    return vocab.decode([1]) if vocab.missing(first) else first


def _names(task: NamesGen, model: nn.Module, options: Options) -> str:
    """Ten names of the class, or one of each."""
    composed = {unicodedata.normalize("NFC", name): index for index, name in enumerate(task.classes)}
    label = None if options.label is None else unicodedata.normalize("NFC", options.label)
    if label is not None and label not in composed:
        raise ConfigError("label", f"there is no class `{label}`.{suggestion(label, list(composed))}")
    if missing := task.vocab.missing(options.prompt or ""):
        raise ConfigError("prompt", missing)
    chosen = list(range(len(task.classes))) if label is None else [composed[label]] * 10
    prompt = options.prompt or ""
    ends = task.write(model, [prompt] * len(chosen), torch.tensor(chosen), options.temperature, options.seed)
    return "\n".join(f"{task.classes[number]}: {prompt}{end}" for number, end in zip(chosen, ends, strict=True))
