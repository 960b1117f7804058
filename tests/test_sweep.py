"""Grids, plans and workers: what is planned, that each run is trained once, and that nothing is lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import CONF, Compose, Told
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.fingerprint import signature
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.record import RunStore
from rnnsweep.sweep import settings
from rnnsweep.sweep.grammar import Grammar
from rnnsweep.sweep.grid import points
from rnnsweep.sweep.plan import Plan, Planned, configs
from rnnsweep.sweep.view import Progress, View, closing_table
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.train import Member

QUICK = ("task=parity", "task.examples=200", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=8")
SHORT = (*QUICK, "train.steps=30", "train.eval_every=15", "train.log_every=5")


@pytest.fixture
def grammar():  # type: ignore[no-untyped-def]
    with initialize_config_dir(str(CONF)):
        yield Grammar(GlobalHydra.instance().config_loader())


def values(axis) -> list[Any]:  # type: ignore[no-untyped-def]
    return [tuple(setting.value for setting in alternative) for alternative in axis]


# Grids ---------------------------------------------------------------------------------------------------------


def test_axes_in_hydras_grammar(grammar: Grammar) -> None:
    assert values(grammar.axis("optimizer.lr=1e-3,3e-3")) == [(1e-3,), (3e-3,)]
    assert values(grammar.axis("train.clip=null,1.0")) == [(None,), (1.0,)]
    assert values(grammar.axis("seed=range(3)")) == [(0,), (1,), (2,)]
    assert values(grammar.axis("task.text='a b.txt'")) == [("a b.txt",)]
    assert [s.text for (s,) in grammar.axis("cell=rnn,gru")] == ["cell=rnn", "cell=gru"]
    assert all(setting.group for (setting,) in grammar.axis("cell=rnn,gru"))
    assert sorted(values(grammar.axis("seed=shuffle(range(3))"))) == [(0,), (1,), (2,)]
    with pytest.raises(ConfigError, match="continuous"):
        grammar.axis("optimizer.lr=interval(0,1)")


def test_params_come_as_lists_or_text(grammar: Grammar) -> None:
    axes = grammar.axes({"seed": "range(2)", "train.clip": [None, 1.0], "cell": ["rnn", "gru"], "task.tie": True})
    assert [values(axis) for axis in axes] == [[(0,), (1,)], [(None,), (1.0,)], [(None,), (None,)], [(True,)]]


LISTS = [["a b,c.txt", "x=(1).txt", "é", "", "it's"], [["iso"], ["a,b", "c"], []], ["range(3)", "[a"], [1.5, -3, True]]


@pytest.mark.parametrize("items", LISTS)
def test_the_items_of_a_list_are_values_whatever_they_hold(items: list[Any], grammar: Grammar) -> None:
    (axis,) = grammar.axes({"task.text": items})
    assert [value for (value,) in values(axis)] == items
    with pytest.raises(ConfigError, match="seed: gives no value"):
        grammar.axes({"seed": []})


def test_paired_values_move_together(grammar: Grammar) -> None:
    axis = grammar.paired({"cell.hidden_size": [8, 16], "optimizer.lr": "1e-2,1e-3"})
    assert values(axis) == [(8, 1e-2), (16, 1e-3)]
    with pytest.raises(ConfigError, match=r"equal numbers of values \(a: 2, b: 3\)"):
        grammar.paired({"a": [1, 2], "b": [1, 2, 3]})


def test_random_points_keep_when_more_are_drawn_or_more_keys(grammar: Grammar) -> None:
    rate, size = "optimizer.lr=tag(log, interval(1e-6, 1e-2))", "cell.hidden_size=tag(draw, choice(20, 40))"
    few, many = grammar.drawn([rate], 5), grammar.drawn([rate, size, "task.examples=int(interval(3,4))"], 400)
    assert [rates for (rates,) in few] == [point[0] for point in many[:5]]
    rates, sizes, counts = zip(*values(many), strict=True)
    assert all(1e-6 <= each <= 1e-2 for each in rates)
    assert [sum(low <= each < 10 * low for each in rates) for low in (1e-6, 1e-5, 1e-4, 1e-3)] == pytest.approx(
        [100] * 4, abs=30
    )
    assert set(sizes) == {20, 40}
    assert set(counts) == {3, 4}
    assert many[0][0].text == f"optimizer.lr={rates[0]}"
    assert [grammar.is_drawn(text) for text in (rate, size, "cell=rnn,gru", "seed=1")] == [True, True, False, False]


def test_the_product_of_blocks_and_later_settings_win(grammar: Grammar) -> None:
    blocks = [
        [grammar.axis("seed=0,1"), grammar.axis("cell=rnn")],
        [grammar.axis("seed=0,1"), grammar.axis("seed=5")],
    ]
    found = [{key: setting.text for key, setting in point.items()} for point in points(blocks)]
    assert found == [
        {"seed": "seed=0", "cell": "cell=rnn"},
        {"seed": "seed=1", "cell": "cell=rnn"},
        {"seed": "seed=5"},
        {"seed": "seed=5"},
    ]


def test_configs_are_composed_once_a_choice_of_groups(grammar: Grammar) -> None:
    calls: list[list[str]] = []

    def compose(overrides: list[str]) -> dict[str, Any]:
        calls.append(overrides)
        return {"cell": {"name": overrides[0], "size": 1, "width": "${cell.size}"}, "seed": 0}

    axes = [grammar.axis("cell=rnn,gru"), grammar.axis("cell.size=1,2,3"), grammar.axis("seed=7,8")]
    made = [config for config, _ in configs(compose, points([axes]))]
    assert len(made) == 12
    assert calls == [["cell=rnn"], ["cell=gru"]]
    assert made[-1] == {"cell": {"name": "cell=gru", "size": 3, "width": "${cell.size}"}, "seed": 8}
    assert made[0] == {"cell": {"name": "cell=rnn", "size": 1, "width": "${cell.size}"}, "seed": 7}


# Plans and workers in this process ------------------------------------------------------------------------------


def planned(composed: Compose, study: Path, *points: tuple[str, ...], shape: tuple[str, ...] = SHORT) -> Plan:
    runs = [run.identify(composed(*shape, *point)) for point in points]
    return Plan(study, [Planned(r.id, r.signature, r.config, [*shape, *p]) for r, p in zip(runs, points, strict=True)])


def work(plan: Plan, stack: int | str = 1, on_error: str = "continue") -> None:
    Worker(plan, WorkOptions(stack, 1, on_error), StopRequest()).work()  # type: ignore[arg-type]


def test_a_plan_survives_its_file(composed: Compose, tmp_path: Path) -> None:
    plan = planned(composed, tmp_path, ("seed=0",), ("seed=1", "train.clip=null"))
    path = plan.save()
    assert plan.save() == path
    assert Plan.load(path) == plan
    assert plan.runs[1].command(tmp_path).startswith("python -m rnnsweep task=parity task.examples=200")


def test_the_signature_is_what_a_stack_shares(composed: Compose) -> None:
    def of(*overrides: str) -> str:
        config, classes = run.validated(composed(*SHORT, *overrides))
        return signature(config, classes, "")

    for number in ("seed=3", "optimizer.lr=.5", "train.clip=null", "optimizer.weight_decay=0.0", "train.threads=1"):
        assert of(number) == of()
    for shape in ("cell.hidden_size=9", "cell=rnn", "cell.dropout=.1", "train.steps=31", "optimizer=sgd"):
        assert of(shape) != of()
    assert of("cell.dropout=.1") == of("cell.dropout=.7")


def test_a_worker_trains_all_and_each_once(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(composed, tmp_path, *[(f"seed={seed}",) for seed in range(5)])
    trained: list[list[str]] = []
    execute = run.execute
    monkeypatch.setattr(
        run, "execute", lambda runs, *rest: (trained.append([r.id for r, _ in runs]), execute(runs, *rest))
    )
    work(plan, stack=2)
    work(plan, stack=2)
    ids = [member.id for member in plan.runs]
    assert trained == [ids[:2], ids[2:4], ids[4:]]
    assert all(record.status == "complete" for record in plan.records().values())
    assert len(plan.records()) == 5


def test_a_failing_run_fails_alone_even_in_a_stack(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(composed, tmp_path, *[(f"seed={seed}",) for seed in range(4)])
    make = run.make_member

    def breaks(prepared: run.PreparedRun, store: RunStore) -> Member:
        if prepared.seed == 2:
            raise RuntimeError("the third one is broken")
        return make(prepared, store)

    monkeypatch.setattr("rnnsweep.run.execution.make_member", breaks)
    work(plan, stack=4)
    statuses = [plan.records()[member.id].status for member in plan.runs]
    assert statuses == ["complete", "complete", "failed", "complete"]
    progress = Progress(plan)
    table = closing_table(progress)
    assert "RuntimeError: the third one is broken" in table
    assert f"rerun: {plan.runs[2].command(tmp_path)}" in table
    assert progress.counts == {"complete": 3, "failed": 1, "at the rung": 0, "to do": 0}


def test_equal_failures_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors = [f"Traceback\n  line {number}\nValueError: no room in run-{number}" for number in range(4)]
    errors[3] = "Traceback\nKeyError: 'x'"
    plan = Plan(tmp_path, [Planned(f"run-{number}", "", {}, [f"seed={number}"]) for number in range(4)])
    for planned_run, error in zip(plan.runs, errors, strict=True):
        (tmp_path / planned_run.id).mkdir()
        config = {"seed": 0, "choices": {"task": "charlm"}}
        run.fail(planned_run.id, plan.store(planned_run), config, error)
    progress = Progress(plan)
    table = closing_table(progress)
    assert "failed: 3 runs such as run-0: ValueError: no room in run-0" in table
    assert "failed: run-3: KeyError: 'x'" in table
    assert [line for line in table.splitlines() if "rerun:" in line] == [
        f"  rerun: python -m rnnsweep seed={number} out={tmp_path}" for number in (0, 3)
    ]
    view = View(progress)
    for _ in range(2):
        view.shown_at = -1e9
        view.refresh()
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed")] == [
        "failed: run-0: ValueError: no room in run-0",
        "failed: run-3: KeyError: 'x'",
    ]


def test_on_error_stop(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(composed, tmp_path, ("seed=0",), ("seed=1",))
    monkeypatch.setattr("rnnsweep.run.execution.make_member", lambda *_: 1 / 0)
    work(plan, on_error="stop")
    work(plan, on_error="stop")  # another worker sees that it is over
    assert len(plan.records()) == 1
    work(plan)  # of a second terminal that does not stop
    assert len(plan.records()) == 2


def test_a_run_that_another_holds_is_waited_for(composed: Compose, tmp_path: Path) -> None:
    plan = planned(composed, tmp_path, ("seed=0",), ("seed=1",))
    other = plan.store(plan.runs[0])
    assert other.claim()
    worker = Worker(plan, WorkOptions(4, 1), StopRequest())
    with worker._claimed() as claimed:
        assert [taken.id for taken, _ in claimed] == [plan.runs[1].id]
    other.release()
    with worker._claimed() as claimed:
        assert len(claimed) == 2


def test_only_runs_at_the_same_step_share_a_stack(composed: Compose, tmp_path: Path) -> None:
    plan = planned(composed, tmp_path, ("seed=0",), ("seed=1",), ("seed=2",))

    class StopAt(StopRequest):
        pass

    stop = StopAt()
    store = plan.store(plan.runs[1])
    assert store.claim()
    from rnnsweep.train import Observer

    class Stopping(Observer):
        def stepped(self, step: int) -> None:
            stop.signum = signal.SIGTERM if step == 7 else None

    with pytest.raises(Interrupted):
        run.execute([(run.identify(plan.runs[1].config), store)], Stopping(), stop)
    store.release()
    with Worker(plan, WorkOptions(4, 1), StopRequest())._claimed() as claimed:
        assert [taken.id for taken, _ in claimed] == [plan.runs[0].id, plan.runs[2].id]
    work(plan, stack=4)
    assert {record.status for record in plan.records().values()} == {"complete"}


def test_deaths_without_a_new_checkpoint_are_counted(tmp_path: Path) -> None:
    """Rows are no progress: a run without a checkpoint that dies at another row each time has a fault of its own."""
    store = RunStore(tmp_path)
    assert store.deaths() == 0
    for times in (1, 2, 3):
        assert store.died() == store.deaths() == times
        store.log(times, "train", {"loss": 1.0})
    for step in (4, 5):
        store.write("last.pt", f"step {step}")
        assert [store.died(), store.died()] == [1, 2]


# The command ----------------------------------------------------------------------------------------------------


def sweep(*arguments: str, cwd: Path, module: str = "rnnsweep") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


GRID = ("-m", *SHORT, "cell=rnn,mlp_window", "seed=range(3)", "train.clip=null,1.0")


def records(study: Path) -> dict[str, dict[str, Any]]:
    """What of every record must not depend on how the sweep went."""
    found = {}
    for path in study.glob("*/record.json"):
        record = json.loads(path.read_text())
        found[record["run"]] = {"status": record["status"], "steps": record["steps"], "best": record["best"]}
    return found


def same(one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]]) -> bool:
    """Equal but for the rounding that the size of a stack brings."""
    assert one.keys() == other.keys()
    return all(
        one[name] | {"best": 0} == other[name] | {"best": 0}
        and one[name]["best"] == pytest.approx(other[name]["best"], rel=1e-3, abs=1e-5)
        for name in one
    )


def test_a_sweep_is_trained_once_extended_and_alike_in_stacks(tmp_path: Path) -> None:
    solo = sweep(*GRID, "hydra.sweeper.stack=1", "hydra.sweeper.name=solo", cwd=tmp_path)
    assert solo.returncode == 0, solo.stderr
    assert "12 complete" in solo.stdout
    stacked = sweep(*GRID, "hydra.sweeper.stack=4", "hydra.sweeper.name=stacked", cwd=tmp_path)
    assert stacked.returncode == 0, stacked.stderr
    assert same(records(tmp_path / "multirun" / "solo"), records(tmp_path / "multirun" / "stacked"))

    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("multirun/solo/*/record.json")}
    longer = [argument.replace("range(3)", "range(4)") for argument in GRID]
    extended = sweep(*longer, "hydra.sweeper.name=solo", cwd=tmp_path)
    assert extended.returncode == 0, extended.stderr
    assert "12/16 runs" in extended.stdout
    assert "16 complete" in extended.stdout
    assert all(path.stat().st_mtime_ns == before for path, before in files.items())
    status = sweep("multirun/solo", cwd=tmp_path, module="rnnsweep.status")
    assert "16/16 runs" in status.stdout
    assert "12/12 runs" not in status.stdout, "the larger plan has all of these runs"


def test_a_plan_trains_nothing(tmp_path: Path) -> None:
    told = sweep(*GRID, "hydra.sweeper.plan=true", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "0/12 runs" in told.stdout
    assert told.stdout.count("parity-rnn-s0") == 1  # one shape a line
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_study_of_a_config_file(tmp_path: Path) -> None:
    (tmp_path / "conf" / "study").mkdir(parents=True)
    (tmp_path / "conf" / "study" / "mine.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n  - override /task: parity\n"
        "train: {steps: 10}\n"
        "hydra:\n  sweeper:\n    name: mine\n"
        "    params: {cell: [rnn, gru], seed: range(3)}\n"
        "    small: {seed: range(1)}\n"
        "    blocks: [{cell.num_layers: [1]}, {cell.num_layers: [2], cell.dropout: [0.0, 0.1]}]\n"
        "    paired: [{cell.hidden_size: [4, 8], optimizer.lr: [0.01, 0.02]}]\n"
        "    skip: cell.hidden_size == 8 and cell.dropout > 0\n"
        "    published: {source: A. Paper, metric: val/loss, values: [{where: {cell: gru}, value: 1, band: .1}]}\n"
    )
    shared = ("--config-dir", "conf", "+study=mine", "task.examples=200", "task.held_out=40")
    full = sweep(*shared, "hydra.sweeper.plan=true", cwd=tmp_path)
    assert "0/30 runs" in full.stdout, full.stderr
    small = sweep(*shared, "size=small", cwd=tmp_path)
    assert small.returncode == 0, small.stderr
    assert "10 complete" in small.stdout
    assert len(list((tmp_path / "multirun" / "mine").glob("parity-*"))) == 10
    published = json.loads((tmp_path / "multirun" / "mine" / ".study" / "published.json").read_text())
    assert published["values"] == [
        {"where": {"cell": "gru"}, "value": 1.0, "band": 0.1, "at_most": False, "at_least": False}
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"draws": 0}, "hydra.sweeper.draws.*expected at least 1 or null, got 0"),
        ({"published": {"source": "A", "metric": "val/loss"}}, "expected something published: values, ablations, sh"),
        (
            {"published": {"source": "A", "metric": "val/loss", "shares": [{"key": "optimizer.lr", "valeu": 0.9}]}},
            "VarianceShare has no parameter `valeu`. Did you mean `value`",
        ),
    ],
)
def test_a_study_that_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings.read({"name": "mine", **options})


@pytest.mark.slow
def test_a_grid_is_run_at_each_random_point(tmp_path: Path) -> None:
    grid = ("-m", *SHORT, "cell=rnn,gru", "optimizer.lr=tag(log, interval(1e-4,1e-1))", "hydra.sweeper.name=drawn")
    result = sweep(*grid, "hydra.sweeper.draws=3", "train.steps=2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    study = tmp_path / "multirun" / "drawn"
    assert json.loads((study / ".study" / "drawn.json").read_text()) == ["optimizer.lr"]
    rates: dict[str, set[float]] = {}
    for file in study.glob("parity-*/config.json"):
        config = json.loads(file.read_text())
        rates.setdefault(config["choices"]["cell"], set()).add(config["optimizer"]["lr"])
    assert rates["rnn"] == rates["gru"]
    assert len(rates["rnn"]) == 3
    more = sweep(*grid, "hydra.sweeper.draws=4", "train.steps=2", "hydra.sweeper.plan=true", cwd=tmp_path)
    assert "6/8 runs" in more.stdout, more.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cell=gruu,rnn",), "`cell=gruu,rnn`: there is no cell `gruu`. Did you mean `gru`?"),
        (("cell.hiden_size=8,9",), "`cell.hiden_size=8,9`: GRU has no parameter `hiden_size`"),
        (("optimizer.lr=1e-3,-1",), "`optimizer.lr=1e-3,-1`: expected above 0, got -1"),
        (("optimizer.lr=interval(0,1)",), "a grid cannot draw from a continuous range"),
        (("seed=0,1", "hydra.sweeper.workers=0"), "expected at least 1 or 'auto', got 0"),
        (("seed=0,1", "hydra.sweeper.skip='cell.layers>1'"), "cannot decide `cell.layers>1`"),
        (("seed=0,1", "hydra.sweeper.skip='seed>=0'"), "leaves no run"),
        (("seed=0,1", "hydra.sweeper.published={source: A}"), "Published needs a value for it"),
        (
            ("seed=0,1", "hydra.sweeper.published={source: A, metric: val/loss, values: [{were: {}, value: 1}]}"),
            "Value has no parameter `were`. Did you mean `where`?",
        ),
    ],
)
def test_a_bad_sweep_is_refused_before_anything_is_made(arguments: tuple[str, ...], said: str, refused: Told) -> None:
    assert said in refused("-m", *arguments)


BREAKS = """from rnnsweep.cells.rnn import RNN

