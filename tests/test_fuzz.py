"""Any file of a study is damaged in any way: the same command makes everything whole, or names the file. Slow.

In this process: a worker on the plan of four runs, of which two are complete, one was interrupted and one not begun.
"""

import contextlib
import dataclasses
import functools
import io
import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TIMES, Compose
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rnnsweep import checkpoint, run, study_folder
from rnnsweep.errors import TOLD, ConfigError, MachineError
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.record import RunStore
from rnnsweep.report.collect import collect
from rnnsweep.sweep import published
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.search import Search
from rnnsweep.sweep.search_worker import SearchWorker
from rnnsweep.sweep.view import Progress, closing_table
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.train import Trainer

pytestmark = pytest.mark.slow

SHORT = (
    *("task=parity", "task.examples=200", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=8", "cell=rnn"),
    *("train.steps=20", "train.eval_every=5", "train.log_every=5", "train.threads=1", "train.kernel=scan"),
)
FILES = ["config.json", "record.json", "metrics.jsonl", "best.pt", "last.pt"]
STUDY = ["plan", "workers", "published.json", "drawn.json"]


def make(composed: Compose, study: Path) -> Plan:
    runs = [run.identify(composed(*SHORT, f"seed={seed}", f"out={study}")) for seed in range(4)]
    plan = Plan(study, [Planned(r.id, r.signature, r.config, [*SHORT, f"seed={r.seed}"]) for r in runs])
    plan.save()
    return plan


def work(plan: Plan) -> None:
    plan = Plan.load(plan.save())
    Worker(plan, WorkOptions(1, 1), StopRequest()).work()


class StopsAt(StopRequest):
    """Asks to stop in the third run, at step 12."""

    @property
    def signum(self) -> int | None:  # type: ignore[override]
        return signal.SIGTERM if self.steps >= 52 else None

    steps = 0


@pytest.fixture(scope="module")
def whole(composed: Compose, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    plan = make(composed, tmp_path_factory.mktemp("whole") / "study")
    work(plan)
    return plan


@pytest.fixture(scope="module")
def cut(composed: Compose, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The same runs; two are complete, the third was stopped at step 12, and the last has not begun."""
    plan, stop = make(composed, tmp_path_factory.mktemp("cut") / "study"), StopsAt()
    advance = Trainer.advance

    def counted(trainer: Trainer) -> None:
        advance(trainer)
        stop.steps += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "advance", counted)
        worker = Worker(plan, WorkOptions(1, 1), stop)
        with pytest.raises(Interrupted):
            worker.work()
        worker.status.write(runs=[plan.runs[2].id])
    plan.store(plan.runs[2]).write(".deaths", '{"times": 0, "progress": -1}')
    published.tell(published.read({"source": "A", "metric": "test/loss", "orders": [[{"cell": "gru"}]]}), plan.study)
    study_folder.drawn_file(plan.study).write_text('["optimizer.lr"]')
    assert [len(plan.records()), checkpoint.step(plan.store(plan.runs[2]))] == [2, 12]
    return plan


# Damage ---------------------------------------------------------------------------------------------------------


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places in nested data."""
    yield path
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in items:
        yield from places(value, (*path, name))


def other(value: Any) -> Any:
    """A value of another type."""
    return 3 if isinstance(value, str | dict) else {"a": []} if isinstance(value, list | None) else "text"


def retyped(content: Any, choose: Any) -> Any:
    """The data with a value of another type at one place."""
    path = choose(list(places(content)))
    if not path:
        return other(content)
    place = content
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = other(place[path[-1]])
    return content


def damage(path: Path, how: str, data: st.DataObject) -> None:
    before = path.read_bytes()

    def choose(values: list[Any]) -> Any:
        return values[data.draw(st.integers(0, len(values) - 1))]

    if how == "truncated":
        path.write_bytes(before[: data.draw(st.integers(0, len(before) - 1))])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "random":
        path.write_bytes(data.draw(st.binary(max_size=200)))
    elif path.suffix == ".pt" and how == "changed":  # JSON has no checksum: another digit is another number
        at = data.draw(st.integers(0, len(before) - 1))
        path.write_bytes(before[:at] + data.draw(st.binary(min_size=1, max_size=9)) + before[at + 1 :])
    elif path.suffix == ".pt":
        torch.save(retyped(torch.load(path, weights_only=True), choose), path)
    elif path.suffix in (".jsonl", ".journal"):
        lines = before.decode().splitlines()
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = json.dumps(retyped(json.loads(lines[at]), choose))
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text(json.dumps(retyped(json.loads(before), choose)))


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # smaller examples would take minutes to find
HOW = ["truncated", "empty", "random", "changed", "wrong-typed"]


def damaged(study: Path, plan: Plan, data: st.DataObject) -> Path:
    """Damages one file of the study."""
    folder = study / ".study"
    of_study = [*folder.rglob("*.json"), *study.glob("*/.deaths")]
    of_runs = [study / each.id / name for each in plan.runs for name in FILES]
    paths = sorted(path for path in (*of_study, *of_runs) if path.exists())
    path = paths[data.draw(st.integers(0, len(paths) - 1))]
    damage(path, data.draw(st.sampled_from(HOW)), data)
    return path


# What must hold -------------------------------------------------------------------------------------------------


def outcome(store: RunStore) -> Any:
    record = store.record()
    assert record is not None
    metrics = {name: value for name, value in record.metrics.items() if name.split("/")[1] not in TIMES}
    return record.status, record.best, metrics, record.steps, record.parameters


def rows(store: RunStore) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in store.rows()]


def weights(store: RunStore) -> list[Any]:
    return [(name, value.tolist()) for name, value in checkpoint.best(store)["weights"].items()]


def refused(what: Callable[[], object]) -> str:
    """The line with which something ends, or nothing."""
    try:
        what()
    except (ConfigError, MachineError) as error:
        return str(error)
    return ""


@settings(max_examples=100, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_same_command_makes_all_whole_or_names_the_file(whole: Plan, cut: Plan, data: st.DataObject) -> None:
    TOLD.clear()
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said):
        study = Path(folder) / "study"
        shutil.copytree(cut.study, study)
        plan = Plan(study, cut.runs)
        path = damaged(study, plan, data)
        progress = Progress(plan)
        progress.look()
        progress.lines()
        closing_table(progress)
        collect([study])
        if error := refused(lambda: work(plan)):
            assert str(path) in error
            return
        for each in plan.runs:
            record = plan.store(each).record()
            assert record is not None
            if record.status == "failed":
                assert str(path) in str(record.error), record.error
                continue
            assert outcome(plan.store(each)) == outcome(whole.store(each))
            assert rows(plan.store(each)) == rows(whole.store(each)) or str(path) in said.getvalue()
            if error := refused(functools.partial(weights, plan.store(each))):
                assert str(path) in error
            else:
                assert weights(plan.store(each)) == weights(whole.store(each))


# A search -------------------------------------------------------------------------------------------------------

LR = {"optimizer.lr": {"name": "FloatDistribution", "attributes": {"low": 1e-3, "high": 1e-1, "log": True}}}


def described(composed: Compose, study: Path) -> Search:
    config = composed(*SHORT, f"out={study}")
    return Search(study, "random", "none", 4, ("val/loss",), (0,), None, {}, {"": (config, LR)}, {})


def search(what: Search) -> None:
    """What the command does: new trials first, then what of complete ones is damaged."""
    loaded, options = Search.load(what.save()), WorkOptions(1, 1)
    loaded.retry(loaded.open())
    SearchWorker(loaded, options, StopRequest()).work()
    Worker(loaded.damaged(loaded.open()), options, StopRequest()).work()


@pytest.fixture(scope="module")
def half(composed: Compose, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """Two of four trials."""
    whole = described(composed, tmp_path_factory.mktemp("search") / "study")
    search(dataclasses.replace(whole, n_trials=2))
    return whole


@pytest.fixture(scope="module")
def found(half: Search, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """All four."""
    study = tmp_path_factory.mktemp("found") / "study"
    shutil.copytree(half.study, study)
    search(dataclasses.replace(half, study=study))
    return dataclasses.replace(half, study=study)


def told(what: Search) -> list[Any]:
    return [(trial.state.name, trial.params, trial.values) for trial in what.open().trials]


@settings(max_examples=40, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_search_is_made_whole_or_the_file_is_named(half: Search, found: Search, data: st.DataObject) -> None:
    TOLD.clear()
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said):
        study = Path(folder) / "study"
        shutil.copytree(half.study, study)
        paths = sorted([*(study / ".study").glob("*.j*"), *study.glob("*/record.json"), *study.glob("*/best.pt")])
        path = paths[data.draw(st.integers(0, len(paths) - 1))]
        damage(path, data.draw(st.sampled_from(HOW)), data)
        what = dataclasses.replace(half, study=study)
        if error := refused(lambda: search(what)):
            assert str(path) in error
            return
        alike = told(what) == told(found)
        assert alike or (path.name == "optuna.journal" and str(path) in said.getvalue())
        for trial in found.open().trials if alike else ():
            (name,) = trial.user_attrs["runs"]
            assert outcome(RunStore(study / name)) == outcome(RunStore(found.study / name))
        assert all(state == "COMPLETE" for state, _, _ in told(what))
