"""Tables that list: all runs, failed runs, the runs of each setting, the pairs behind each difference, versions."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from rnnsweep.errors import last_line
from rnnsweep.report.effects import Effect
from rnnsweep.report.metric_column import MetricColumn
from rnnsweep.report.numbers import number, signed, size
from rnnsweep.report.runs import Runs
from rnnsweep.report.setting_labels import short_name
from rnnsweep.report.setting_ranks import ranked_entries
from rnnsweep.report.table import Cell, Table, TableRow, anchor, pairs_anchor, setting_link

SHOWN_RUNS = 2000
"""How many runs the page lists; the CSV has all."""

SHOWN_PAIRS = 12
"""How many settings behind one difference the page lists; the CSV has all."""

SHOWN_ALIKE = 5
"""How many runs with the same reason Markdown and LaTeX list; the CSV has all."""


def run_anchor(name: str) -> str:
    """The address of a run's row inside the page."""
    return anchor("run", name)


def all_runs(runs: Runs, metric: MetricColumn, out: Path) -> Table:
    """Every planned run, with a link to its directory."""
    frame, values = runs.frame, runs.column(metric.name)
    columns = ("run", "state", "setting", "seed", metric.name, "steps", "seconds", "parameters", "note")
    described = {int(code): runs.settings.describe(int(code)) for code in frame["setting"].unique() if code >= 0}
    told = dict.fromkeys(("complete", "pruned"), "")
    rows, errors = [], frame["error"].to_numpy(object)
    folders = {study: relative(Path(study), out) for study in frame["study"].unique()}
    for index, row in enumerate(frame.itertuples(index=False)):
        note = told.get(row.state) if row.state in told else (row.problem or last_line(errors[index]))
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
    notes = ("seconds: a run's share of its stack's time. A run that is not complete has no metric here.",)
    return Table(f"runs-{anchor(runs.task)}", "All runs", columns, tuple(rows), notes, SHOWN_RUNS)


def _float(row: object, name: str) -> float:
    value = getattr(row, name, None)
    return float(value) if isinstance(value, int | float) else float("nan")


def _whole(row: object, name: str) -> str:
    value = _float(row, name)
    return f"{value:.0f}" if value == value else "—"


def relative(path: Path, out: Path) -> str:
    """The link from the report's page to a directory."""
    return quote(os.path.relpath(path.resolve(), out.resolve())) + "/"


def failures(runs: Runs) -> Table | None:
    """The runs without a result, with one row for each reason. None if every run is complete or pruned."""
    frame = runs.frame[~runs.frame["state"].isin(["complete", "pruned"])]
    if frame.empty:
        return None
    reasons = [_reason(row) for row in frame.itertuples(index=False)]
    groups = frame.assign(why=reasons).groupby(["state", "why"], sort=False)
    rows = tuple(_alike(runs, state, why, group) for (state, why), group in groups)
    note = "A sweep's own command trains all of these that have no record, and trains failed ones again."
    columns = ("state", "why", "runs", "which", "command")
    return Table(f"failures-{anchor(runs.task)}", "Runs without a result", columns, rows, (note,))


def _reason(row: Any) -> str:
    """Why a run has no result, without the run's name: equal reasons then share a row."""
    return str(row.problem or last_line(row.error) or "—").replace(row.run, "…")


def _alike(runs: Runs, state: str, why: str, group: pd.DataFrame) -> TableRow:
    """The row of the runs with one state and reason. For several runs, the command is that of their sweep."""
    names, command = list(group["run"]), group["command"].iloc[0] or "known once the search draws it"
    same_study = runs.frame["study"].isin(group["study"])
    sweeps = runs.frame.loc[same_study, "sweep"].dropna()
    if len(names) > 1 and len(sweeps):
        command = sweeps.mode()[0]
    told = "; ".join(names[:SHOWN_ALIKE]) + (f" and {len(names) - SHOWN_ALIKE} more" * (len(names) > SHOWN_ALIKE))
    which = Cell(told, "; ".join(names), links=tuple((name, f"#{run_anchor(name)}") for name in names))
    return TableRow((Cell(state), Cell(why), Cell(str(len(names)), len(names)), which, Cell(command)))


def settings(runs: Runs, metric: MetricColumn) -> Table:
    """The runs of each setting, in the leaderboard's order. The numbers in other tables link to these rows."""
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
        cells = (Cell(runs.settings.describe(entry.setting)), Cell(counts), told)
        rows.append(TableRow(cells, anchor("setting", runs.task, entry.setting)))
    title = "Settings and their runs"
    return Table(f"settings-{anchor(runs.task)}", title, ("setting", "runs", "each"), tuple(rows), (), 1000)


def _pair(effect: Effect) -> str:
    return f"{short_name(effect.factor, effect.level)} minus {short_name(effect.factor, effect.baseline)}"


def pairs(runs: Runs, effects: Sequence[Effect], metric: MetricColumn) -> Table:
    """The matched settings behind each difference, with their runs."""
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
                Cell(_pair(effect), f"{effect.level} minus {effect.baseline}"),
                Cell(runs.settings.describe(int(settings[group[0][1]]), [effect.factor])),
                Cell(signed(mean), mean),
                Cell("; ".join(text for text, _ in each), links=each),
            )
            rows.append(TableRow(cells, "" if place else pairs_anchor(runs, effect), place >= SHOWN_PAIRS))
    columns = ("factor", "pair", "setting", f"Δ {metric.name}", "by seed")
    return Table(f"pairs-{anchor(runs.task)}", "The pairs behind each difference", columns, tuple(rows), (), 2000)
