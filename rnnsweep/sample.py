"""Write with a trained model: `python -m rnnsweep.sample RUN --prompt "The " --temperature 0.8`."""

import argparse
import sys
from pathlib import Path


def main() -> None:
    options = _options()
    import torch

    from rnnsweep import rng
    from rnnsweep.errors import ConfigError
    from rnnsweep.models.decode import generate
    from rnnsweep.models.many_to_many import ManyToMany
    from rnnsweep.run import saved
    from rnnsweep.tasks.charlm import CharLM

    try:
        run, model = saved(options.run)
    except ConfigError as error:
        sys.exit(_complain(str(error)))
    if not (isinstance(run.task, CharLM) and isinstance(model, ManyToMany)):
        sys.exit(_complain(f"{options.run}: task {run.config['choices']['task']} generates nothing"))
    missing = sorted(set(options.prompt) - set(run.task.vocab.symbols))
    if missing:
        print(f"not in the vocabulary, read as unknown: {' '.join(map(repr, missing))}", file=sys.stderr)
    text = generate(
        model,
        run.task.vocab.encode(options.prompt).long()[None],
        options.length,
        torch.tensor([options.temperature]),
        torch.tensor([options.top_k]),
        rng.generator(options.seed, "sampling"),
    )
    print(options.prompt + run.task.vocab.decode(text[0].tolist()))


def _complain(message: str) -> int:
    print(f"rnnsweep.sample: {message}", file=sys.stderr)
    return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnnsweep.sample", description=__doc__)
    parser.add_argument("run", type=Path, help="the directory of a run, such as outputs/charlm-gru-s0-1a2b3c4d")
    parser.add_argument("--prompt", type=_text, default="The ", help="what the text begins with")
    parser.add_argument("--temperature", type=_at_least(float, 0), default=0.8, help="0 takes the likeliest (0.8)")
    parser.add_argument("--top-k", type=_at_least(int, 0), default=0, help="draw from the k likeliest; 0: all (0)")
    parser.add_argument("--length", type=_at_least(int, 0), default=400, help="characters to write (400)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another text (0)")
    return parser.parse_args()


def _text(value: str) -> str:
    if not value:
        raise argparse.ArgumentTypeError("a prompt has at least one character")
    return value


def _at_least(kind: type[int] | type[float], least: int):  # type: ignore[no-untyped-def]
    def parse(value: str) -> float:
        number = kind(value)
        if not number >= least or number == float("inf"):
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {value}")
        return number

    parse.__name__ = kind.__name__
    return parse


if __name__ == "__main__":
    main()
