"""Write with a trained model: `python -m rnnsweep.sample RUN --prompt "The " --temperature 0.8`."""

import argparse
from pathlib import Path

from rnnsweep.errors import ConfigError
from rnnsweep.terminal import Arguments, between, command


@command("rnnsweep.sample")
def main() -> None:
    options = vars(_options())
    from rnnsweep.api.trained import load

    trained = load(options.pop("run"))
    try:
        print(trained.generate(**options))
    except ConfigError as error:  # the library names its argument, the command line its option
        key = error.keys[0]
        raise ConfigError(f"--{key.replace('_', '-')}" if key in options else key, error.problem) from None


def _options() -> argparse.Namespace:
    parser = Arguments(prog="python -m rnnsweep.sample", description=__doc__)
    parser.add_argument("run", type=Path, help="the directory of a run, such as outputs/charlm-gru-s0-1a2b3c4d")
    parser.add_argument(
        "--prompt",
        type=_text,
        help="what the text begins with, or the source to answer",
    )
    parser.add_argument("--label", help="the class of the names to write (one of each)")
    parser.add_argument("--temperature", type=between(float, 0), default=0.8, help="0 takes the likeliest symbol (0.8)")
    parser.add_argument(
        "--top-k", type=between(int, 0), default=0, help="draw from the k likeliest symbols; 0: all (0)"
    )
    parser.add_argument("--length", type=between(int, 0), default=400, help="symbols to write (400)")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the sampling (0)")
    return parser.parse_args()


def _text(value: str) -> str:
    if not value:
        raise argparse.ArgumentTypeError("a prompt has at least one character")
    return value


if __name__ == "__main__":
    main()
