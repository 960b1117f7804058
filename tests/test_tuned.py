"""Tuned sweeps: which trials go on, what is chosen, how many seeds are run, and that a kill changes nothing."""

import dataclasses
import json
import os
from pathlib import Path

from rnnsweep import planned
from rnnsweep.planned import Chosen, Tuned

TUNED = Tuned(
    compare=["cell"],
    tune={"optimizer.lr": "1e-3,1e-2"},
    conditions=[],
    trials=2,
    tuning_seed=10_000,
    rungs=[10],
    metric="val/loss",
    maximised=False,
    seeds=[0, 1, 2],
    looks=[3, 5],
    levels=[0.005, 0.01],
    margin=None,
)


def written(study: Path, name: str, tuned: Tuned, age: float = 0.0) -> None:
    path = study / ".study" / f"tuned-{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(tuned)))
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))


# The file --------------------------------------------------------------------------------------------------------


def chosen(cell: str, trial: str) -> Chosen:
    return Chosen({"cell": cell}, {}, {"optimizer.lr": 1e-3}, trial, 1.5, 2, 1, 1, 0, "open", 3)


def test_what_was_compared_and_tuned_is_read_from_its_file(tmp_path: Path) -> None:
    begun = dataclasses.replace(TUNED, chosen=[chosen("gru", "a"), chosen("rnn", "b")], stages={"plan-1.json": "x"})
    written(tmp_path, "1", begun)
    written(tmp_path, "2", TUNED, age=5)
    assert planned.tuned(tmp_path) == [TUNED, begun]
    (tmp_path / ".study" / "tuned-2.json").write_text('{"compare": ["cell"]}')
    assert planned.tuned(tmp_path) == [begun]
    assert planned.tuned(tmp_path / "none") == []


def test_a_comparison_that_a_newer_one_holds_is_left_out(tmp_path: Path) -> None:
    few = dataclasses.replace(TUNED, chosen=[chosen("gru", "a")])
    many = dataclasses.replace(TUNED, chosen=[chosen("gru", "a"), chosen("rnn", "b")])
    written(tmp_path, "few", few, age=5)
    written(tmp_path, "many", many)
    assert planned.tuned(tmp_path) == [many]


def test_fresh_seeds_follow_those_of_the_first_look_and_leave_the_tuning_seed_out() -> None:
    assert TUNED.fresh(2) == [0, 1]
    assert TUNED.fresh(5) == [0, 1, 2, 3, 4]
    assert dataclasses.replace(TUNED, seeds=[9_999, 7]).fresh(4) == [9_999, 7, 10_001, 10_002]
