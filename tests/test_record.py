"""The run store: claims, atomic files, rows torn by a kill."""

import multiprocessing
import time
from pathlib import Path

import pytest

from rnnsweep.record import RunRecord, RunStore

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


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.write("last.pt", "old")

    def breaks(file) -> None:  # type: ignore[no-untyped-def]
        file.write(b"half of the n")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.write("last.pt", breaks)
    assert (tmp_path / "last.pt").read_text() == "old"


def test_begin_forgets_an_earlier_failure_and_clear_everything(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.claim()
    store.finish(RECORD)
    store.begin({"seed": 1})
    assert store.record() is None
    assert store.config() == {"seed": 1}
    store.clear()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".lock"]
