"""A search's journal: what a kill or a full disk leaves of a line is cut off, and no finished trial is lost."""

import json
import os
from pathlib import Path
from typing import Any

import optuna
import pytest
from conftest import largest
from optuna.storages import JournalStorage

from rnnsweep.errors import ConfigError, MachineError
from rnnsweep.sweep.journal import Journal

optuna.logging.set_verbosity(optuna.logging.ERROR)


def opened(path: Path) -> "optuna.Study":
    return optuna.create_study(storage=JournalStorage(Journal(path)), study_name="s", load_if_exists=True)


def add(study: "optuna.Study", trials: int) -> None:
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    add(opened(tmp_path / "optuna.journal"), 3)
    return tmp_path / "optuna.journal"


TAILS = [b'{"op_code":4,"worker_id":"a', b"\0\0\0", b'{"op_code":4\n', b"\xff\xfe\n\n", b"7\n"]


@pytest.mark.parametrize("tail", TAILS)
def test_a_torn_last_line_is_cut_off_and_said(tail: bytes, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    study = opened(path)
    assert path.read_bytes().startswith(whole)
    assert all(json.loads(line)["op_code"] is not None for line in path.read_text().splitlines())
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    assert f"the last line of {path} was cut short" in capsys.readouterr().err
    add(study, 2)
    assert len(opened(path).trials) == 5


def test_a_line_torn_while_others_have_it_open_is_cut_off_before_the_next(path: Path) -> None:
    study = opened(path)
    with open(path, "ab") as killed:
        killed.write(b'{"op_code":4,"worker')
    add(study, 2)
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert len(opened(path).trials) == 5


@pytest.mark.parametrize("room", range(0, 200, 37))
def test_a_write_that_does_not_fit_loses_no_trial(room: int, path: Path) -> None:
    study, before = opened(path), path.read_bytes()
    with largest(len(before) + room), pytest.raises(MachineError, match=r"optuna\.journal cannot be written: File too"):
        add(study, 50)
    assert path.read_bytes().startswith(before)
    assert path.read_bytes().endswith(b"\n")
    again = opened(path)
    add(again, 2)
    assert sum(trial.state.name == "COMPLETE" for trial in opened(path).trials) == 5


@pytest.mark.parametrize("damaged", [b"{\n", b"\xff\n", b"[1]\n"])
def test_a_damaged_line_that_others_follow_is_named(damaged: bytes, path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], damaged, *lines[3:]]))
    with pytest.raises(ConfigError, match=rf"line 3 of {len(lines)} is damaged; bring the file back"):
        opened(path)


@pytest.mark.parametrize("values", [{"a": []}, "0.5", ["0.5"], [[]], 0.5, [True]])
def test_values_of_a_trial_that_are_no_numbers_are_named(values: Any, path: Path) -> None:
    """Optuna takes them as they are, and they would rank the trial."""
    lines = path.read_text().splitlines()
    (place, *_) = (number for number, line in enumerate(lines) if "values" in line)
    lines[place] = json.dumps(json.loads(lines[place]) | {"values": values})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigError, match=rf"line {place + 1} of {len(lines)} is damaged"):
        opened(path)


def test_a_first_line_that_was_cut_short_leaves_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "optuna.journal"
    path.write_bytes(b'{"op_co')
    assert opened(path).trials == []


def test_a_journal_that_cannot_be_written_can_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(os, "symlink", refused)
    journal = Journal(path)
    with pytest.raises(MachineError, match=r"optuna\.journal cannot be written: Permission denied"):
        journal.append_logs([])