class Breaks(RNN):
    def __init__(self, input_size: int, *, hidden_size: int = 8):
        super().__init__(input_size, hidden_size=hidden_size)
        self.wrong = hidden_size == 4

    def forward(self, x, state=(), mask=None):
        if self.wrong:
            raise RuntimeError("broken by its author")
        return super().forward(x, state)
"""


def test_failures_are_told_at_once_and_at_the_end_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "conf" / "cell").mkdir(parents=True)
    (tmp_path / "breaks.py").write_text(BREAKS)
    (tmp_path / "conf" / "cell" / "breaks.yaml").write_text("_target_: breaks.Breaks\nhidden_size: 8\n")
    own = ("--config-dir", "conf", "packages=[breaks]", "cell=breaks")
    shape = [override for override in SHORT if not override.startswith("cell.")]
    for _ in range(2):  # two of a shape: the probe meets it first
        result = sweep("-m", *own, *shape, "cell.hidden_size=4,8", "seed=0,1", cwd=tmp_path)
        assert result.returncode == 1, result.stderr
        assert "2 failed" in result.stdout
        assert "2 complete" in result.stdout
        assert "RuntimeError: broken by its author" in result.stdout
        assert "failed: 2 runs such as parity-breaks-s0" in result.stdout
        assert result.stdout.count("rerun: python -m rnnsweep") == 1


SLOWER = ("-m", *QUICK, "train.steps=400", "train.eval_every=100", "train.checkpoint_seconds=0.05", "cell=rnn,gru")
KILLED = (*SLOWER, "seed=range(4)", "hydra.sweeper.stack=1", "train.threads=1")


def start(cwd: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "rnnsweep", *KILLED]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(condition, process: "subprocess.Popen[str]") -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def started_runs(cwd: Path, count: int):  # type: ignore[no-untyped-def]
    return lambda: len(list(cwd.glob("multirun/default/*/metrics.jsonl"))) >= count


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in listed.split()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    result = sweep(*KILLED, cwd=folder)
    assert result.returncode == 0, result.stderr
    return records(folder / "multirun" / "default")


@pytest.mark.slow
def test_killed_workers_are_replaced(tmp_path: Path, undisturbed: dict[str, dict[str, Any]]) -> None:
    process = start(tmp_path)
    for kill in range(3):
        wait_until(started_runs(tmp_path, 2 * kill + 1), process)
        time.sleep(0.3)
        if workers := children(process.pid):
            os.kill(random.Random(kill).choice(workers), signal.SIGKILL)
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, out + error
    assert records(tmp_path / "multirun" / "default") == undisturbed


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_leaves_no_worker(tmp_path: Path, undisturbed: dict[str, dict[str, Any]]) -> None:
    for done in (1, 3, 5):
        process = start(tmp_path)
        wait_until(started_runs(tmp_path, done), process)
        workers = children(process.pid)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 60
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    result = sweep(*KILLED, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert records(tmp_path / "multirun" / "default") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_stops_a_sweep_cleanly(
    signum: signal.Signals, tmp_path: Path, undisturbed: dict[str, dict[str, Any]]
) -> None:
    process = start(tmp_path)
    wait_until(started_runs(tmp_path, 1), process)
    process.send_signal(signum)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 128 + signum, out + error
    assert "the same command continues multirun/default" in out
    assert error == ""
    if signum == signal.SIGINT:
        assert sweep(*KILLED, cwd=tmp_path).returncode == 0
        assert records(tmp_path / "multirun" / "default") == undisturbed


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_reaches_all_and_leaves_checkpoints(tmp_path: Path) -> None:
    """The terminal signals the whole process group; a step may take longer than the parent's next look."""
    slow = ("task=parity", "task.seq_len=400", "task.examples=2000", "train.batch_size=1000", "train.eval_every=5000")
    command = [sys.executable, "-m", "rnnsweep", "-m", *slow, "cell=rnn", "cell.hidden_size=256", "seed=0,1"]
    options = ("train.log_every=1", "train.checkpoint_seconds=1000", "hydra.sweeper.stack=1")
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*command, *options], cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    wait_until(started_runs(tmp_path, 2), process)
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130, out + error
    assert len(list(tmp_path.glob("multirun/default/*/last.pt"))) == 2


