"""The pages say what is there: their tables name every choice, their commands are composed, their examples train."""

import datetime
import inspect
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from conftest import CONF, ROOT, choices
from hydra.core.override_parser.overrides_parser import OverridesParser
from test_studies import sweeper

import rnnsweep
from rnnsweep.api.compose import composed
from rnnsweep.report.cli import parser
from rnnsweep.sweep.settings import Sweep

FOLDERS = (
    "",
    "conf",
    "scripts",
    "tests",
    "rnnsweep",
    *(f"rnnsweep/{name}" for name in ("api", "cells", "kernels", "report")),
)
PAGES = {folder: (ROOT / folder / "README.md").read_text() for folder in (*FOLDERS, "rnnsweep/sweep", "rnnsweep/tasks")}


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def tables(text: str) -> list[list[list[str]]]:
    """The tables: for each its rows, for each row its cells."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.M)
    return [[row.strip("|").split("|") for row in table.splitlines()] for table in found]


def headed(name: str) -> list[list[str]]:
    """The rows below the heads of all tables whose first column has this head, on any page."""
    named = [table for text in PAGES.values() for table in tables(text) if table[0][0].strip(" `") == name]
    assert named, name
    return [row for table in named for row in table[2:]]


def named(rows: list[list[str]], columns: int = 1) -> set[str]:
    """What stands as code in the first columns."""
    return set(re.findall(r"`([\w/]+)`", " ".join(cell for row in rows for cell in row[:columns])))


def test_the_readme_is_short() -> None:
    assert len(PAGES[""].split()) < 1800


def test_the_tables_name_every_task_cell_and_study_and_no_other() -> None:
    assert named(headed("task")) == {*choices("task")}
    assert named(headed("cell"), 2) >= {*choices("cell")}  # the ablations of one cell are in the second column
    assert named(headed("cell")) <= {*choices("cell")}
    assert named(headed("study")) == {*choices("study")}


def test_the_table_of_groups_names_every_choice() -> None:
    rows = {row[0].strip(" `"): set(re.findall(r"`(\w+)`", row[1])) for row in headed("group")}
    for group in ("task/attention", "pooling", "optimizer"):
        assert rows[group] == {*choices(group)}
    assert {*rows} == {"task", "task/attention", "cell", "pooling", "optimizer"}


def test_the_options_are_there() -> None:
    rows = [[re.sub(r"=[\w.]+`", "`", cell) for cell in row] for row in headed("hydra.sweeper.")]
    assert named(rows) == {*inspect.signature(Sweep).parameters}
    options = {option for action in parser()._actions for option in action.option_strings}
    assert "--margin" in parser().format_help()  # argparse fails at a bare % in a help
    assert set(re.findall(r"`(--\w+)", " ".join(row[0] for row in headed("option")))) == options - {"-h", "--help"}
    settings = (CONF / "config.yaml").read_text()
    for name in re.findall(r"`train\.(?!py`)([a-z_]+)", "".join(PAGES.values())):
        assert f"\n  {name}:" in settings, name


def anchors(page: Path) -> set[str]:
    """What a link may name behind the # of a page."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}


@pytest.mark.parametrize("folder", PAGES)
def test_the_files_links_and_extras_that_a_page_names_are_there(folder: str) -> None:
    text = PAGES[folder]
    for path in re.findall(r"`((?:conf|rnnsweep|scripts|tests)/[\w/]+\.\w+)`", text):
        assert (ROOT / path).exists() or "leaky" in path or "largest" in path, path
    for path in re.findall(r"`(\w+\.(?:py|ipynb))`", text):
        assert any(found.name == path for found in ROOT.rglob("*.[pi]*y*")) or path == "test_X.py", path
    for link in re.findall(r"\]\((?!http)([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        target = ROOT / folder / path if path else ROOT / folder / "README.md"
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    extras = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1].split("\n[")[0]
    for names in re.findall(r"-e '\.\[([\w,]+)\]'", text):
        assert all(f"\n{name} = " in extras for name in names.split(",")), names


def test_the_map_of_the_package_is_silent_about_no_file_and_names_none_that_is_not_there() -> None:
    page, package = PAGES["rnnsweep"], ROOT / "rnnsweep"
    for path in re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", page):
        assert (package / path).exists() or (ROOT / path).exists(), path
    for folder in ("", "train", "run", "record", "sweep"):
        text = page + PAGES.get(f"rnnsweep/{folder}", "")
        names = {path.name for path in (package / folder).glob("*.py")} - {"__init__.py", "__main__.py"}
        assert [name for name in sorted(names) if not re.search(rf"\b{name}", text)] == []


def shell(text: str) -> list[str]:
    """The lines of the shell blocks, those that are continued in one."""
    return "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()


def commands() -> list[str]:
    """What the pages' shell blocks run of this program; `…` stands for the rest of a command."""
    lines = [line for text in PAGES.values() for line in shell(text) if "python -m rnnsweep " in line]
    ours = dict.fromkeys(re.sub(r".*?python -m rnnsweep ", "", line) for line in lines)
    return [line for line in ours if "…" not in line and "--config-dir" not in line]


