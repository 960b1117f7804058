"""Checkpoints: a damaged one costs its run's time and nothing else, and what cannot be right is refused by name."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PARITY, Compose
from test_train import numbers, rows, train

from rnnsweep import checkpoint, run
from rnnsweep.config import Config
from rnnsweep.errors import TOLD, ConfigError
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.record import RunStore
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.train import Observer


@pytest.fixture(scope="module")
def config(composed: Compose) -> Config:
    return composed(*PARITY, "cell.hidden_size=4")


@pytest.fixture(scope="module")
def whole(config: Config, tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """The run, undisturbed."""
    return train(config, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def stopped(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the run was stopped at step 12 of 30."""
    out = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Interrupted):
        train(config, out, 12)
    return out


@pytest.fixture
def out(stopped: Path, tmp_path: Path) -> Path:
    TOLD.clear()
    return Path(shutil.copytree(stopped, tmp_path / "out"))


def rewritten(path: Path, **changes: Any) -> None:
    torch.save(torch.load(path, weights_only=True) | changes, path)


def flipped(path: Path) -> None:
    """One byte of the weights is another."""
    weight = next(iter(torch.load(path, weights_only=True)["weights"].values()))
    content = bytearray(path.read_bytes())
    content[content.index(weight.numpy().tobytes())] ^= 255
    path.write_bytes(content)


def without_weights(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    content["weights"].popitem()
    torch.save(content, path)


def some_slow(names: Iterable[str], *quick: str) -> list[Any]:
    """The names; all but a few are for the slow pass."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"no checkpoint"),
    "flipped": flipped,
    "another type": lambda path: torch.save([1, 2], path),
    "a text for a number": lambda path: rewritten(path, step="twelve"),
    "fewer weights": without_weights,
    "another shape": lambda path: rewritten(path, best_weights={"x": torch.zeros(3)}),
    "another run": lambda path: rewritten(path, run="someone-elses"),
}


@pytest.mark.parametrize("damage", some_slow(DAMAGES, "flipped", "a text for a number", "another run"))
def test_a_damaged_checkpoint_is_set_aside_and_the_run_starts_over(
    damage: str, config: Config, whole: RunStore, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (last,) = out.glob("*/last.pt")
    DAMAGES[damage](last)
    before = last.read_bytes()
    store = train(config, out)
    assert numbers(store.record()) == numbers(whole.record())
    assert rows(store) == rows(whole)
    assert (store.path / "last.pt.damaged").read_bytes() == before
    said = capsys.readouterr().err
    assert str(last) in said
    assert "the run starts over" in said


@pytest.mark.parametrize("damage", some_slow(("cut", "flipped", "another run"), "flipped"))
def test_a_damaged_best_checkpoint_is_written_again_at_a_resume(
    damage: str, config: Config, whole: RunStore, out: Path
) -> None:
    (best,) = out.glob("*/best.pt")
    DAMAGES[damage](best)
    store = train(config, out)
    assert numbers(store.record()) == numbers(whole.record())
    found, right = (torch.load(path / "best.pt", weights_only=True) for path in (store.path, whole.path))
    assert all(torch.equal(found["weights"][name], right["weights"][name]) for name in right["weights"])


def test_a_damaged_best_checkpoint_of_a_finished_run_comes_back_as_its_error_says(
    config: Config, whole: RunStore, tmp_path: Path
) -> None:
    store = RunStore(Path(shutil.copytree(whole.path, tmp_path / whole.path.name)))
    DAMAGES["cut"](store.path / "best.pt")
    with pytest.raises(ConfigError, match=r"best.pt: is damaged .*delete best.pt and record.json") as raised:
        run.saved(store.path)
    assert "rerun" not in str(raised.value)
    (store.path / "best.pt").unlink()
    (store.path / "record.json").unlink()
    train(config, tmp_path)
    assert numbers(store.record()) == numbers(whole.record())
    run.saved(store.path)


@pytest.mark.parametrize("step", [31, -1])
def test_a_checkpoint_beyond_the_last_step_is_refused(step: int, config: Config, out: Path) -> None:
    (last,) = out.glob("*/last.pt")
    rewritten(last, step=step)
    before = last.read_bytes()
    with pytest.raises(ConfigError, match=rf"last.pt: stands at step {step:,} of a run of 30 steps") as raised:
        train(config, out)
    assert "rerun" not in str(raised.value)
    assert last.read_bytes() == before


LOST = "has .* bytes, but last.pt expects"
TABLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda path: path.unlink(), LOST),
    "empty": (lambda path: path.write_bytes(b""), LOST),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:100]), LOST),
    "zeros": (lambda path: path.write_bytes(bytes(len(path.read_bytes()))), "holds damaged rows"),
    "another type": (lambda path: path.write_bytes(b"[1, 2]\n" * 1000), "holds damaged rows"),
}


@pytest.mark.parametrize("damage", some_slow(TABLES, "cut", "zeros"))
def test_rows_that_a_checkpoint_counts_on_and_are_gone_are_an_error(
    damage: str, config: Config, whole: RunStore, out: Path
) -> None:
    (table,) = out.glob("*/metrics.jsonl")
    spoil, said = TABLES[damage]
    spoil(table)
    with pytest.raises(ConfigError, match=f"metrics.jsonl: {said}"):
        train(config, out)
    (table.parent / "last.pt").unlink()  # as the error says
    store = train(config, out)
    assert numbers(store.record()) == numbers(whole.record())
    assert rows(store) == rows(whole)


def test_the_rows_are_on_the_disk_before_the_checkpoint_that_counts_on_them(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    save, sync = checkpoint.save, RunStore.sync
    monkeypatch.setattr(RunStore, "sync", lambda store: (done.append("sync"), sync(store)))
    monkeypatch.setattr(checkpoint, "save", lambda store, name, what: (done.append(name), save(store, name, what)))
    train(config, tmp_path)
    before = [done[index - 1] for index, what in enumerate(done) if what == "last.pt"]
    assert len(before) == 3
    assert set(before) == {"sync"}


def test_in_a_stack_only_the_damaged_run_starts_over(composed: Compose, tmp_path: Path) -> None:
    runs = [run.identify(composed(*PARITY, "cell.hidden_size=4", f"seed={seed}")) for seed in range(3)]
    plan = Plan(tmp_path, [Planned(each.id, each.signature, each.config, []) for each in runs])
    claimed = [(each, plan.store(planned)) for each, planned in zip(runs, plan.runs, strict=True)]
    assert all(store.claim() for _, store in claimed)
    stop = StopRequest()

    class Stopping(Observer):
        def stepped(self, step: int) -> None:
            stop.signum = 15 if step == 12 else None

    with pytest.raises(Interrupted):
        run.execute(claimed, Stopping(), stop)
    for _, store in claimed:
        store.release()
    rewritten(claimed[1][1].path / "last.pt", best_weights={})  # which the look at its step does not see
    started = []
    execute = run.execute

    class Started(Observer):
        def started(self, step: int, steps: int) -> None:
            started.append(step)

    def watched(runs: Any, _: Observer, *rest: Any) -> Any:
        return execute(runs, Started(), *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "execute", watched)
        Worker(plan, WorkOptions(3, 1), StopRequest()).work()
    assert {record.status for record in plan.records().values()} == {"complete"}
    assert sorted(started) == [0, 12, 12]
