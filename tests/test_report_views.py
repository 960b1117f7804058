"""Views, questions and answers: found as files, held to one form, and brought by a user's package."""

import inspect
import json
from pathlib import Path

import pytest
import records

from rnnsweep.report.analysis import analyse
from rnnsweep.report.collect import collect
from rnnsweep.report.discovery import modules
from rnnsweep.report.question import Question, questions
from rnnsweep.report.runs import Runs

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
