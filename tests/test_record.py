"""The run store: claims, atomic files, rows torn by a kill."""

import copy
import dataclasses
import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import largest

from rnnsweep.errors import MachineError
from rnnsweep.record import Declaration, Json, RunRecord, RunStore

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
    assert capsys.readouterr().err == f"rnnsweep: {tmp_path}/metrics.jsonl: 1 of 3 rows is damaged; it is left out\n"


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


# What is there and what is not ----------------------------------------------------------------------------------


def test_a_claim_makes_the_directory_and_deletes_what_a_kill_left_half_written(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "a" / "run")
    assert not store.held()
    assert not store.path.exists()  # asking makes nothing
    assert store.claim()
    (store.path / ".last.pt.host-1.partial").write_bytes(b"half")
    (store.path / "last.pt").write_bytes(b"whole")
    assert store.held()
    store.log(1, "train", {"loss": 1.0})
    store.release()
    assert not store.held()
    store.release()  # twice does no harm
    assert store.claim()
    assert sorted(file.name for file in store.path.iterdir()) == [".lock", "last.pt", "metrics.jsonl"]
    store.log(2, "train", {"loss": 1.0})
    assert [row["step"] for row in store.rows()] == [1, 2]


def test_a_record_is_the_same_data_with_no_number_beyond_json(tmp_path: Path) -> None:
    store, inf = RunStore(tmp_path), float("inf")
    shown = {"rows": [{"loss": inf}, (1.0, float("nan"), -inf)], "text": "žluťoučký \u2028 <b>"}
    record = dataclasses.replace(RECORD, summary=shown, best={"step": 5, "val/loss": -inf}, share_seconds=0.5)
    store.finish(record)
    content = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert content["summary"] == {"rows": [{"loss": None}, [1.0, None, None]], "text": shown["text"]}
    assert content["best"] == {"step": 5, "val/loss": None}
    text = (tmp_path / "record.json").read_text(encoding="utf-8")
    assert "žluťoučký" in text  # for people, too: indented, and not escaped
    assert text.startswith('{\n  "run": "r",\n')
    assert text.endswith("}\n")


