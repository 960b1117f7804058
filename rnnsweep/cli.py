"""The command line: compose, check, train a stack of one, show the result. Imports no torch before it trains."""

import math
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnsweep.errors import ConfigError, MachineError
from rnnsweep.terminal import command, complain

if TYPE_CHECKING:
    from rnnsweep.record import RunRecord, RunStore
    from rnnsweep.types import Metric

PACKAGED = Path(__file__).parent / "conf"
CONF = PACKAGED if PACKAGED.exists() else Path(__file__).parent.parent / "conf"


ANSWERS = {"--help", "-h", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}
"""Options of which the answer is what is printed."""


def main() -> None:
    """The console script and `python -m rnnsweep`."""
    asked = {argument.split("=")[0] for argument in sys.argv[1:]}
    with command("rnnsweep", trains=not asked & ANSWERS):
        _main()


def _main() -> None:
    if {"--help", "-h"} & set(sys.argv[1:]):
        from rnnsweep.help import page

        print(page(CONF, sys.argv[1:]))
        return
    modes = ("-m", "--multirun", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "hydra.mode=")
    sys.argv[1:] = [f"+{a}" if a.startswith("study=") else a for a in sys.argv[1:]]  # a study has no default to replace
    if any(a.startswith("+study=") for a in sys.argv) and not any(a.startswith(modes) for a in sys.argv[1:]):
        sys.argv.append("-m")  # a study is a sweep
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises, and the error is told here
    _compose_and_train()


def _compose_and_train() -> None:
    composed = False

    def job(config: DictConfig) -> float:
        nonlocal composed
        composed = True
        try:
            return _run(config)
        except ConfigError as error:  # told here, before Hydra adds a line of its own
            _refuse_setting(error)
        except MachineError as error:
            _refuse(str(error), error.exit_code)
        except OSError as error:
            sys.exit(complain("rnnsweep", error, MachineError.exit_code))

    try:
        hydra.main(config_path=str(CONF), config_name="config")(job)()
    except ConfigCompositionException as error:
        try:
            admitted = admit(error, sys.argv)
        except ConfigError as wrong:
            _refuse_setting(wrong)
        if admitted is None:
            _refuse(_no_such_choice(error) if isinstance(error, MissingConfigException) else _ambiguous(str(error)))
        sys.argv[:] = admitted
        _compose_and_train()
    except OverrideParseException as error:
        key, _, value = error.override.partition("=")
        whole = "," not in value or os.path.exists(value)
        hint = f"; a text goes in quotes: {as_text(key, *([value] if whole else value.split(',')))}"
        hint = "" if value[:1] in ("", "[", "{", '"', "'") else hint
        _refuse(f"`{error.override}`: cannot be read as KEY=VALUE ({error.message.splitlines()[1]}){hint}")
    except ConfigError as error:
        _refuse_setting(error)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        if composed:
            raise
        _refuse(str(error))


def admit(error: ConfigCompositionException, arguments: Sequence[str]) -> list[str] | None:
    """The arguments with the key that Hydra does not know let in, so that the settings' own check says what is wrong.

    None where the error is another one.

    Raises:
        ConfigError: the key is one of Hydra's own, whose check is here.
    """
    missing = error.__cause__
    if isinstance(missing, OmegaConfBaseException) and str(missing.full_key).startswith("hydra."):
        from rnnsweep.config import suggestion

        hint = suggestion(str(missing.key), [str(name) for name in missing.parent_node or ()])
        raise ConfigError(str(missing.full_key), f"there is no such setting.{hint}") from None
    unknown = re.match(r"Could not override '([^']+)'", str(error))
    typed = _typed(unknown.group(1), arguments) if unknown else None
    return None if typed is None else [f"+{text}" if text == typed else text for text in arguments]


def _no_such_choice(error: MissingConfigException) -> str:
    from rnnsweep.config import suggestion

    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    problem = f"there is no {group or 'config'} `{name}`.{suggestion(name, sorted(error.options or []))}"
    return f"`{_typed(group, sys.argv[1:]) or error.missing_cfg_file}`: {problem}"


def _ambiguous(message: str) -> str:
    """What to do about several values where one is wanted."""
    several = re.match(r"Ambiguous value for argument '(.+)'\n", message)
    if not several:
        return message
    key, _, value = several.group(1).partition("=")
    hint = f"; for the file of that name: {as_text(key, value)}" if os.path.exists(value) else ""
    return f"`{several.group(1)}`: several values are a sweep; add -m to train a run for each{hint}"


def as_text(key: str, *values: str) -> str:
    """What to type so that values are texts, whatever characters they hold.

    Hydra reads the inner quotes, the shell the outer ones.
    """
    escaped = (re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + (found[2] and '\\"'), value) for value in values)
    return shlex.quote(f"{key}=" + ",".join(f'"{value}"' for value in escaped))


