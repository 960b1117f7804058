"""From directories with runs to the files of a report."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rnnsweep.errors import ReportError, many
from rnnsweep.report import baselines, external, reservations
from rnnsweep.report.across.scores import scores
from rnnsweep.report.analysis import DesignOptions, analyse, searched_keys, tuned_comparisons
from rnnsweep.report.collect import UNSET, collect
from rnnsweep.report.content import Report
from rnnsweep.report.discovery import view_of
from rnnsweep.report.page import publish
from rnnsweep.report.provenance_tables import not_reproduced
from rnnsweep.report.results import tidy
from rnnsweep.report.runs import Runs, refuse_constant
from rnnsweep.secrets import redacted
from rnnsweep.study_folder import from_here


def report(options: argparse.Namespace) -> list[Path]:
    """Writes the report.

    Args:
        options: The options of the command; see `cli.parser`.

    Returns:
        The files that a reader opens.

    Raises:
        ReportError: The report cannot be written; the message says why.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # the command that trains also finds a user's package here
    views = [view_of(path) for path in options.view]
    by, compare, tune, random = map(_keys, (options.by, options.compare, options.tune, options.random))
    apart = options.sections == "study"
    frame = external.add(collect(options.paths, apart), options.add)
    found = _by_task(frame, apart, random)
    for option, keys in zip(("--by", "--compare", "--tune", "--random"), (by, compare, tune, random), strict=True):
        refuse_constant(option, keys, found)
    levels = baselines.read(options.baseline, found)
    with np.errstate(all="ignore"):
        answers = tuned_comparisons(found, options.metric, levels, DesignOptions(compare, tune))
        sections = [
            analyse(runs, keys, options.metric, levels, options.margin, options.out, tuned, views)
            for runs, keys, tuned in zip(found, _chosen(by, found), answers, strict=True)
        ]
    names = ", ".join([path.name for path in options.paths] if apart else [runs.task for runs in found])
    content = Report(
        f"Ablation report: {names}",
        f"{many(len(frame), 'planned run')} of {', '.join(map(from_here, options.paths))}.",
        sections,
        redacted(shlex.join([*_program(), *map(from_here, sys.argv[1:])])),
        reservations.of(frame),
        not_reproduced(frame.attrs["differing"]),
        scores(answers),
        tidy(frame),
    )
    return publish(content, options.out)


def _program() -> list[str]:
    """The command of the report as it is typed in this directory."""
    script = Path("scripts", "report.py")
    return ["python", str(script)] if script.exists() else ["rnnsweep-report"]


def _keys(text: str) -> list[str]:
    return [key for key in text.split(",") if key]


def _by_task(frame: pd.DataFrame, apart: bool, random: Sequence[str]) -> list[Runs]:
    """The runs of each task, or of each study and task.

    Raises:
        ReportError: No run has a config.
    """
    names = frame["study"].map(lambda study: Path(study).name if apart else "")
    parts = [(study, part) for (study, task), part in frame.groupby([names, "task"], sort=False) if task != UNSET]
    if not parts:
        raise ReportError(f"{many(len(frame), 'run')}, but no config that can be read; nothing can be compared")
    return [_runs(part, name, random) for name, part in parts]


def _runs(part: pd.DataFrame, name: str, random: Sequence[str]) -> Runs:
    studies = list(part["study"].unique())
    drawn = searched_keys(studies)
    mixed = bool(drawn) and not all(searched_keys([study]) for study in studies)
    keys = [key for keys in drawn.values() for key in keys]
    return Runs(part, keys, set(drawn) <= {"random", "qmc"}, mixed, name, random)


def _chosen(by: Sequence[str], found: Sequence[Runs]) -> list[list[str]]:
    """The factors to report for each task. If there are several tasks, a task reports those that it has."""
    return [[key for key in by if len(found) == 1 or key in runs.settings.keys] for runs in found]
