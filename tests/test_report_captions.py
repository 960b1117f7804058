"""What a figure and a table show is what their captions and notes say: bands, lines, dots, counts, units."""

import dataclasses
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import records
from matplotlib.figure import Figure

from rnnsweep.record import RunStore
from rnnsweep.report import provenance_tables
from rnnsweep.report.analysis import DesignOptions, analyse, tuned_comparisons
from rnnsweep.report.cli import main
from rnnsweep.report.collect import collect
from rnnsweep.report.draw import cut, log_if_wide
from rnnsweep.report.runs import Runs
from rnnsweep.report.section import Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.views import curves, heat, levels, pareto

pytestmark = pytest.mark.usefixtures("figures_not_drawn")

ENDS = pd.DataFrame({"low": [-0.5, 0.06], "high": [9.0, 0.2]})


def section_of(study: Path) -> Section:
    return analyse(Runs(collect([study])), [], None, {}, None, study)


def subject_of(study: Path, key: str = "cell") -> Subject:
    section = section_of(study)
    return Subject(section.runs, section.metric, section.factor(key), metrics=("val/loss",), other=section.factor("x"))


def grid(study: Path, losses: dict[str, tuple[float, ...]], **settings: object) -> None:
    for cell, values in losses.items():
        for seed, loss in enumerate(values):
            records.run(study, loss, cell=cell, seed=seed, rows=3, **settings)


def test_the_axes_contain_the_bands_of_the_curves(tmp_path: Path) -> None:
    grid(tmp_path, {"gru": (1.0, 2.0, 3.0), "rnn": (2.0, 2.01, 2.02)})
    of = subject_of(tmp_path)
    frame = curves.data(of)
    low, high = curves.draw(frame, of).axes[0].get_ylim()
    assert low <= frame["low"].min() < 0  # a band over three far values reaches below zero
    assert frame["high"].max() <= high
    assert "cuts" not in curves.caption(frame, of)


def test_a_logarithmic_axis_contains_the_ends_that_it_can_or_the_caption_says_that_it_cuts_them() -> None:
    (axes,) = [Figure().subplots()]
    log_if_wide(axes, [0.1, 8.0], ENDS)
    low, high = axes.get_ylim()
    assert (axes.get_yscale(), low < 0.06, high > 9.0) == ("log", True, True)
    assert "it cuts" in cut([0.1, 8.0], ENDS)
    assert cut([0.1, 8.0], ENDS[1:]) == ""
    assert cut([0.1, 0.8], ENDS) == ""  # the axis is linear and contains all


def test_the_caption_of_the_levels_speaks_of_what_is_drawn(tmp_path: Path) -> None:
    grid(tmp_path, {"gru": (1.0, 1.1), "rnn": (2.0, 2.1)})
    of = subject_of(tmp_path)
    said = levels.caption(levels.data(of), of)
    assert said.startswith("Small dots: settings")
    assert not any(word in said for word in ("line", "interval", "Crosses"))  # names, two seeds, none diverged
    grid(tmp_path, {"gru": (0.9, 1.0, 1.2), "rnn": (1.9, 2.0, 2.3)}, cell__hidden_size=64)
    of = subject_of(tmp_path, "cell.hidden_size")
    said = levels.caption(levels.data(of), of)
    assert said.startswith("Thin lines: settings")


def test_the_leaderboard_says_what_became_of_each_planned_run(tmp_path: Path) -> None:
    cells = ("gru", "rnn", "lstm")
    records.plan(tmp_path, *(records.config(cell=cell, seed=seed) for cell in cells for seed in range(3)))
    grid(tmp_path, {"gru": (1.0, 1.1, 1.2), "rnn": (2.0,)})
    records.run(tmp_path, 2.0, "diverged", cell="rnn", seed=1)
    table = section_of(tmp_path).leaderboard
    assert table is not None
    assert [row.cells[table.columns.index("n")].text for row in table.rows] == [
        "3",
        "1 of 3: 1 diverged, 1 missing",
        "0 of 3: 3 missing",
    ]
    assert any(note.startswith("n: the runs (seeds)") for note in table.notes)
    assert any(note.startswith("diverged last: the rank") for note in table.notes)


@pytest.mark.parametrize("seeds", [(0, 1), (0, 1, 2)])
def test_a_sentence_says_that_two_differences_are_those_of_two_seeds(tmp_path: Path, seeds: tuple[int, ...]) -> None:
    for seed in seeds:
        for rate in (1e-3, 1e-2):
            for cell, loss in (("gru", 1.0), ("rnn", 2.0 + seed / 10)):
                records.run(tmp_path, loss + rate, cell=cell, seed=seed, optimizer__lr=rate)
    (section,) = _tuned(tmp_path)
    few = "(seeds 0, 1; two are too few for an interval)" in " ".join(section.headline)
    assert few == (len(seeds) == 2)


