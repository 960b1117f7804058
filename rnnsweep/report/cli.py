"""The command line of the report."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnsweep import lettering
from rnnsweep.errors import ReportError
from rnnsweep.terminal import Arguments, command, complain


@command("report")
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the report of some runs. If that is not possible, says why in one sentence and exits with 2."""
    options = parser().parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its own pool costs more than these small matrices gain
    lettering.quiet()  # before matplotlib is imported
    try:
        from rnnsweep.report.assembly import report

        files = report(options)
    except ReportError as error:
        sys.exit(complain("report", error, 2))
    except ModuleNotFoundError as error:
        sys.exit(complain("report", f"needs {error.name}; pip install 'rnnsweep[report]'", 2))
    for file in files:
        print(file)


def parser() -> Arguments:
    """The parser of the options. In the help of an option, its default stands in brackets."""
    described = "One report of any set of runs: report.html, report.md, tables/ (CSV, LaTeX), figures/ (SVG, PNG, PDF)."
    made = Arguments(prog="report", description=described)
    for name, settings in OPTIONS.items():
        made.add_argument(name, **settings)
    return made


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected above 0, got {text}")
    return number


_positive.__name__ = "number"  # argparse names it where a text is no number


def _directory(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected a directory, got nothing; `.` is this one")
    return Path(text)


OPTIONS: dict[str, dict[str, Any]] = {
    "paths": {"nargs": "+", "type": Path, "help": "directories with runs, such as multirun/default"},
    "--by": {"default": "", "help": "the factors to report, as in cell,cell.hidden_size (default: all that vary)"},
    "--metric": {"help": "the metric to compare by, as in val/accuracy (default: val/loss)"},
    "--baseline": {
        "action": "append",
        "default": [],
        "metavar": "KEY=LEVEL",
        "help": "compare the other levels of KEY with this one, as in cell=gru; may be repeated",
    },
    "--compare": {"default": "", "metavar": "KEY,KEY", "help": "the factors whose levels are compared (default: cell)"},
    "--tune": {
        "default": "",
        "metavar": "KEY,KEY",
        "help": "the factors tuned for each compared level (default: the optimizer's, clipping, the schedule)",
    },
    "--random": {
        "default": "",
        "metavar": "KEY",
        "help": "a factor whose levels are a random sample: intervals are over its levels, not over seeds",
    },
    "--margin": {
        "type": _positive,
        "help": "a difference below it is small (default: the margin that the sweep planned, else 0.01 for a loss in "
        "nats or a share, else a hundredth of the mean value)",
    },
    "--add": {
        "action": "append",
        "default": [],
        "type": Path,
        "metavar": "FILE",
        "help": "results of another program: a CSV with a row for each run, or an export of W&B or MLflow, or a "
        "folder of event files; may be repeated",
    },
    "--view": {
        "action": "append",
        "default": [],
        "type": Path,
        "metavar": "FILE",
        "help": "a view of your own, such as spread.py; may be repeated",
    },
    "--sections": {
        "choices": ("task", "study"),
        "default": "task",
        "help": "a section for each task over all studies, or for each study and task (default: task)",
    },
    "--out": {"type": _directory, "default": Path("report"), "help": "the directory to write (default: report)"},
}
