"""Runs that start from a finished one, by `from=`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Compose

from rnnsweep import run, single
from rnnsweep.errors import TOLD, ConfigError
from rnnsweep.fingerprint import signature
from rnnsweep.interrupt import StopRequest
from rnnsweep.naming import named
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.schedules import AbstractSchedule, Schedule
from rnnsweep.train import Observer
from rnnsweep.train.checkpoints import _of_own_streams

SMALL = (
    "task=parity", "cell=gru", "cell.hidden_size=6", "train.batch_size=4", "train.eval_every=10", "train.log_every=5",
    "train.checkpoint_seconds=0", "train.progress=false",
)  # fmt: skip


def prepared(composed: Compose, folder: Path, *overrides: str) -> tuple[run.PreparedRun, RunStore]:
    found = named(run.prepare(composed(*SMALL, *overrides)), folder)
    return found, RunStore(folder / found.id)


def trained(composed: Compose, folder: Path, *overrides: str) -> tuple[RunRecord, RunStore]:
    found, store = prepared(composed, folder, *overrides)
    return single.train(found, store), store


def last(store: RunStore) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(store.path / "last.pt")
    return content


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_run_in_two_parts_is_the_run_in_one(optimizer: str, composed: Compose, tmp_path: Path) -> None:
    same = (f"optimizer={optimizer}", "train.schedule=constant")
    _, whole = trained(composed, tmp_path, *same, "train.steps=40")
    _, first = trained(composed, tmp_path, *same, "train.steps=20")
    record, second = trained(composed, tmp_path, *same, "train.steps=40", f"from={first.path}")
    for part in ("weights", "slots"):
        assert all(torch.equal(value, last(second)[part][name]) for name, value in last(whole)[part].items())
    assert record.steps == 40
    assert record.environment["parent"]["step"] == 20
    assert [row["step"] for row in second.rows() if row["split"] == "train"] == [25, 30, 35, 40]
    assert record.seconds < 60  # its own alone
    assert len({whole.path.name, first.path.name, second.path.name}) == 3


def test_it_resumes_as_any_run(composed: Compose, tmp_path: Path) -> None:
    _, first = trained(composed, tmp_path, "train.steps=20")
    more = ("train.steps=40", f"from={first.path}")
    record, store = trained(composed, tmp_path / "whole", *more)

    class StopsAt(Observer):
        def stepped(self, step: int) -> None:
            if step in (21, 33):
                stop.signum = 15

    found, other = prepared(composed, tmp_path / "stopped", *more)
    assert other.claim()
    for _ in range(3):
        stop = StopRequest()
        try:
            (again,) = run.execute([(found, other)], StopsAt(), stop)
        except BaseException as error:  # Interrupted is no Exception
            assert type(error).__name__ == "Interrupted"  # noqa: PT017
    assert again.best == record.best
    assert [row["loss"] for row in other.rows()] == [row["loss"] for row in store.rows()]


def test_its_name_holds_the_run_that_it_starts_from_and_not_the_place(composed: Compose, tmp_path: Path) -> None:
    _, first = trained(composed, tmp_path, "train.steps=20")
    _, other = trained(composed, tmp_path, "train.steps=20", "seed=1")
    moved = tmp_path / "moved" / first.path.name
    moved.parent.mkdir()
    first.path.rename(moved)
    names = [prepared(composed, tmp_path, "train.steps=40", f"from={path}")[0].id for path in (moved, other.path)]
    moved.rename(first.path)
    again = prepared(composed, tmp_path, "train.steps=40", f"from={first.path}")[0].id
    alone = prepared(composed, tmp_path, "train.steps=40")[0].id
    assert again == names[0]
    assert len({*names, alone}) == 3


def test_runs_that_begin_at_other_steps_share_no_stack(composed: Compose, tmp_path: Path) -> None:
    _, first = trained(composed, tmp_path, "train.steps=20")
    _, longer = trained(composed, tmp_path, "train.steps=30")
    starts = [], [f"from={first.path}"], [f"from={longer.path}"], [f"from={first.path}", "seed=3"]
    found = [prepared(composed, tmp_path, "train.steps=40", *more)[0] for more in starts]
    assert found[1].signature == found[3].signature
    assert len({each.signature for each in found}) == 3
    assert found[0].signature == signature(found[0].config, found[0].classes, found[0].task.source_hash)


@pytest.mark.parametrize(
    ("overrides", "key", "problem"),
    [
        (["train.steps=20"], "train.steps", "has trained 20 steps, which count, too: this run would end at step 20"),
        (
            ["train.steps=40", "cell.hidden_size=7"],
            "from",
            r"what differs: cell.hidden_size \(7, there 6\)",
        ),
        (["train.steps=40", "cell=lstm"], "from", "has another model"),
        (["train.steps=40", "optimizer=sgd"], "optimizer", "was trained with rnnsweep.optim"),
        (["train.steps=40", "train.schedule_from=21"], "train.schedule_from", "the run begins at step 20"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    overrides: list[str], key: str, problem: str, composed: Compose, tmp_path: Path
) -> None:
    _, first = trained(composed, tmp_path, "train.steps=20")
    with pytest.raises(ConfigError, match=problem) as caught:
        prepared(composed, tmp_path, *overrides, f"from={first.path}")
    assert caught.value.keys[0] == key


def test_only_a_finished_run_is_gone_on_from(composed: Compose, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the directory of a run"):
        prepared(composed, tmp_path, f"from={tmp_path}")
    _, first = trained(composed, tmp_path, "train.steps=20")
    content = json.loads((first.path / "record.json").read_text())
    (first.path / "record.json").write_text(json.dumps(content | {"status": "diverged"}))
    with pytest.raises(ConfigError, match="is diverged; a run starts from one that is complete"):
        prepared(composed, tmp_path, "train.steps=40", f"from={first.path}")
    (first.path / "record.json").unlink()
    with pytest.raises(ConfigError, match="is not finished"):
        prepared(composed, tmp_path, "train.steps=40", f"from={first.path}")
    (first.path / "record.json").write_text(json.dumps(content))
    (first.path / "last.pt").write_bytes(b"cut")
    with pytest.raises(ConfigError, match=r"no last\.pt that can be read"):
        prepared(composed, tmp_path, "train.steps=40", f"from={first.path}")


def test_other_settings_that_need_another_state_are_refused(composed: Compose, tmp_path: Path) -> None:
    for before, after in (("cosine", "plateau"), ("plateau", "constant")):
        _, first = trained(composed, tmp_path, "train.steps=20", f"train.schedule={before}")
        more = "train.steps=40", f"train.schedule={after}", f"from={first.path}"
        with pytest.raises(ConfigError, match=f"train.schedule: .* was trained with {before}; the decays of a"):
            trained(composed, tmp_path, *more)


def test_a_schedule_goes_on_or_begins_anew() -> None:
    whole, anew = Schedule(warmup=10), Schedule(warmup=10, schedule_from=100)
    assert [anew.multiplier(100 + step, 200, 20) for step in range(100)] == [
        whole.multiplier(step, 100, 20) for step in range(100)
    ]


class Falls(AbstractSchedule):
    def factor(self, step: int, steps: int, epoch: float) -> float:
        return 1 - step / steps


def test_a_schedule_of_one_s_own_begins_anew_where_epochs_decide_the_length(composed: Compose, tmp_path: Path) -> None:
    """The steps that do not count may be no more than those of the first run: it was blamed for a division by zero."""
    few = "task.examples=80", "task.held_out=20", "train.steps=20", "train.warmup=0", "train.log_every=1"
    _, first = trained(composed, tmp_path, *few)
    own = (
        *few,
        f"train.schedule={__name__}.Falls",
        f"packages=[{__name__}]",
        "train.schedule_from=20",
        f"from={first.path}",
    )
    _, second = trained(composed, tmp_path, "train.epochs=2", *own)
    rates = [row["lr"] for row in second.rows() if row["split"] == "train"]
    assert rates == pytest.approx([rates[0] * (1 - step / 20) for step in range(20)])
    with pytest.raises(ConfigError, match="has trained 20 steps, which count, too: this run would end at step 20"):
        prepared(composed, tmp_path, *own)


def test_a_changed_length_is_told_with_the_way_to_go_on(
    composed: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, first = trained(composed, tmp_path, "train.steps=20")
    trained(composed, tmp_path, "train.steps=20", "seed=1")
    trained(composed, tmp_path, "train.steps=20", "optimizer.lr=0.5")
    assert "differs from this run" not in capsys.readouterr().out
    trained(composed, tmp_path, "train.steps=30")
    said = capsys.readouterr().out
    assert said.count("differs from this run") == 1
    assert f"{first.path} differs from this run only in train.steps=20" in said
    assert f"`from={first.path}`" in said
    trained(composed, tmp_path, "train.steps=30")
    assert "differs from this run" not in capsys.readouterr().out


@pytest.mark.parametrize("streams", [1, 2, 4])
def test_batches_of_other_streams_do_not_carry_on_the_state(
    streams: int, composed: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The state of one stream was that of all four; that of two ended the run with an error of torch."""
    (tmp_path / "t.txt").write_text("to be or not to be, that is the question " * 60)
    text = ("task=charlm", f"task.text={tmp_path / 't.txt'}", "task.seq_len=16", "task.sample_length=0")
    _, first = trained(composed, tmp_path, *text, f"train.batch_size={streams}", "train.steps=5")
    TOLD.clear()
    capsys.readouterr()
    found, store = prepared(composed, tmp_path, *text, "train.steps=10", f"from={first.path}")
    (saved,) = last(first)["state"]
    assert len(saved) == streams
    member = run.make_member(found, store)
    like = last(first) | {"state": [], "run": found.id}
    carried = _of_own_streams(like | {"state": [saved]}, member)["state"]
    assert len(carried) == (streams == 4)
    assert single.train(found, store).status == "complete"
    assert (f"carried the state of {streams} streams, and here are 4" in capsys.readouterr().err) == (streams != 4)