@pytest.mark.parametrize(
    ("own", "metric", "told"), [("ppl", None, True), ("ppl", "val/ppl", False), ("loss", None, False)]
)
def test_a_report_on_the_loss_names_the_metric_that_the_task_is_judged_by(
    own: str, metric: str | None, told: bool, tmp_path: Path
) -> None:
    """The best setting of `rnnsweep.best` may be another one than the report's."""
    for seed in range(3):
        store = RunStore(records.run(tmp_path, 1.0, seed=seed))
        record = store.record()
        assert record is not None
        store.finish(dataclasses.replace(record, metric={"name": own, "unit": "", "direction": "min"}))
    section = analyse(Runs(collect([tmp_path])), [], metric, {}, None, tmp_path)
    said = "The task's own metric is val/ppl: `--metric val/ppl` reports it; `python -m rnnsweep.best` ranks by it."
    assert (said in section.headline) is told


def _tuned(study: Path) -> list[Section]:
    runs = [Runs(collect([study]))]
    return [
        analyse(each, [], None, {}, None, study, tuned)
        for each, tuned in zip(runs, tuned_comparisons(runs, None, {}, DesignOptions()), strict=True)
    ]


def test_costs_and_colours_have_their_units(tmp_path: Path) -> None:
    for size in (8, 16):
        grid(tmp_path, {"gru": (1.0, 1.1), "rnn": (2.0, 2.1)}, cell__hidden_size=size)
    section = section_of(tmp_path)
    of = Subject(section.runs, section.metric, section.factor("cell"), section.factor("cell.hidden_size"))
    (axes, *_) = pareto.draw(pareto.data(of), of).axes
    assert (axes.get_xlabel(), axes.get_ylabel()[-6:]) == ("training time (s; its share of the stack's)", "(nats)")
    figure = heat.draw(heat.data(of), of)
    assert figure.axes[-1].get_label() == "<colorbar>"
    assert figure.axes[-1].get_ylabel().endswith("(nats)")


def test_what_differs_between_runs_is_named_with_its_values(tmp_path: Path) -> None:
    grid(tmp_path, {"gru": (1.0, 1.1, 1.2)})
    for seed, path in enumerate(sorted(tmp_path.glob("charlm-*"))):
        record = json.loads((path / "record.json").read_text())
        record["environment"] |= {"threads": 1 + (seed > 0), "host": "one"}
        record["environment"]["versions"]["torch"] = "2.13" if seed else "2.14"
        (path / "record.json").write_text(json.dumps(record))
    table, warnings = provenance_tables.reproducibility([Runs(collect([tmp_path]))])
    assert warnings == [
        "Not all runs of charlm have the same versions: torch 2.13 (2 runs), torch 2.14 (1 run).",
        "Not all runs of charlm have the same threads: 2 (2 runs), 1 (1 run).",
    ]
    assert "python -m rnnsweep -m seed=0" in {row.cells[2].text for row in table.rows}


def test_a_report_names_directories_as_they_are_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid(tmp_path / "multirun" / "x", {"gru": (1.0, 1.1), "rnn": (2.0, 2.1)})
    monkeypatch.chdir(tmp_path)
    words = [str(tmp_path / "multirun" / "x"), "--out", str(tmp_path / "r")]
    monkeypatch.setattr("sys.argv", ["rnnsweep-report", *words])
    main(words)
    page = (tmp_path / "r" / "report.md").read_text()
    assert "This report: `rnnsweep-report multirun/x --out r`" in page
    assert str(tmp_path) not in page


@pytest.mark.drawn
def test_a_cell_and_a_metric_have_one_name_outside_commands(tmp_path: Path) -> None:
    for size in (8, 16):
        for rate in (1e-3, 1e-2):
            losses = {"gru": (1.0 + rate, 1.1, 1.3), "rnn": (2.0, 2.1 + rate, 2.2), "lstm": (1.5, 1.6, 1.8 + rate)}
            grid(tmp_path / "s", losses, cell__hidden_size=size, optimizer__lr=rate)
    main([str(tmp_path / "s"), "--out", str(tmp_path / "r")])
    page = (tmp_path / "r" / "report.md").read_text().replace("\\", "").replace("python -m rnnsweep -m seed=0", "")
    shown = re.sub(r"`[^`]*`|figures/[\w.-]+|charlm-\w+-s\d-\w+", "", page)
    assert not re.findall(r".*(?:val/|test/|cell=|\brnn\b|\bgru\b|\blstm\b).*", shown)
    assert "validation loss" in shown
    assert "Δ to RNN" in shown
    figure = (tmp_path / "r" / "figures" / "levels-charlm-cell.svg").read_text()
    assert (">RNN<" in figure, ">rnn<" in figure, "validation loss (nats)" in figure) == (True, False, True)
    board = pd.read_csv(tmp_path / "r" / "tables" / "leaderboard-charlm.csv")
    assert {"val/loss mean", "Δ to cell=rnn mean"} <= set(board.columns)
    assert set(pd.read_csv(tmp_path / "r" / "tables" / "ablation-charlm-cell.csv")["level"]) == {"rnn", "gru", "lstm"}