def test_an_outcome_that_no_record_can_hold_is_refused_before_it_is_written(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.write(".deaths", '{"times": 1, "progress": 0}')
    for field, wrong in (("best", {"val/loss": "low"}), ("config", {"cell": 3}), ("environment", {"versions": []})):
        record = copy.deepcopy(RECORD)
        getattr(record, field).update(wrong)
        with pytest.raises(TypeError, match="the outcome of r holds what a record cannot"):
            store.finish(record)
        assert store.record() is None
    assert store.deaths() == 1
    store.finish(RECORD)
    assert store.deaths() == 0  # a run that is over has no deaths to count


DEFAULTS = {"summary": {}, "error": None, "metric": {}, "declared": {}, "share_seconds": None, "sizes": {}}


@pytest.mark.parametrize("lacking", DEFAULTS)
def test_a_record_that_lacks_a_later_field_has_its_default(lacking: str, tmp_path: Path) -> None:
    declared = {"loss": Declaration("nats", "min", 1.0), "count": Declaration("", None)}
    full = dataclasses.replace(
        RECORD,
        summary={"x": 1},
        error="e",
        metric={"name": "loss"},
        declared=declared,
        share_seconds=1.0,
        sizes={"a": 1},
    )
    store = RunStore(tmp_path)
    store.finish(full)
    assert store.record() == full
    content = json.loads((tmp_path / "record.json").read_text())
    del content[lacking]
    (tmp_path / "record.json").write_text(json.dumps(content))
    assert store.record() == dataclasses.replace(full, **{lacking: DEFAULTS[lacking]})  # type: ignore[arg-type]


def test_a_declaration_needs_no_chance_level(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.finish(dataclasses.replace(RECORD, declared={"loss": Declaration("nats", "min", 2.0)}))
    content = json.loads((tmp_path / "record.json").read_text())
    del content["declared"]["loss"]["chance"]
    (tmp_path / "record.json").write_text(json.dumps(content))
    record = store.record()
    assert record is not None
    assert record.declared == {"loss": Declaration("nats", "min", None)}


def test_config_json_holds_the_settings_and_what_is_known_at_the_start(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert (store.config(), store.about()) == (None, {})
    store.begin({"seed": 1}, {"fingerprint": "f", "code": {"rnnsweep": "1"}})
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "seed": 1,
        "fingerprint": "f",
        "code": {"rnnsweep": "1"},
    }
    assert (store.config(), store.about()) == ({"seed": 1}, {"fingerprint": "f", "code": {"rnnsweep": "1"}})
    store.begin({"seed": 1})  # as earlier versions wrote it
    assert (store.config(), store.about()) == ({"seed": 1}, {})


@pytest.mark.parametrize("damage", ['{"seed": "one"}', "[]", '{"code": 3}', '{"seed'])
def test_in_place_of_a_damaged_config_stands_that_of_the_record(damage: str, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    (tmp_path / "config.json").write_text(damage)
    assert (store.config(), store.about()) == (None, {})
    store.finish(RECORD)
    assert (store.config(), store.about()) == ({"seed": 0}, {})


def test_a_run_that_is_trained_anew_knows_how_often(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.claim()
    assert store.generation() == 0
    for generation in (1, 2):
        store.finish(RECORD)
        store.write("last.pt", b"weights")
        (tmp_path / "folder").mkdir(exist_ok=True)  # what is no file stays
        store.renew(generation)
        assert store.generation() == generation
        assert sorted(file.name for file in tmp_path.iterdir()) == [".generation", ".lock", "folder"]
    (tmp_path / ".generation").write_text("many")
    assert store.generation() == 0


def test_clearing_begins_with_the_checkpoint_and_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill after any deletion leaves nothing that goes on from the rest."""
    store, deleted = RunStore(tmp_path), []
    store.claim()
    for name in ("a", "last.pt", "record.json", "z"):
        store.write(name, name)
    remove = RunStore.remove
    monkeypatch.setattr(RunStore, "remove", lambda store, name: (deleted.append(name), remove(store, name)))
    store.clear()
    assert deleted[:2] == ["last.pt", "record.json"]
    assert {*deleted} == {"a", "last.pt", "record.json", "z"}


def test_an_outcome_counts_while_its_files_are_what_they_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files may be deleted. A changed best.pt makes the run go on; changed rows are only told."""
    store = RunStore(tmp_path)
    assert store.outcome() is None
    assert store.sizes() == {}
    store.log(1, "train", {"loss": 1.0})
    store.write("best.pt", b"weights")
    assert store.sizes() == {"metrics.jsonl": store.size, "best.pt": 7}
    record = dataclasses.replace(RECORD, sizes=store.sizes())
    store.finish(record)
    assert store.outcome() == record
    assert capsys.readouterr().err == ""
    store.log(2, "train", {"loss": 1.0})
    assert store.outcome() == record
    assert "metrics.jsonl is damaged: " in capsys.readouterr().err
    store.write("best.pt", b"weights" * 1000)
    assert store.outcome() is None
    assert "best.pt is damaged: 7,000 bytes, and 7 when the run ended" in capsys.readouterr().err
    store.remove("best.pt")
    store.remove("metrics.jsonl")
    assert store.outcome() == record
    store.finish(RECORD)  # of an earlier version, without sizes
    store.write("best.pt", b"other")
    assert store.outcome() == RECORD


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("status", ["failed", "complete", "pruned"])
def test_only_a_failure_is_forgotten(status: str, anew: bool, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.finish(dataclasses.replace(RECORD, status=status))  # type: ignore[arg-type]
    store.write("last.pt", b"weights")
    assert store.failed() == (status == "failed")
    store.forget_failure(anew=anew)
    assert (store.record() is None) == (status == "failed")
    assert (tmp_path / "last.pt").exists() == (status != "failed" or not anew)
    assert not store.held()


def test_a_failure_that_is_forgotten_leaves_the_checkpoint(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.finish(dataclasses.replace(RECORD, status="failed"))
    store.write("last.pt", b"weights")
    store.forget_failure()
    assert store.record() is None
    assert (tmp_path / "last.pt").exists()


def test_a_failure_in_somebodys_hands_is_left_alone(tmp_path: Path) -> None:
    store, other = RunStore(tmp_path), RunStore(tmp_path)
    store.finish(dataclasses.replace(RECORD, status="failed"))
    assert other.claim()
    store.forget_failure()
    assert store.failed()
    assert store.held()


def test_rows_are_whole_up_to_the_first_damage(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert store.are_whole(0)
    assert store.size == 0
    store.log(1, "train", {"loss": 1.0})
    first = store.size
    store.log(2, "train", {"loss": 1.0})
    assert store.size == 2 * first
    assert [store.are_whole(size) for size in (first, first - 1, 2 * first)] == [True, False, True]
    store.sync()
    store.release()


@pytest.mark.parametrize("times", ["1", "3"])
def test_deaths_are_counted_while_no_checkpoint_is_written(times: str, tmp_path: Path) -> None:
    """A death at each of several rows is no progress, and one after a checkpoint is the first again."""
    store = RunStore(tmp_path)
    for death in range(1, int(times) + 1):
        assert store.died() == store.deaths() == death
        store.log(death, "train", {"loss": 1.0})
    store.write("last.pt", b"weights")
    assert [store.died(), store.died(), store.deaths()] == [1, 2, 2]


def test_files_that_are_cheap_to_make_again_are_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    store = RunStore(tmp_path)
    store.begin({"seed": 1})
    assert not synced
    store.write("samples.md", "text")
    assert synced
