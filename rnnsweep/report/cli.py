"""From the command line to a report."""

import argparse
import math
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsweep import lettering
from rnnsweep.errors import ReportError
from rnnsweep.secrets import redacted
from rnnsweep.terminal import Arguments, command, complain

if TYPE_CHECKING:
    import pandas as pd

    from rnnsweep.report.runs import Runs


@command("report")
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the report of some runs; exits with 2 and one clear sentence where that cannot be done."""
    options = parser().parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its own pool costs more than these small matrices gain
    try:
        files = report(options)
    except ReportError as error:
        sys.exit(complain("report", error, 2))
    except ModuleNotFoundError as error:
        sys.exit(complain("report", f"needs {error.name}; pip install 'rnnsweep[report]'", 2))
    for file in files:
        print(file)


def parser() -> Arguments:
    described = "One report of any set of runs: report.html, report.md, tables/ (CSV, LaTeX), figures/ (SVG, PNG, PDF)."
    made = Arguments(prog="report", description=described)
    made.add_argument("paths", nargs="+", type=Path, help="directories with runs, such as multirun/default")
    made.add_argument(
        "--by", default="", help="factors to report, by commas, as in cell,cell.hidden_size; all that vary"
    )
    made.add_argument("--metric", help="what to compare by, as in val/accuracy; val/loss")
    made.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="KEY=LEVEL",
        help="compare the levels of KEY with this one, as in cell=gru; may be repeated",
    )
    made.add_argument("--compare", default="", metavar="KEY,KEY", help="the factors whose levels are compared; cell")
    made.add_argument(
        "--tune",
        default="",
        metavar="KEY,KEY",
        help="the factors that are tuned for each of these; the optimizer's settings, clipping and the schedule",
    )
    made.add_argument(
        "--random",
        default="",
        metavar="KEY",
        help="a factor whose levels stand for others of their kind: intervals are over its levels, not over seeds",
    )
    made.add_argument(
        "--margin", type=_positive, help="a difference below it is small; 0.01 of a loss in nats or of a share"
    )
    made.add_argument(
        "--add",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="results of another program: cell,seed,val/loss,… with a row a run; exports of W&B, MLflow; event files",
    )
    made.add_argument(
        "--sections",
        choices=("task", "study"),
        default="task",
        help="a section for each task over all studies, or for each study and task; task",
    )
    made.add_argument("--out", type=_directory, default=Path("report"), help="the directory to write")
    return made


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected above 0, got {text}")
    return number


def _directory(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected a directory, got nothing; `.` is this one")
    return Path(text)


def report(options: argparse.Namespace) -> list[Path]:
    """Writes the report.

    Raises:
        ReportError: what cannot be reported, and why.
    """
    lettering.quiet()
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # where a user's package is found by the command that trains, too
    import numpy as np

    from rnnsweep.report import baselines, external
    from rnnsweep.report.across.scores import scores
    from rnnsweep.report.analysis import DesignOptions, analyse, searched_keys, tuned_comparisons
    from rnnsweep.report.collect import UNSET, collect
    from rnnsweep.report.listings import not_reproduced
    from rnnsweep.report.page import Report, publish
    from rnnsweep.report.results import tidy
    from rnnsweep.report.runs import Runs

    by, compare, tune, random = map(_keys, (options.by, options.compare, options.tune, options.random))
    apart = options.sections == "study"
    frame = external.add(collect(options.paths, apart), options.add)
    unknown = int((frame["task"] == UNSET).sum())
    names = frame["study"].map(lambda study: Path(study).name if apart else "")
    parts = [(study, part) for (study, task), part in frame.groupby([names, "task"], sort=False) if task != UNSET]
    if not parts:
        raise ReportError(f"none of the {len(frame)} runs has a config that can be read; nothing can be compared")
    found = []
    for name, part in parts:
        studies = list(part["study"].unique())
        drawn = searched_keys(studies)
        mixed = bool(drawn) and not all(searched_keys([study]) for study in studies)
        keys = [key for keys in drawn.values() for key in keys]
        found.append(Runs(part, keys, set(drawn) <= {"random", "qmc"}, mixed, name, random))
    by_task = [[key for key in by if len(found) == 1 or key in runs.keys] for runs in found]
    for option, keys in (("--by", by), ("--compare", compare), ("--tune", tune), ("--random", random)):
        for key in keys:
            if not any(_varies(runs, key) for runs in found):
                found[0].factor(key, option)
    levels = baselines.read(options.baseline, found)
    with np.errstate(all="ignore"):
        answers = tuned_comparisons(found, options.metric, levels, DesignOptions(compare, tune))
        sections = [
            analyse(runs, keys, options.metric, levels, options.margin, options.out, tuned)
            for runs, keys, tuned in zip(found, by_task, answers, strict=True)
        ]
    warnings = _warnings(frame, unknown)
    states = ", ".join(str(path) for path in options.paths)
    command = redacted(shlex.join(["python", "scripts/report.py", *sys.argv[1:]]))
    of = [path.name for path in options.paths] if apart else [runs.task for runs in found]
    title = f"Ablation report: {', '.join(of)}"
    subtitle = f"{len(frame)} planned runs of {states}."
    differing = not_reproduced(frame.attrs["differing"])
    return publish(
        Report(title, subtitle, sections, command, warnings, differing, scores(answers), tidy(frame)), options.out
    )


def _keys(text: str) -> list[str]:
    return [key for key in text.split(",") if key]


def _varies(runs: "Runs", key: str) -> bool:
    return any(key in factor.keys for factor in runs.factors)


def _warnings(frame: "pd.DataFrame", unknown: int) -> list[str]:
    from rnnsweep.report.collect import UNSET
    from rnnsweep.report.declared import older

    said = []
    for level, count in frame.attrs.get("retired", {}).items():
        runs = "1 run is" if count == 1 else f"{count} runs are"
        said.append(f"{level} is retired: {runs} on disk and {'is' if count == 1 else 'are'} not counted.")
    if twice := frame.attrs.get("twice", 0):
        differ = len({row["run"] for row in frame.attrs["differing"]})
        told = f"; {differ} of them have different values there: see the table “Did not reproduce”" if differ else ""
        said.append(f"{twice} runs lie in several of the given directories and are counted once{told}.")
    if unknown:
        counts = frame.loc[frame["task"] == UNSET, "state"].value_counts()
        told = ", ".join(f"{count} {state}" for state, count in counts.items())
        said.append(
            f"{unknown} runs have no config that can be read and belong to no task ({told}); no table counts them."
        )
    damaged = frame["problem"].dropna()
    said += [f"{frame['run'][index]}: {problem}." for index, problem in list(damaged.items())[:5]]
    if len(damaged) > 5:
        said.append(f"{len(damaged) - 5} more runs have damaged files; the run table names them.")
    if before := int(older(frame).sum()):
        known = "which way is better is known for what a task is judged by, and for metrics of rnnsweep's own tasks"
        said.append(f"{before} runs were recorded before tasks declared their metrics; {known}.")
    running = int((frame["state"] == "running").sum())
    if running:
        said.append(f"{running} runs are still training: this report is of what there is so far.")
    return said
