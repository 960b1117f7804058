"""A study that is made of others: how each is planned, that all are run and reported apart; the gallery's page."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import records
from conftest import CONF, ROOT, choices
from test_studies import sweeper

from rnnsweep.errors import ConfigError
from rnnsweep.report import cli, page, rendering
from rnnsweep.report.collect import collect
from rnnsweep.report.runs import Runs
from rnnsweep.sweep.plan import Plan

MADE_OF = ("+hydra.sweeper.studies.capacity={seed: 7, size: small}", "+hydra.sweeper.studies.seqmean={}")


def plans(*overrides: str) -> dict[str, Plan]:
    made, arguments = sweeper(*overrides)
    works = [part._prepared(own) for part, own in made._parts(arguments)]
    return {str(work.study): work for work in works if isinstance(work, Plan)}


def test_each_study_is_planned_as_its_own_command_would_but_for_what_is_given() -> None:
    found = plans("hydra.sweeper.name=both", *MADE_OF, "train.steps=5", "optimizer.lr=1e-3,2e-3")
    assert list(found) == ["multirun/both/capacity", "multirun/both/seqmean"]
    first, second = (plan.runs for plan in found.values())
    assert len(first) == 3 * 3 * 2  # three cells, the three small sizes, two rates
    assert {run.config["seed"] for run in first} == {7}
    assert {run.config["cell"]["hidden_size"] for run in first} == {32, 64, 128}
    alone, arguments = sweeper("+study=seqmean", "train.steps=5", "optimizer.lr=1e-3,2e-3")
    assert [run.id for run in second] == [run.id for run in alone._prepared(arguments).runs]
    assert {run.config["train"]["steps"] for run in [*first, *second]} == {5}
    assert {run.config["out"] for run in second} == {"multirun/both/seqmean"}
    assert "+study=seqmean" in second[0].command(Path("out"))


def test_small_is_for_all_and_in_the_place_of_what_is_given() -> None:
    found = plans("hydra.sweeper.name=both", *MADE_OF, "+hydra.sweeper.small.seed=3", "size=small")
    assert {run.config["seed"] for plan in found.values() for run in plan.runs} == {3}
    own = plans("hydra.sweeper.name=both", *MADE_OF, "size=small")
    assert {run.config["seed"] for run in own["multirun/both/capacity"].runs} == {0, 1, 2}, "those of its small size"


def test_a_setting_that_one_of_them_lacks_is_refused_before_any_run() -> None:
    with pytest.raises(ConfigError, match="no parameter `text`"):
        plans("hydra.sweeper.name=both", *MADE_OF, "task.text=null")


def test_the_lab_leaves_out_what_is_deleted_and_has_a_figure_for_each() -> None:
    made, arguments = sweeper("+study=lab", "~hydra.sweeper.studies.capacity")
    names = [part.settings.name for part, _ in made._parts(arguments)]
    assert "lab/capacity" not in names
    assert len(names) > 10
    assert set(gallery().FIGURES) <= set(choices("study"))


STUDY = """# @package _global_
# {0}.
defaults:
  - override /task: {1}
task: {{examples: 60, held_out: 20}}
train: {{steps: 4, batch_size: 20, threads: 1, log_every: 2, eval_every: 2}}
hydra: {{sweeper: {{name: {0}, params: {{cell.hidden_size: 4, seed: "range(2)"}}}}}}
"""


@pytest.mark.slow
def test_all_are_run_and_the_sweep_ends_with_one_report(tmp_path: Path) -> None:
    folder = tmp_path / "conf" / "study"
    folder.mkdir(parents=True)
    (folder / "one.yaml").write_text(STUDY.format("one", "parity"))
    (folder / "two.yaml").write_text(STUDY.format("two", "seqmean"))
    both = "# @package _global_\nhydra: {sweeper: {name: both, report: true, studies: {one: {seed: 5}, two: }}}\n"
    (folder / "both.yaml").write_text(both)
    command = [sys.executable, "-m", "rnnsweep", "--config-dir", "conf", "+study=both", "hydra.sweeper.workers=1"]

    told = subprocess.run([*command, "hydra.sweeper.plan=true"], cwd=tmp_path, capture_output=True, text=True)
    assert "3 runs of 2 studies" in told.stdout, told.stderr
    assert not (tmp_path / "multirun").exists()

    swept = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert swept.returncode == 0, swept.stderr
    found = sorted(path.parent.parent.name for path in (tmp_path / "multirun" / "both").glob("*/*/record.json"))
    assert found == ["one", "two", "two"]
    page = (tmp_path / "multirun" / "both" / "report" / "report.md").read_text()
    assert "## one: parity" in page
    assert "## two: seqmean" in page
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "1/1 runs" in again.stdout
    assert "2/2 runs" in again.stdout


# The report ------------------------------------------------------------------------------------------------------


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures by their data alone: to draw them is what takes the time."""

    def render(picture: rendering.Picture, folder: Path) -> rendering.RenderedFigure:
        folder.mkdir(parents=True, exist_ok=True)
        picture.data.to_csv(folder / f"{picture.name}.csv", index=False)
        return rendering.RenderedFigure(picture.name, picture.title, picture.caption, "")

    @contextmanager
    def drawing(pictures: list[rendering.Picture], folder: Path) -> Iterator[Any]:
        yield lambda: {picture.name: render(picture, folder) for picture in pictures}

    monkeypatch.setattr(page, "drawing", drawing)