@pytest.mark.parametrize("command", commands())
def test_a_command_is_composed_and_its_settings_are_right(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("input.txt", "my_notes.txt", "train.txt", "valid.txt", "test.txt"):
        (tmp_path / name).write_text(f"To be, or not to be, {name} is the question.\n" * 3000)
    (tmp_path / "my_folder").mkdir()
    for name in ("train.csv", "test.csv"):
        rows = "".join(f"a{n},x\nb{n},y\n" for n in range(200))
        (tmp_path / "my_folder" / name).write_text(f"text,label\n{rows}")
    (tmp_path / "my_labels.csv").write_text("text,label\n" + "".join(f"a{n},x\nb{n},y\n" for n in range(200)))
    numpy.savez(tmp_path / "mine.npz", x=numpy.arange(4000.0).reshape(200, 20), y=numpy.arange(200) % 2)
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(n) for n in range(400)]
    for name in ("mine.csv", "my_series.csv"):
        (tmp_path / name).write_text("day,price\n" + "".join(f"{day},{day.weekday()}\n" for day in days))
    arguments = [word for word in shlex.split(command, comments=True) if not word.startswith("from=")]  # no run is here
    if "-m" not in arguments and not arguments[0].startswith("+study="):
        assert composed(*arguments).config["out"] == "outputs"
        return
    sweep = [argument for argument in arguments if argument != "-m"]
    single = [o.input_line for o in OverridesParser.create().parse_overrides(sweep) if not o.is_sweep_override()]
    own = [argument for argument in sweep if not argument.startswith("hydra")]
    planned = sweeper(*single)[0]._prepared(own)
    assert planned.study.parent == Path("multirun")


@pytest.mark.parametrize(
    ("folder", "group", "choice"),
    [
        ("rnnsweep/cells", "cell", "leaky"),
        ("rnnsweep/tasks", "task", "largest"),
        ("conf", "optimizer", "signs"),
        ("conf", "pooling", "power"),
        ("conf", "train/schedule", "halves"),
        ("rnnsweep/sweep", "train/tracker", "lines"),
        ("rnnsweep/tasks", "train/metrics", "top3"),
    ],
)
def test_an_example_of_your_own_trains(
    folder: str, group: str, choice: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PAGES[folder]
    page = page[page.index("\n## Your own " + group.split("/")[-1].removesuffix("s")) + 1 :].partition("\n## ")[0]
    (yaml,) = blocks(page, "yaml")
    assert yaml.startswith(f"# conf/{group}/{choice}.yaml\n")
    code = "".join(blocks(page, "python"))
    module = code.split()[1].removesuffix(".py")
    (tmp_path / f"{module}.py").write_text(code)
    (tmp_path / "conf" / group).mkdir(parents=True)
    (tmp_path / "conf" / group / f"{choice}.yaml").write_text(yaml.split("\n", 1)[1])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, module, raising=False)
    (command,) = [line for line in shell(page) if "--config-dir conf" in line]
    _, conf, *overrides = shlex.split(command.split("rnnsweep ")[1])
    own = f"hydra.searchpath=[file://{tmp_path}/{conf}]"
    quick = ("train.steps=20", "cell.hidden_size=8", "train.kernel=scan", "train.progress=false", f"out={tmp_path}")
    short = [f"task.text={text}", "task.seq_len=16"] if "task=charlm" in overrides else []
    record = rnnsweep.train(own, *overrides, *quick, *short).record
    assert record.status == "complete"
    config = record.config
    for name in [*group.split("/"), choice] if group == "train/metrics" else group.split("/"):
        config = config[name]
    assert config["_target_"].startswith(f"{module}.")


QUICK = ("train.steps=10", "train.eval_every=5", "cell.hidden_size=8", "train.kernel=scan", "train.progress=false")


@pytest.mark.parametrize("name", ["arrays", "frames", "sets"])
def test_own_data_in_ten_lines_train(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of the page is run as it stands, and its command trains."""
    text = PAGES["rnnsweep/tasks"]
    (code,) = [block for block in blocks(text, "python") if block.startswith(f"# {name}.py\n")]
    (command,) = [line for line in shell(text) if "rnnsweep" in line and name in line]
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.py").write_text(code)
    overrides = shlex.split(command.split("python -m rnnsweep ")[1])
    if name == "sets":
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "conf" / "task").mkdir(parents=True)
        (tmp_path / "conf" / "task" / "sets.yaml").write_text("_target_: sets.Sets\n")
        overrides = [f"hydra.searchpath=[file://{tmp_path}/{overrides[1]}]", *overrides[2:]]
    else:
        exec(compile(code, f"{name}.py", "exec"), {})
    record = rnnsweep.train(*overrides, *QUICK, f"out={tmp_path}").record
    assert record.status == "complete"
    assert record.best["test/loss"] > 0


def test_a_sampler_and_a_pruner_of_your_own_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGES["rnnsweep/sweep"].partition("\n## Your own sampler or pruner\n")[2].partition("\n## ")[0]
    (code,), (yaml,) = blocks(text, "python"), blocks(text, "yaml")
    (command,) = shell(text)
    (tmp_path / "searched.py").write_text(code)
    (tmp_path / "conf/hydra/sweeper/search").mkdir(parents=True)
    (tmp_path / "conf/hydra/sweeper/search/nearer.yaml").write_text(yaml)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    _, conf, _, *overrides = shlex.split(command.split("rnnsweep ")[1])
    own = f"hydra.searchpath=[file://{tmp_path}/{conf}]"
    few = ("hydra.sweeper.name=mine", "hydra.sweeper.n_trials=8", "hydra.sweeper.workers=1", "task.examples=100")
    runs = rnnsweep.sweep(own, *overrides, *few, *(word for word in QUICK if "progress" not in word))
    assert set(runs["status"]) <= {"complete", "pruned"}
    assert runs["optimizer.lr"].nunique() == 8


@pytest.mark.slow
def test_the_examples_in_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    names: dict[str, Any] = {}
    for code in blocks(PAGES["rnnsweep/api"], "python"):
        exec(compile(code, "a block of the page", "exec"), names)
    assert names["run"].status == "complete"
    assert len(names["rows"]) > 0
    assert [len(answer) for answer in names["trained"].predict(["0110", "111"])] == [4, 3]
    assert len(names["runs"]) == 4