def _typed(key: str, arguments: Sequence[str]) -> str | None:
    """The argument that set `key`, else one that set something in it, as the user typed it."""
    names = {argument: argument.lstrip("+~").split("=")[0].split("@")[0] for argument in arguments}
    exact = [argument for argument, name in names.items() if name == key]
    return next(iter(exact + [argument for argument, name in names.items() if name.startswith(f"{key}.")]), None)


def _refuse_setting(error: ConfigError) -> NoReturn:
    typed = next((typed for key in error.keys if (typed := _typed(key, sys.argv[1:]))), error.keys[0])
    _refuse(f"`{typed.lstrip('+')}`: {error.problem}")


def _refuse(message: str, code: int = 2) -> NoReturn:
    sys.exit(complain("rnnsweep", message, code))


def _run(config: DictConfig) -> float:
    from rnnsweep.config import plain
    from rnnsweep.interpolation import settled
    from rnnsweep.naming import named
    from rnnsweep.record import RunStore
    from rnnsweep.run import prepare
    from rnnsweep.single import train

    choices = HydraConfig.get().runtime.choices
    run = prepare(settled(plain(OmegaConf.to_container(config), choices)))
    root = _root(run.config["out"])
    run = named(run, root)
    store = RunStore(root / run.id)
    record = train(run, store)
    show(record, store)
    metric, value = run.task.metric, to_minimise(record, run.task.metric)
    sweeper = str(HydraConfig.get().sweeper._target_).rpartition(".")[2]
    if HydraConfig.get().mode == RunMode.MULTIRUN and sweeper != "BasicSweeper":
        sign = "-" if metric.direction == "max" else ""
        print(f"{sweeper} gets, to be minimised: {sign}val/{metric.name} = {value:.5g}", flush=True)
    return value


def to_minimise(record: "RunRecord", metric: "Metric") -> float:
    """What a sweeper that minimises gets of a run, as Hydra's own for Optuna does.

    Args:
        record: the run's.
        metric: what the task is judged by.

    Returns:
        The metric at the best validation, negated where a higher one is better. Infinity where the run diverged.
    """
    value = record.best.get(f"val/{metric.name}")
    if record.status == "diverged" or value is None:
        return math.inf
    return -value if metric.direction == "max" else value


def _root(out: str) -> Path:
    sweep = HydraConfig.get()
    return Path(sweep.sweep.dir) if sweep.mode == RunMode.MULTIRUN else Path(out)


def show(record: "RunRecord", store: "RunStore") -> None:
    """The end of a run for a person: a short table, a sample, the paths."""
    print(f"\n{record.run}: {record.status}" + (f", {record.error}" if record.error else ""))
    matched = record.config.get("cell", {}).get("match_params")
    size = (
        f" at hidden size {record.environment['hidden_size']}"
        if matched and "hidden_size" in record.environment
        else ""
    )
    trained = f"{record.steps:,} steps, {record.seconds:.1f} s of training and validation"
    print(f"{record.parameters:,} parameters{size}, {trained}\n")
    _table(record)
    samples = record.showcase.get("samples")
    if samples:
        sample = next((s for s in samples if (s["temperature"], s["top_k"]) == (0.8, 0)), samples[0])
        print(f"\n--- a sample, temperature {sample['temperature']} ---\n{sample['prompt']}{sample['text']}\n---")
    print()
    figures = sorted(path.name for path in store.path.glob("*.png"))
    for name in ("record.json", "samples.md", *figures):
        if (store.path / name).exists():
            print(store.path / name)


def _table(record: "RunRecord") -> None:
    """Losses and what follows from them: at the end of training, and of the weights with the best validation."""
    from rnnsweep.progress import number
    from rnnsweep.types import BOOKKEEPING

    last, best = record.metrics, record.best
    rows = [("last", "train", last), ("last", "val", last), ("best", "val", best), ("best", "test", best)]
    rows = [(weights, split, values) for weights, split, values in rows if f"{split}/loss" in values]
    named = [key.split("/", 1) for _, _, values in rows for key in values if "/" in key]
    columns = list(dict.fromkeys(name for _, name in named if name not in BOOKKEEPING))
    widths = [max(10, len(name) + 2) for name in columns]
    print("  weights  split" + "".join(f"{name:>{width}}" for name, width in zip(columns, widths, strict=True)))
    for weights, split, values in rows:
        cells = (values.get(f"{split}/{name}") for name in columns)
        print(
            f"  {weights:<8} {split:<5}"
            + "".join(
                f"{'-' if value is None else number(value):>{width}}"
                for value, width in zip(cells, widths, strict=True)
            )
        )
