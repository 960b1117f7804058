"""Views, questions and answers: found as files, held to one form, and brought by a user's package."""

import inspect
import json
import re
from pathlib import Path

import pytest
import records

from rnnsweep.errors import ReportError
from rnnsweep.report import discovery
from rnnsweep.report.analysis import analyse
from rnnsweep.report.cli import main
from rnnsweep.report.collect import collect
from rnnsweep.report.discovery import modules, view_of
from rnnsweep.report.question import Question, questions
from rnnsweep.report.runs import Runs
from rnnsweep.report.section import Section

pytestmark = pytest.mark.usefixtures("figures_not_drawn")

VIEW = """
import pandas as pd
from rnnsweep.report.draw import canvas

def data(of):
    return of.runs.frame.groupby("cell")[[of.metric.name]].max().reset_index()

def title(of):
    return "The worst run"

def caption(frame, of):
    return f"Of {len(frame)} cells."

def draw(frame, of):
    figure, (axes,) = canvas()
    axes.bar(frame["cell"], frame[of.metric.name])
    return figure
"""
QUESTION = """
from rnnsweep.report.question import Question

RANK = 1
QUESTION = Question(name="worst", title="The worst", asks="How bad can it get?", keys=("cell",), views=("worst",))
"""


@pytest.mark.parametrize("name", modules("views"))
def test_a_view_makes_a_frame_and_draws_it(name: str) -> None:
    view = modules("views")[name]
    assert view.__doc__
    for function, parameters in (("data", 1), ("title", 1), ("caption", 2), ("draw", 2)):
        assert len(inspect.signature(getattr(view, function)).parameters) == parameters
        assert function == "title" or function == "caption" or getattr(view, function).__doc__


def test_questions_have_their_order_and_name_views_that_there_are() -> None:
    found = questions()
    assert [question.name for question in found[:3]] == ["cell", "capacity", "stacked"]
    assert len({question.name for question in found}) == len(found) == len(modules("questions"))
    assert all(isinstance(question, Question) and question.name in modules("questions") for question in found)
    assert {view for question in found for view in question.views} <= modules("views").keys()


def test_answers_have_a_rank_each() -> None:
    ranks = [module.RANK for module in modules("answers").values()]
    assert len(set(ranks)) == len(ranks)


def test_a_package_brings_a_view_and_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, name, text in (("views", "worst", VIEW), ("questions", "worst", QUESTION)):
        (tmp_path / "theirs" / "report" / folder).mkdir(parents=True)
        (tmp_path / "theirs" / "report" / folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for cell in ("gru", "lstm"):
        for seed in range(3):
            path = records.run(tmp_path / "study", 1.0 + seed, cell=cell, seed=seed)
            record = json.loads((path / "record.json").read_text())
            record["config"]["packages"] = ["theirs", "absent"]
            (path / "record.json").write_text(json.dumps(record))
    runs = Runs(collect([tmp_path / "study"]))
    assert runs.packages == ("theirs", "absent")
    section = analyse(runs, [], None, {}, None, tmp_path)
    (answer,) = [answer for answer in section.answers if answer.title == "The worst"]
    picture = answer.pictures[-1]
    assert (picture.name, picture.title, picture.caption) == ("worst-charlm-cell", "The worst run", "Of 2 cells.")
    assert not any(answer.title == "The choice of the cell" for answer in section.answers)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for cell in ("gru", "lstm"):
        for seed in range(3):
            path = records.run(tmp_path / "study", 1.0 + seed, cell=cell, seed=seed)
            record = json.loads((path / "record.json").read_text())
            record["config"]["packages"] = ["alone"]
            (path / "record.json").write_text(json.dumps(record))
    return tmp_path / "study"


def own(section: Section) -> list[str]:
    """The names of the figures in the chapter of the user's own views."""
    return [
        picture.name for answer in section.answers if answer.title == "Views of your own" for picture in answer.pictures
    ]


def test_a_view_that_no_question_names_has_a_chapter(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = study.parent / "alone" / "report" / "views"
    folder.mkdir(parents=True)
    (folder / "lowest.py").write_text(VIEW)
    (study.parent / "named.py").write_text(VIEW)
    monkeypatch.syspath_prepend(str(study.parent))
    views = [view_of(study.parent / "named.py")]
    section = analyse(Runs(collect([study])), [], None, {}, None, study, views=views)
    assert own(section) == ["lowest-charlm-cell", "named-charlm-cell"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (VIEW.replace("def title", "def titel"), r"absent.py lacks `title\(of\)`; a view has data\(of\), draw"),
        (
            VIEW.replace("import canvas", "import canvass"),
            r"absent.py: its code failed: ImportError: cannot import name",
        ),
        (VIEW.replace('groupby("cell")', 'groupby("sell")'), r"absent.py failed: KeyError: 'sell' \("),
        (None, "absent.py: there is no such file"),
    ],
)
def test_what_is_wrong_with_a_view_is_said(text: str | None, said: str, study: Path) -> None:
    if text:
        (study / "absent.py").write_text(text)
    with pytest.raises(ReportError, match=said):
        analyse(Runs(collect([study])), [], None, {}, None, study, views=[view_of(study / "absent.py")])


@pytest.mark.drawn
def test_the_view_of_the_page_is_drawn_by_its_command(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(discovery.__file__).parent / "README.md").read_text()
    (code,) = re.findall(r"```python\n(# spread.py\n.*?)```", page, re.S)
    (command,) = re.findall(r"^python scripts/report.py (.* --view .*)$", page, re.M)
    monkeypatch.chdir(study.parent)
    (study.parent / "spread.py").write_text(code)
    main(command.replace("multirun/cell", "study").split())
    assert (study.parent / "report" / "figures" / "spread-charlm-cell.svg").exists()