@pytest.mark.slow
def test_rerun_trains_a_sweep_anew(tmp_path: Path) -> None:
    grid = ("-m", *SHORT, "cell=rnn", "seed=0,1")
    assert sweep(*grid, cwd=tmp_path).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("multirun/*/*/record.json")}
    assert sweep(*grid, "rerun=true", cwd=tmp_path).returncode == 0
    assert all(path.stat().st_mtime_ns > time_before for path, time_before in before.items())


@pytest.mark.slow
def test_the_rerun_command_of_a_study(tmp_path: Path) -> None:
    (tmp_path / "conf" / "study").mkdir(parents=True)
    content = "# @package _global_\nhydra: {sweeper: {name: mine, params: {seed: [3]}}}\n"
    (tmp_path / "conf" / "study" / "mine.yaml").write_text(content)
    own = Planned("id", "", {}, ["+study=mine", *SHORT, "seed=3"], ["--config-dir=conf"])
    command = own.command(Path("multirun/mine")).removeprefix("python -m rnnsweep ").split()
    result = sweep(*command, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert len(list(tmp_path.glob("multirun/mine/parity-gru-s3-*/record.json"))) == 1


@pytest.mark.slow
def test_two_sweeps_share_a_study(tmp_path: Path, undisturbed: dict[str, dict[str, Any]]) -> None:
    both = [start(tmp_path), start(tmp_path)]
    for process in both:
        out, error = process.communicate(timeout=300)
        assert process.returncode == 0, out + error
        assert "8 complete" in out
    assert records(tmp_path / "multirun" / "default") == undisturbed
    for path in tmp_path.glob("multirun/default/*/metrics.jsonl"):  # each row once: nobody trained beside another
        steps = [(row["step"], row["split"]) for row in map(json.loads, path.read_text().splitlines())]
        assert len(steps) == len(set(steps))


@pytest.mark.slow
def test_ctrl_c_in_one_of_two_terminals_leaves_the_others_work_right(
    tmp_path: Path, undisturbed: dict[str, dict[str, Any]]
) -> None:
    first, second = start(tmp_path), start(tmp_path)  # at once: on a fast machine the first one alone would be done
    boards = tmp_path / "multirun" / "default" / ".study" / "workers"
    wait_until(lambda: len({path.stem.rpartition("-")[2] for path in boards.glob("*.json")}) > 2, second)
    first.send_signal(signal.SIGINT)
    out, error = first.communicate(timeout=120)
    assert first.returncode in (0, 130), out + error
    out, error = second.communicate(timeout=300)
    assert second.returncode == 0, out + error
    assert records(tmp_path / "multirun" / "default") == undisturbed


@pytest.mark.slow
def test_the_basic_launcher_starts_the_same_workers(tmp_path: Path) -> None:
    result = sweep(*GRID, "hydra/launcher=basic", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "12 complete" in result.stdout
