"""The README says what is there: its tables name every choice, its commands are composed, its examples train."""

import inspect
import re
import shlex
import sys
from pathlib import Path

import pytest
from conftest import CONF, ROOT, choices
from hydra.core.override_parser.overrides_parser import OverridesParser
from test_studies import sweeper

from rnnsweep.notebook import composed, train
from rnnsweep.report.cli import parser
from rnnsweep.sweep.sweeper import StudySweeper

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def tables() -> list[list[list[str]]]:
    """The tables: for each its rows, for each row its cells."""
    found = re.findall(r"(?:^\|.*\|\n)+", README, re.M)
    return [[row.strip("|").split("|") for row in table.splitlines()] for table in found]


def named(table: list[list[str]], columns: int = 1) -> set[str]:
    """What stands as code in the first columns below the head."""
    return set(re.findall(r"`([\w/]+)`", " ".join(cell for row in table[2:] for cell in row[:columns])))


def headed(name: str) -> list[list[str]]:
    (table,) = [table for table in tables() if table[0][0].strip(" `") == name]
    return table


def test_the_tables_name_every_task_cell_and_study_and_no_other() -> None:
    assert named(headed("task")) == {*choices("task")}
    cells = named(headed("cell"), 2)  # the ablations of one cell are in the second column
    assert cells >= {*choices("cell")}
    assert named(headed("cell")) <= {*choices("cell")}
    assert named(headed("study")) == {*choices("study")}


def test_the_table_of_groups_names_every_choice() -> None:
    rows = {row[0].strip(" `"): set(re.findall(r"`(\w+)`", row[1])) for row in headed("group")[2:]}
    for group in ("task/attention", "pooling", "optimizer"):
        assert rows[group] == {*choices(group)}
    assert {*rows} == {"task", "task/attention", "cell", "pooling", "optimizer"}


def test_the_options_are_there() -> None:
    assert named([[re.sub(r"=\w+`", "`", cell) for cell in row] for row in headed("hydra.sweeper.")]) <= {
        *inspect.signature(StudySweeper).parameters
    }
    options = {option for action in parser()._actions for option in action.option_strings}
    assert set(re.findall(r"`(--\w+)", " ".join(row[0] for row in headed("option")))) == options - {"-h", "--help"}
    settings = (CONF / "config.yaml").read_text()
    for name in re.findall(r"`train\.(\w+)", README):
        assert f"\n  {name}:" in settings, name


def test_files_and_extras_that_it_names_are_there() -> None:
    for path in re.findall(r"`((?:conf|rnnsweep|scripts)/[\w/]+\.\w+)`", README):
        assert (ROOT / path).exists(), path
    headings = {
        re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", README, re.M)
    }
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert link.removeprefix("#") in headings if link.startswith("#") else (ROOT / link).exists(), link
    extras = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1].split("\n[")[0]
    for names in re.findall(r"-e '\.\[([\w,]+)\]'", README):
        assert all(f"\n{name} = " in extras for name in names.split(",")), names


def commands() -> list[str]:
    """What its shell blocks run of this program; `…` stands for the rest of a command."""
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    ours = [re.sub(r".*?python -m rnnsweep ", "", line) for line in lines if "python -m rnnsweep " in line]
    return [line for line in ours if "…" not in line and "--config-dir" not in line]


@pytest.mark.parametrize("command", commands())
def test_a_command_is_composed_and_its_settings_are_right(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("input.txt", "my_notes.txt"):
        (tmp_path / name).write_text("To be, or not to be, that is the question.\n" * 3000)
    arguments = shlex.split(command, comments=True)
    if "-m" not in arguments and not arguments[0].startswith("+study="):
        assert composed(*arguments).config["out"] == "outputs"
        return
    sweep = [argument for argument in arguments if argument != "-m"]
    single = [o.input_line for o in OverridesParser.create().parse_overrides(sweep) if not o.is_sweep_override()]
    own = [argument for argument in sweep if not argument.startswith("hydra")]
    planned = sweeper(*single)[0]._prepared(own)
    assert planned.study.parent == Path("multirun")


def test_the_cell_and_the_task_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, (cell, task) = "".join(blocks("python")), blocks("yaml")
    (tmp_path / "mine.py").write_text(module)
    for group, name, text in (("cell", "leaky", cell), ("task", "largest", task)):
        assert text.startswith(f"# conf/{group}/{name}.yaml\n")
        (tmp_path / "conf" / group).mkdir(parents=True)
        (tmp_path / "conf" / group / f"{name}.yaml").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    (command,) = [line for line in "".join(blocks("sh")).splitlines() if "--config-dir conf" in line]
    _, folder, *overrides = shlex.split(command.split("rnnsweep ")[1])
    own = f"hydra.searchpath=[file://{tmp_path}/{folder}]"
    quick = ("train.steps=20", "cell.hidden_size=8", "train.kernel=scan", "train.progress=false", f"out={tmp_path}")
    record = train(own, *overrides, *quick).record()
    assert record is not None
    assert record.status == "complete"
    assert record.run.startswith("largest-leaky-s0-")
    assert record.config["cell"]["rate"] == 0.2
