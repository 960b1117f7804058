"""Write with a trained model: `python -m rnnsweep.sample RUN --prompt "The " --temperature 0.8`."""

import argparse
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsweep.terminal import Arguments, between, command

if TYPE_CHECKING:
    from torch import nn

    from rnnsweep.tasks.base import AbstractTask
    from rnnsweep.tasks.language import LanguageModel
    from rnnsweep.tasks.names_gen import NamesGen


@command("rnnsweep.sample")
def main() -> None:
    options = _options()
    from rnnsweep.run import saved

    run, model = saved(options.run)
    print(_written(run.task, model, options))


def _written(task: "AbstractTask", model: "nn.Module", options: argparse.Namespace) -> str:
    """What the model writes: text after the prompt, names of a class, or the target of a source."""
    from rnnsweep.errors import ConfigError
    from rnnsweep.tasks.language import LanguageModel
    from rnnsweep.tasks.names_gen import NamesGen
    from rnnsweep.tasks.transduction import TransductionTask

    if options.label is not None and not isinstance(task, NamesGen):
        raise ConfigError("--label", f"the task of {options.run} has no classes; names_gen has")
    if isinstance(task, LanguageModel):
        return _text_after(task, model, options)
    if isinstance(task, NamesGen):
        return _names(task, model, options)
    if isinstance(task, TransductionTask):
        return task.answer(model, options.prompt or "")
    raise ConfigError(str(options.run), "its task writes nothing; language models and encoder-decoders do")


def _text_after(task: "LanguageModel", model: "nn.Module", options: argparse.Namespace) -> str:
    import torch

    from rnnsweep import rng
    from rnnsweep.errors import ConfigError
    from rnnsweep.models.decode import generate

    prompt = _opening(task) if options.prompt is None else options.prompt
    if missing := task.vocab.missing(prompt):
        raise ConfigError("--prompt", missing)
    text = generate(
        model,
        task.vocab.encode(prompt).long()[None],
        options.length,
        torch.tensor([options.temperature]),
        torch.tensor([options.top_k]),
        rng.generator(options.seed, "sampling"),
    )
    return prompt + task.vocab.decode(text[0].tolist())


def _opening(task: "LanguageModel") -> str:
    """What a text begins with where nothing is asked for."""
    first = (task.prompts or [task.opening])[0]
    return task.vocab.decode([1]) if task.vocab.missing(first) else first


def _names(task: "NamesGen", model: "nn.Module", options: argparse.Namespace) -> str:
    """Ten names of the class, or one of each."""
    import torch

    from rnnsweep.config import suggestion
    from rnnsweep.errors import ConfigError

    composed = {unicodedata.normalize("NFC", name): index for index, name in enumerate(task.classes)}
    label = None if options.label is None else unicodedata.normalize("NFC", options.label)
    if label is not None and label not in composed:
        raise ConfigError("--label", f"there is no class `{label}`.{suggestion(label, list(composed))}")
    if missing := task.vocab.missing(options.prompt or ""):
        raise ConfigError("--prompt", missing)
    chosen = list(range(len(task.classes))) if label is None else [composed[label]] * 10
    task.temperature, task.seed, prompt = options.temperature, options.seed, options.prompt or ""
    ends = task.write(model, [prompt] * len(chosen), torch.tensor(chosen))
    return "\n".join(f"{task.classes[number]}: {prompt}{end}" for number, end in zip(chosen, ends, strict=True))


def _options() -> argparse.Namespace:
    parser = Arguments(prog="python -m rnnsweep.sample", description=__doc__)
    parser.add_argument("run", type=Path, help="the directory of a run, such as outputs/charlm-gru-s0-1a2b3c4d")
    parser.add_argument(
        "--prompt",
        type=_text,
        help="what the text begins with, or the source to answer",
    )
    parser.add_argument("--label", help="the class of the names to write (one of each)")
    parser.add_argument("--temperature", type=between(float, 0), default=0.8, help="0 takes the likeliest (0.8)")
    parser.add_argument("--top-k", type=between(int, 0), default=0, help="draw from the k likeliest; 0: all (0)")
    parser.add_argument("--length", type=between(int, 0), default=400, help="symbols to write (400)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another text (0)")
    return parser.parse_args()


def _text(value: str) -> str:
    if not value:
        raise argparse.ArgumentTypeError("a prompt has at least one character")
    return value


if __name__ == "__main__":
    main()