@pytest.mark.usefixtures("undrawn")
def test_sections_by_study_keep_apart_what_one_task_is_asked(tmp_path: Path) -> None:
    for seed in range(3):
        for study, factor in (("sizes", "cell__hidden_size"), ("rates", "optimizer__lr")):
            for level in (8, 16):
                records.run(tmp_path / study, 2.0 - level / 100 + seed / 50, seed=seed, **{factor: level})
    cli.main([str(tmp_path), "--sections", "study", "--out", str(tmp_path / "apart")])
    page = (tmp_path / "apart" / "report.md").read_text()
    rates, sizes = page.split("\n## sizes: charlm")
    assert "Effect of optimizer.lr" in rates
    assert "Effect of cell.hidden" not in rates
    assert "Effect of cell.hidden" in sizes
    assert "Effect of optimizer.lr" not in sizes
    assert (tmp_path / "apart" / "figures" / "levels-sizes__charlm-cell_hidden_size.csv").exists()

    cli.main([str(tmp_path), "--out", str(tmp_path / "together")])
    assert "## charlm" in (tmp_path / "together" / "report.md").read_text()


@pytest.mark.usefixtures("undrawn")
def test_a_loss_of_numbers_is_no_nats_and_drawn_beside_the_answers(tmp_path: Path) -> None:
    for layers in (1, 2):
        for seed in range(3):
            shown = {"predictions": {"truth": [0.0, 1.0], "before": [0.5, 0.5], "answer": [0.1, 0.9 + seed / 100]}}
            loss = 10.0 ** -(2 * layers) * (1 + seed / 10)
            records.run(tmp_path / "s", loss, summary=shown, rows=3, task="seqmean", cell__num_layers=layers, seed=seed)
    cli.main([str(tmp_path / "s"), "--out", str(tmp_path / "report")])
    figures = tmp_path / "report" / "figures"
    data = (figures / "fit-seqmean-cell_num_layers.csv").read_text().splitlines()
    assert data[0].startswith("row,step,value,level,split,truth,before,after")
    assert sum(line.endswith("0.5,0.9") for line in data) == 2, "the best seed of each level"
    assert not (figures / "fit-seqmean.csv").exists(), "shown once"
    page = (tmp_path / "report" / "report.md").read_text()
    assert "Single against stacked" in page


def test_levels_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for window in (16, 2, 4):
        records.run(tmp_path, 1.0, cell="mlp_window", cell__window=window)
    records.run(tmp_path, 1.0, cell="gru")
    (factor,) = Runs(collect([tmp_path])).factors
    assert factor.levels == ("gru", *(f"mlp_window (cell.window={window})" for window in (2, 4, 16)))


@pytest.mark.usefixtures("undrawn")
def test_a_beam_is_judged_by_what_it_decodes(tmp_path: Path) -> None:
    for seed in range(3):
        for beams, exact in ((1, 0.5), (4, 0.75)):
            path = records.run(tmp_path / "s", 1.0, task="reverse", task__beam_size=beams, seed=seed)
            record = (path / "record.json").read_text()
            (path / "record.json").write_text(
                record.replace('"test/loss"', f'"test/decoded_exact": {exact}, "test/loss"', 1).replace(
                    '"declared": {', '"declared": {"decoded_exact": {"unit": "share", "direction": "max"},', 1
                )
            )
    cli.main([str(tmp_path / "s"), "--out", str(tmp_path / "report")])
    page = (tmp_path / "report" / "report.md").read_text()
    answer = page[page.index("### Greedy against beam") :]
    assert "0.250" in answer[: answer.index("###", 5)]


# The gallery -----------------------------------------------------------------------------------------------------


def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "scripts" / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("undrawn")
def test_the_gallery_shows_what_answers_a_studys_question(tmp_path: Path) -> None:
    for seed in range(3):
        for size in (8, 16):
            for cell in ("rnn", "gru"):
                records.run(
                    tmp_path / "capacity", 2 - size / 100 + seed / 50, cell=cell, seed=seed, cell__hidden_size=size
                )
    lines = gallery().section("capacity", "python -m rnnsweep +study=capacity", tmp_path / "capacity", tmp_path / "out")
    (shown,) = [line for line in lines if line.startswith("![")]
    assert shown.endswith("(capacity/figures/levels-charlm-cell_hidden_size.png)")
    assert (tmp_path / "out" / "capacity" / "figures" / "levels-charlm-cell_hidden_size.csv").exists()
    assert "Capacity against generalisation: hidden size, for each cell." in lines
    assert "lab" not in gallery().studies()


def test_one_figure_for_each_task_of_a_study() -> None:
    drawn = ["levels-counting-cell", "fit-counting-cell", "fit-counting", "fit-sine-cell", "budget-sine"]
    assert gallery().chosen("scratch", drawn) == ["fit-counting-cell", "fit-sine-cell"]
    assert gallery().chosen("memory", ["levels-adding-cell", "budget-adding"]) == ["levels-adding-cell"]


def test_the_studies_are_those_of_conf() -> None:
    assert {*gallery().studies(), "lab"} == {file.stem for file in (CONF / "study").glob("*.yaml")}
