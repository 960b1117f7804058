"""`rnnsweep.sweep`: a sweep from Python. Its command runs in a process of its own, as in a terminal."""

import collections
import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from rnnsweep import planned
from rnnsweep.api.bar import NotebookBar, is_notebook
from rnnsweep.api.compose import whole
from rnnsweep.api.overrides import Overrides, words
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.interrupt import Interrupted
from rnnsweep.report.results import Results, results
from rnnsweep.sweep.plan import plans
from rnnsweep.sweep.view import Progress

LOOK_SECONDS = 1.0
"""Between two looks at the study's files."""


def sweep(*overrides: Overrides) -> Results:
    """Trains a run for each combination, as `python -m rnnsweep -m` does. The same call continues a sweep.

    Args:
        overrides: as on the command line, such as "cell=gru,lstm" or "+study=cell"; or dictionaries of settings, where
            a list means a run for each of its values.

    Returns:
        All runs of the study, as `rnnsweep.results` gives them. A run that failed has the status `failed`.

    Raises:
        ConfigError: a setting or its value is wrong; nothing was trained.
        KeyboardInterrupt: it was stopped; the runs in hand have checkpoints.

    Example:
        >>> runs = rnnsweep.sweep({"task": "parity", "cell": ["gru", "lstm"]}, "hydra.sweeper.name=mine")
        >>> runs.groupby("cell")["test/accuracy"].mean()
    """
    typed = words(overrides, sweeps=True)
    study = _study(typed)
    end, said = _run([sys.executable, "-m", "rnnsweep", *_mode(typed), *typed], study)
    if end == 2:
        raise ConfigError("the sweep", said.removeprefix("rnnsweep: "))
    if end not in (0, 1):  # 1: a run failed, which its row says
        raise RuntimeError(f"the sweep ended with {end}: {said}")
    found = results(study)
    _tell_others(study, list(found["run"]))
    return found


def _tell_others(study: Path, runs: list[str]) -> None:
    """Says where a study of grids has runs of several: a mean over all of them mixes what their commands differ in."""
    made = [] if planned.searched(study) or planned.tuned(study) else plans(study)  # those have a plan for each stage
    if made and not any({*runs} <= {run.id for run in plan.runs} for plan in made):
        hint = "these are the runs of all of them; another hydra.sweeper.name keeps them apart"
        tell_once(f"{study} holds several sweeps, of {len(runs):,} runs together: {hint}")


def _mode(typed: list[str]) -> list[str]:
    return [] if any(word.lstrip("+").startswith("study=") for word in typed) else ["-m"]


def _study(typed: list[str]) -> Path:
    """The directory of the study that the words name."""
    typed = [f"+{word}" if word.startswith("study=") else word for word in typed]
    single = []
    for word, override in zip(typed, OverridesParser.create().parse_overrides(typed), strict=True):
        if not override.is_sweep_override():
            single.append(word)
        elif override.key_or_group == "study":
            raise ConfigError("study", "from Python, one study a call: the runs of each are a frame of their own")
    hydra = whole(single).hydra
    return Path(hydra.sweep.dir) / str(hydra.sweeper.name)


def _run(command: list[str], study: Path) -> tuple[int, str]:
    """Runs the command; how it ended, and the last line that it said on standard error.

    In a terminal it draws its own view. Elsewhere its lines are passed on, and a notebook has a bar beside them.
    """
    shows = sys.stdout.isatty() and sys.stdout is sys.__stdout__
    process = subprocess.Popen(
        command,
        stdout=None if shows else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # a Ctrl-C comes here first, and is passed on once
    )
    last: collections.deque[str] = collections.deque(maxlen=1)
    readers = [_passing(process.stdout, sys.stdout, None), _passing(process.stderr, sys.stderr, last)]
    try:
        _watch(process, study, NotebookBar() if is_notebook() else None)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise Interrupted(signal.SIGINT) from None
    finally:
        for reader in readers:
            reader.join()
    return process.returncode, last[0].strip() if last else ""


def _passing(stream: Iterable[str] | None, out: Any, last: collections.deque[str] | None) -> threading.Thread:
    """A thread that passes lines on and keeps the last one."""

    def run() -> None:
        for line in stream or ():
            out.write(line)
            out.flush()
            if last is not None:
                last.append(line)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _watch(process: subprocess.Popen[str], study: Path, bar: NotebookBar | None) -> None:
    """Waits for the end; draws the bar meanwhile, from the newest plan."""
    progress: Progress | None = None
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_SECONDS)
            break
        if bar is None:
            continue
        found = plans(study)
        if found and (progress is None or progress.plan.path != found[-1].path):
            progress = Progress(found[-1])
        if progress is not None:
            progress.look()
            bar.show(progress.done, len(progress.plan.runs), progress.summary().partition("runs")[2].strip())
    if bar is not None and progress is not None:
        progress.look()
        bar.show(progress.done, len(progress.plan.runs), "")
