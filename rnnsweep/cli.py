"""The command line: compose, check, train a stack of one, show the result. Imports no torch before it trains."""

import math
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

import rnnsweep
from rnnsweep.command_words import refuse_unread, tell_of_sweeps, tell_repeated
from rnnsweep.errors import ConfigError, MachineError
from rnnsweep.extensions import extended
from rnnsweep.hydra_mistakes import refuse_options
from rnnsweep.mistakes import admit, told
from rnnsweep.terminal import command, complain

if TYPE_CHECKING:
    from rnnsweep.record import RunRecord, RunStore
    from rnnsweep.types import Metric

PACKAGED = Path(__file__).parent / "conf"
CONF = PACKAGED if PACKAGED.exists() else Path(__file__).parent.parent / "conf"


ANSWERS = {"--help", "-h", "--version", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}
"""Options that print an answer and train nothing."""


def main() -> None:
    """The console script and `python -m rnnsweep`."""
    asked = {argument.split("=")[0] for argument in sys.argv[1:]}
    with command("rnnsweep", trains=not asked & ANSWERS):
        _main()


def _main() -> None:
    if {"--help", "-h"} & set(sys.argv[1:]):
        from rnnsweep.help import page

        print(page(CONF, extended(sys.argv[1:])))
        return
    if "--version" in sys.argv[1:]:
        print(f"rnnsweep {rnnsweep.__version__}, torch {version('torch')}, hydra-core {version('hydra-core')}")
        return
    words = sys.argv[1:]
    sys.argv[1:] = extended(words)
    modes = ("-m", "--multirun", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "hydra.mode=")
    sys.argv[1:] = [f"+{a}" if a.startswith("study=") else a for a in sys.argv[1:]]  # a study has no default to replace
    if any(a.startswith("+study=") for a in sys.argv) and not any(a.startswith(modes) for a in sys.argv[1:]):
        sys.argv.append("-m")  # a study is a sweep
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises, and the error is told here
    _compose_and_train(words)


def _compose_and_train(words: list[str]) -> None:
    """Composes and trains; `words` are those that the user typed."""

    def job(config: DictConfig) -> float:
        try:
            return _run(config)
        except ConfigError as error:  # told here, before Hydra adds a line of its own
            sys.exit(complain("rnnsweep", told(error, words) or error, 2))
        except MachineError as error:
            sys.exit(complain("rnnsweep", error, error.exit_code))
        except OSError as error:
            sys.exit(complain("rnnsweep", error, MachineError.exit_code))

    try:
        refuse_options(words)
        refuse_unread(words)
        tell_repeated(words)
        hydra.main(config_path=str(CONF), config_name="config")(job)()
    except Exception as error:
        try:
            admitted = admit(error, sys.argv) if isinstance(error, ConfigCompositionException) else None
            said = told(error, words)
        except ConfigError as wrong:
            admitted, said = None, told(wrong, words)
        if admitted is None and said is None:
            raise
        if admitted is None:
            sys.exit(complain("rnnsweep", str(said), 2))
        sys.argv[:] = admitted
        _compose_and_train(words)


def _run(config: DictConfig) -> float:
    from rnnsweep.config import plain
    from rnnsweep.hidden import tell_hidden
    from rnnsweep.interpolation import settled
    from rnnsweep.naming import named
    from rnnsweep.record import RunStore
    from rnnsweep.run import prepare
    from rnnsweep.single import train

    runtime = HydraConfig.get().runtime
    tell_hidden(runtime.config_sources)
    if HydraConfig.get().mode == RunMode.RUN:
        tell_of_sweeps(HydraConfig.get().overrides.hydra)
    run = prepare(settled(plain(OmegaConf.to_container(config), runtime.choices)))
    root = _root(run.config["out"])
    run = named(run, root)
    store = RunStore(root / run.id)
    record = train(run, store)
    show(record, store)
    metric, value = run.task.metric, to_minimise(record, run.task.metric)
    sweeper = str(HydraConfig.get().sweeper._target_).rpartition(".")[2]
    if HydraConfig.get().mode == RunMode.MULTIRUN and sweeper != "BasicSweeper":
        sign = "-" if metric.direction == "max" else ""
        print(f"{sweeper} minimises {sign}val/{metric.name}; this run has {value:.5g}", flush=True)
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
    samples = record.summary.get("samples")
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
