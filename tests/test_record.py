"""The run store: claims, atomic files, rows torn by a kill."""

import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import largest

from rnnsweep.errors import MachineError
from rnnsweep.record import Json, RunRecord, RunStore

RECORD = RunRecord("r", "complete", {"val/loss": 1.0}, {"step": 5.0}, 10, 1.0, 5, {"seed": 0}, {"host": "h"})


def _hold(path: Path, held) -> None:  # type: ignore[no-untyped-def]
    store = RunStore(path)
    assert store.claim()
    held.set()
    time.sleep(60)


def test_a_claim_is_exclusive_and_dies_with_its_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "run", held), daemon=True)
    holder.start()
    assert held.wait(60)
    store = RunStore(tmp_path / "run")
    assert not store.claim()
    holder.kill()
    holder.join()
    assert store.claim()
    other = RunStore(tmp_path / "run")
    assert not other.claim()
    store.release()
    assert other.claim()


def test_record_round_trip_and_what_is_not_finite(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert store.record() is None
    store.finish(RECORD)
    assert store.record() == RECORD
    store.finish(RunRecord("r", "diverged", {"val/loss": float("nan")}, {}, 1, 1.0, 1, {}, {}))
    record = store.record()
    assert record is not None
    assert record.metrics == {"val/loss": None}


def test_a_torn_record_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text('{"run": "r", "sta')
    assert RunStore(tmp_path).record() is None


def test_rows_survive_a_torn_line_and_rewind(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.log(1, "train", {"loss": 2.0})
    size = store.size
    store.log(2, "train", {"loss": float("inf")})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 3, "spl')
    assert [row["loss"] for row in store.rows()] == [2.0, None]
    store.rewind(size)
    store.log(2, "val", {"loss": 1.0})
    assert [(row["step"], row["split"]) for row in store.rows()] == [(1, "train"), (2, "val")]


def test_a_row_that_does_not_fit_the_disk_leaves_those_before_it(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.log(1, "train", {"loss": 2.0})
    with (
        largest(store.size + 20),
        pytest.raises(MachineError, match=r"metrics\.jsonl cannot be written: File too large"),
    ):
        store.log(2, "train", {"loss": 1.0})
    store.log(3, "train", {"loss": 1.0})
    assert [row["step"] for row in store.rows()] == [1, 3]


@pytest.mark.parametrize(
    "row",
    ["[1]", '{"step": "1", "split": "val"}', '{"step": 2, "split": "val", "loss": "low"}', "\x00\x00", "[" * 9999],
)
def test_a_damaged_row_is_left_out_and_said_once(row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path)
    store.log(1, "train", {"loss": 2.0})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write(row + "\n")
    store.log(2, "val", {"loss": 1.0})
    assert [(r["step"], r["split"]) for r in store.rows()] == [(1, "train"), (2, "val")]
    store.rows()
    assert (
        capsys.readouterr().err == f"rnnsweep: {tmp_path}/metrics.jsonl: 1 of 3 rows are damaged; they are left out\n"
    )


DAMAGES: dict[str, Callable[[Json], object]] = {
    "wrong type": lambda record: record | {"steps": "5"},
    "unknown status": lambda record: record | {"status": "finished"},
    "no status": lambda record: {name: value for name, value in record.items() if name != "status"},
    "a list": lambda record: [record],
    "no metrics": lambda record: record | {"best": None},
    "a number": lambda _: 3,
    "a config's group": lambda record: record | {"config": {"cell": 3}},
    "an environment's versions": lambda record: record | {"environment": {"versions": []}},
    "a code's files": lambda record: record | {"config": {"code": {"files": 1}}},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_record_that_does_not_fit_is_no_record(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = RunStore(tmp_path)
    store.finish(RECORD)
    path = tmp_path / "record.json"
    path.write_text(json.dumps(DAMAGES[damage](json.loads(path.read_text()))))
    assert store.record() is store.record() is None
    assert capsys.readouterr().err.count(f"{path} is damaged") == 1
    store.finish(RECORD)
    assert store.record() == RECORD


@pytest.mark.parametrize("content", [b'{"times": "many"}', b"\xff\xfe", b"null", b""])
def test_damaged_deaths_count_as_none(content: bytes, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    (tmp_path / ".deaths").write_bytes(content)
    assert store.deaths() == 0
    assert [store.died(), store.died()] == [1, 2]


def test_begin_forgets_an_earlier_failure_and_clear_everything(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.claim()
    store.finish(RECORD)
    store.begin({"seed": 1})
    assert store.record() is None
    assert store.config() == {"seed": 1}
    store.clear()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".lock"]
