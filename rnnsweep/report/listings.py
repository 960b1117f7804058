"""Tables that list: all runs, what failed, the runs of each setting, the pairs behind each difference, versions."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from rnnsweep.report.effects import Effect
from rnnsweep.report.leaderboard import ranked_entries
from rnnsweep.report.numbers import number, signed, size
from rnnsweep.report.runs import MetricColumn, Runs
from rnnsweep.report.table import Cell, Table, TableRow, anchor, pairs_anchor, rows_of, setting_link

SHOWN_RUNS = 2000
"""Runs that the page lists; the CSV has all."""

SHOWN_PAIRS = 12
"""Settings behind one difference that the page lists; the CSV has all."""

SHOWN_ALIKE = 5
"""Runs of one reason that Markdown and LaTeX list; the CSV has all."""

SHOWN_METRICS = 6
"""Metrics of copies of a run that stand side by side."""


def run_anchor(name: str) -> str:
    return anchor("run", name)


def all_runs(runs: Runs, metric: MetricColumn, out: Path) -> Table:
    """Every planned run, with a link to its directory."""
    frame, values = runs.frame, runs.column(metric.name)
    columns = ("run", "state", "setting", "seed", metric.name, "steps", "seconds", "parameters", "note")
    described = {int(code): runs.describe(int(code)) for code in frame["setting"].unique() if code >= 0}
    told = dict.fromkeys(("complete", "pruned"), "")
    rows, errors = [], frame["error"].to_numpy(object)
    folders = {study: relative(Path(study), out) for study in frame["study"].unique()}
    for index, row in enumerate(frame.itertuples(index=False)):
        note = told.get(row.state) if row.state in told else (row.problem or _last_line(errors[index]))
        exists = row.state != "missing" and index < SHOWN_RUNS
        setting = int(row.setting)
        seconds, parameters = _float(row, "seconds"), _float(row, "parameters")
        value = values[index] if row.state == "complete" else float("nan")
        cells = (
            Cell(row.run, link=f"{folders[row.study]}{quote(row.run)}/" if exists else ""),
            Cell(row.state),
            Cell(described.get(setting, "—"), setting, setting_link(runs, setting) if setting >= 0 else ""),
            Cell(_whole(row, "seed"), _float(row, "seed")),
            Cell(number(value, 4), value),
            Cell(_whole(row, "steps"), _float(row, "steps")),
            Cell(number(seconds, 1), seconds),
            Cell(size(parameters), parameters),
            Cell(note or ""),
        )
        rows.append(TableRow(cells, run_anchor(row.run)))
    notes = (
        "seconds: a run's share of the time that its stack took. The numbers of a run that is not "
        "complete are not shown.",
    )
    return Table(f"runs-{anchor(runs.task)}", "All runs", columns, tuple(rows), notes, SHOWN_RUNS)


def _float(row: object, name: str) -> float:
    value = getattr(row, name, None)
    return float(value) if isinstance(value, int | float) else float("nan")


def _whole(row: object, name: str) -> str:
    value = _float(row, name)
    return f"{value:.0f}" if value == value else "—"


def _last_line(error: object) -> str:
    lines = [line for line in error.strip().splitlines() if line.strip()] if isinstance(error, str) else []
    return lines[-1].strip() if lines else ""


def relative(path: Path, out: Path) -> str:
    """A run's directory as the report's page links to it."""
    return quote(os.path.relpath(path.resolve(), out.resolve())) + "/"


def failures(runs: Runs) -> Table | None:
    """Runs without a result: those that ended alike in one row, with one command. None where all came to an end."""
    frame = runs.frame[~runs.frame["state"].isin(["complete", "pruned"])]
    if frame.empty:
        return None
    reasons = [_reason(row) for row in frame.itertuples(index=False)]
    groups = frame.assign(why=reasons).groupby(["state", "why"], sort=False)
    rows = tuple(_alike(runs, state, why, group) for (state, why), group in groups)
    note = "A sweep's own command trains all of these that have no record, and failed ones again."
    columns = ("state", "why", "runs", "which", "command")
    return Table(f"failures-{anchor(runs.task)}", "Runs without a result", columns, rows, (note,))


def _reason(row: Any) -> str:
    """Why a run has no result, less what is the run's own: its name."""
    return str(row.problem or _last_line(row.error) or "—").replace(row.run, "…")


def _alike(runs: Runs, state: str, why: str, group: pd.DataFrame) -> TableRow:
    """Runs that stand alike for the same reason; of several the command is their sweep's."""
    names, command = list(group["run"]), group["command"].iloc[0] or "known once the search draws it"
    same_study = runs.frame["study"].isin(group["study"])
    sweeps = runs.frame.loc[same_study, "sweep"].dropna()
    if len(names) > 1 and len(sweeps):
        command = sweeps.mode()[0]
    told = "; ".join(names[:SHOWN_ALIKE]) + (f" and {len(names) - SHOWN_ALIKE} more" * (len(names) > SHOWN_ALIKE))
    which = Cell(told, "; ".join(names), links=tuple((name, f"#{run_anchor(name)}") for name in names))
    return TableRow((Cell(state), Cell(why), Cell(str(len(names)), len(names)), which, Cell(command)))


def settings(runs: Runs, metric: MetricColumn) -> Table:
    """The runs of each setting, in the leaderboard's order: where the numbers of the other tables lead."""
    values, rows = runs.column(metric.name), []
    states, seeds, names = (runs.frame[name].to_numpy(object) for name in ("state", "seed", "run"))
    for entry in ranked_entries(runs, metric):
        found = [states[row] for row in entry.rows]
        counts = ", ".join(f"{found.count(state)} {state}" for state in dict.fromkeys(found))
        links = tuple(
            (
                f"seed {seeds[row]}: {number(values[row], 4) if states[row] == 'complete' else states[row]}",
                f"#{run_anchor(names[row])}",
            )
            for row in entry.rows
        )
        told = Cell("; ".join(text for text, _ in links), links=links)
        cells = (Cell(runs.describe(entry.setting)), Cell(counts), told)
        rows.append(TableRow(cells, anchor("setting", runs.task, entry.setting)))
    title = "Settings and their runs"
    return Table(f"settings-{anchor(runs.task)}", title, ("setting", "runs", "each"), tuple(rows), (), 1000)


def pairs(runs: Runs, effects: Sequence[Effect], metric: MetricColumn) -> Table:
    """Each matched setting behind each difference, with its runs."""
    rows, settings, names = [], runs.frame["setting"].to_numpy(), runs.frame["run"].to_numpy()
    for effect in effects:
        by_block: dict[int, list[tuple[float, int, float]]] = {}
        for block, seed, row, _, gap in effect.pairs.itertuples(index=False):
            by_block.setdefault(block, []).append((seed, int(row), gap))
        for place, group in enumerate(by_block.values()):
            mean = sum(gap for _, _, gap in group) / len(group)
            each = tuple((f"{seed:.0f}: {signed(gap)}", f"#{run_anchor(names[row])}") for seed, row, gap in group)
            cells = (
                Cell(effect.factor),
                Cell(f"{effect.level} less {effect.baseline}"),
                Cell(runs.describe(int(settings[group[0][1]]), [effect.factor])),
                Cell(signed(mean), mean),
                Cell("; ".join(text for text, _ in each), links=each),
            )
            rows.append(TableRow(cells, "" if place else pairs_anchor(runs, effect), place >= SHOWN_PAIRS))
    columns = ("factor", "pair", "setting", f"Δ {metric.name}", "by seed")
    return Table(f"pairs-{anchor(runs.task)}", "The pairs behind each difference", columns, tuple(rows), (), 2000)


def not_reproduced(rows: Sequence[dict[str, Any]]) -> Table | None:
    """Runs that lie in several directories with different outcomes: each copy in a row. None where there are none."""
    names = dict.fromkeys(name for row in rows for name in row if name.startswith(("val/", "test/")))
    metrics = list(names)[:SHOWN_METRICS]
    provenance = {"env:commit": "commit", "env:host": "host", "env:hardware": "hardware", "env:versions": "versions"}
    lines = [
        [row["run"], row["study"], row["state"]]
        + [Cell(number(value, 6), value) for value in (_known(row, name) for name in metrics)]
        + [str(row.get(name) or "—") for name in provenance]
        for row in rows
    ]
    note = "The same config gave different values. The other tables count the first row of each run."
    columns = ("run", "study", "state", *metrics, *provenance.values())
    return Table("not-reproduced", "Did not reproduce", columns, rows_of(*lines), (note,)) if lines else None


def _known(row: dict[str, Any], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else float("nan")


def reproducibility(tasks: Sequence[Runs]) -> tuple[Table, list[str]]:
    """Commits, versions, hardware, data and commands with how many runs each; warnings where they mix."""
    names = {"env:commit": "commit", "env:versions": "versions", "env:hardware": "hardware", "env:command": "command"}
    rows, warnings = [], []
    for runs in tasks:
        for column, name in names.items():
            found = runs.frame[column].dropna() if column in runs.frame else pd.Series(dtype=object)
            counts = found[found != ""].value_counts()
            rows += [_line(runs.task, name, str(value), int(count)) for value, count in counts.items()]
            if len(counts) > 1 and name in ("commit", "versions", "hardware"):
                warnings.append(f"Not all runs of {runs.task} have the same {name}: there are {len(counts)}.")
        if dirty := _true(runs, "env:dirty"):
            warnings.append(f"{dirty} runs of {runs.task} were trained from a checkout with uncommitted changes.")
        warnings += _code(runs)
        rows += _data(runs)
    columns = ("task", "what", "value", "runs")
    return Table(
        "reproducibility", "Commits, versions, hardware, data", columns, tuple(rows), tuple(warnings), 60
    ), warnings


def _code(runs: Runs) -> list[str]:
    """Whether the code changed while a run was trained, or between runs."""
    if "env:files" not in runs.frame:
        return []
    changed = _true(runs, "env:changed")
    said = [f"The code changed on the way of {changed} runs of {runs.task}: they went on with other code."]
    said = said if changed else []
    files: dict[str, set[str]] = {}
    for each in runs.frame.loc[runs.complete, "env:files"].dropna():
        for name, digest in each:
            files.setdefault(name, set()).add(digest)
    differing = sorted(name for name, digests in files.items() if len(digests) > 1)
    if differing:
        shown = ", ".join(differing[:3]) + (" …" if len(differing) > 3 else "")
        said.append(
            f"The finished runs of {runs.task} were not all trained by the same code: {shown} changed between them."
        )
    return said


def _true(runs: Runs, column: str) -> int:
    """Runs of which something is true."""
    return int(runs.frame[column].map(lambda value: value is True).sum()) if column in runs.frame else 0


def _line(task: str, what: str, value: str, count: int) -> TableRow:
    return TableRow((Cell(task), Cell(what), Cell(value), Cell(str(count), count)))


def _data(runs: Runs) -> list[TableRow]:
    """The hashes of the data: one for all, or one a seed where the seed generates them."""
    if "env:data" not in runs.frame:
        return []
    counts = runs.frame["env:data"].dropna().value_counts()
    return [_line(runs.task, "data (SHA-256)", str(value), int(count)) for value, count in counts.items()]
