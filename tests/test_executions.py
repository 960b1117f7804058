"""The same numbers, however executed: alone, in a stack, resumed in another one, with one thread or two."""

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PARITY, TIMES, Compose, cells
from torch import Tensor, nn

from rnnsweep import checkpoint, kernels, rng, run
from rnnsweep.cells.base import RecurrentCell
from rnnsweep.cells.gru import GRU
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.kernels import choice
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.sweep.plan import FOLDER, Plan, Planned
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.train import Observer

OWN = [
    {"seed": 0, "optimizer": {"lr": 0.01}, "train": {"clip": 1.0}, "cell": {"dropout": 0.1}},
    {"seed": 1, "optimizer": {"lr": 0.002}, "train": {"clip": None}, "cell": {"dropout": 0.4}},
    {"seed": 2, "optimizer": {"lr": 0.003}, "train": {"clip": 0.01}, "cell": {"dropout": 0.5}},
]
SHORT = (*PARITY, "task.test_lengths=[]", "train.steps=6", "train.eval_every=3", "train.log_every=3")


def members(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The config with numbers of their own for three runs of a stack; one composition serves all."""
    return [
        config | {key: config[key] | own if isinstance(own, dict) else own for key, own in numbers.items()}
        for numbers in OWN
    ]


class StopAt(Observer):
    """Asks for a stop after a step."""

    def __init__(self, stop: StopRequest, step: int | None):
        self.stop, self.step = stop, step

    def stepped(self, step: int) -> None:
        if step == self.step:
            self.stop.signum = signal.SIGTERM


def train(
    runs: Sequence[PreparedRun], folder: Path, groups: list[list[int]], stop_at: int | None = None
) -> list[RunStore]:
    """Trains the runs in stacks of the given places."""
    stores = [RunStore(folder / prepared.id) for prepared in runs]
    for group in groups:
        stop = StopRequest()
        for place in group:
            assert stores[place].claim()
        try:
            run.execute([(runs[place], stores[place]) for place in group], StopAt(stop, stop_at), stop)
        except Interrupted:
            assert stop_at
        finally:
            for place in group:
                stores[place].release()
    return stores


def outcome(store: RunStore) -> list[Any]:
    """All numbers of a finished run but times."""
    record, prepared = store.record(), store.path.name
    assert record is not None
    rows = [{name: value for name, value in row.items() if name not in TIMES} for row in store.rows()]
    metrics = {name: value for name, value in record.metrics.items() if name.split("/")[1] not in TIMES}
    last = torch.load(store.path / "last.pt", weights_only=True)
    best = torch.load(store.path / "best.pt", weights_only=True)
    assert best["run"] == last["run"] == prepared
    weights = [best["weights"], last["weights"], last["best_weights"], last["slots"]]
    bits = [{name: tensor.numpy().tobytes() for name, tensor in tensors.items()} for tensors in weights]
    return [record.status, record.steps, record.best, metrics, record.summary, rows, bits]


def in_every_way(configs: Sequence[dict[str, Any]], folder: Path) -> list[list[list[Any]]]:
    """The outcomes of the first two: alone with one thread, in a stack of three with two threads, and cut short in a
    stack of two and continued in another order."""
    few, many = ([run.identify(c | {"train": c["train"] | {"threads": n}}) for c in configs] for n in (1, 2))
    ways = [train(few[:2], folder / "alone", [[0], [1]]), train(many, folder / "stack", [[2, 0, 1]])[:2]]
    train(few[:2], folder / "cut", [[0, 1]], stop_at=4)
    ways.append(train(many[:2], folder / "cut", [[1], [0]]))
    return [[outcome(store) for store in stores] for stores in ways]


def forced(monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    monkeypatch.setattr(choice, "decided", lambda *_: kernel)


LAWS = [  # in turn each member runs as it does alone: there is less to go wrong
    *(pytest.param(*param.values, "fused", marks=param.marks) for param in cells(everyday=2)),
    *(
        pytest.param(*param.values, "library", marks=param.marks if param.values[0] == "gru" else [pytest.mark.slow])
        for param in cells(everyday=2)
    ),
]


@pytest.mark.parametrize(("cell", "kernel"), LAWS)
def test_a_run_is_the_same_alone_stacked_and_resumed(
    cell: str, kernel: str, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under kernel=auto, whichever kernel is fastest: rows, records, weights and what the optimizer remembers."""
    forced(monkeypatch, kernel)
    config = composed(*SHORT, f"cell={cell}", "cell.num_layers=2")
    alone, stack, resumed = in_every_way(members(config), tmp_path)
    assert alone == stack
    assert alone == resumed


@pytest.mark.parametrize("until", [3, 4])
def test_a_run_that_waits_at_a_step_goes_on_as_if_it_had_not(
    until: int, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a validation and between two. A run that waits has a checkpoint and no record; asked again, it still waits."""
    forced(monkeypatch, "fused")
    runs = [run.identify(config) for config in members(composed(*SHORT, "cell=gru"))]
    whole = train(runs, tmp_path / "whole", [[0, 1, 2]])
    stores = [RunStore(tmp_path / "waits" / prepared.id) for prepared in runs]
    assert all(store.claim() for store in stores)
    pairs = list(zip(runs, stores, strict=True))
    for _ in range(2):
        assert run.execute(pairs, Observer(), StopRequest(), until=until) == []
    assert [checkpoint.step(store) for store in stores] == [until] * 3
    assert [store.record() for store in stores] == [None] * 3
    assert [(row["step"], row["split"]) for row in stores[0].rows()] == [(3, "train"), (3, "val")]
    assert len(run.execute(pairs, Observer(), StopRequest(), until=6)) == 3  # the last step is no wait
    assert [outcome(store) for store in stores] == [outcome(store) for store in whole]


TASKS: list[Any] = [
    ("task=parity", "task.output=last", "pooling=attention", "task.min_len=3", "train.batch_size=17"),
    ("task=sine",),
    ("task=names_class", "task.examples=200", "task.class_weights=balanced", "train.batch_size=8"),
    *(
        pytest.param(task, marks=pytest.mark.slow)
        for task in (
            ("task=parity", "task.held_out=3000"),  # sums over more numbers than one thread of torch does alone
            ("task=adding", "cell.layer_norm=true", "cell.num_layers=2"),
            ("task=copy", "task.attention=bahdanau", "task.teacher_forcing=.5"),
            ("task=dates", "task.examples=300"),
            ("task=counting", "task.examples=300"),
            ("task=charlm", "task.seq_len=32", "cell.hidden_size=64"),
            ("task=music", "train.batch_size=4"),
            ("task=mqar",),
            ("task=seqmean", "optimizer=sgd"),
            ("task=parity", "cell=lstm", "cell.hidden_size=160", "train.batch_size=96"),  # its batch is in pieces
            ("task=parity", "cell=indrnn", "cell.hidden_size=160", "train.batch_size=96"),
            ("task=parity", "cell=lstm_layernorm", "cell.hidden_size=160", "train.batch_size=96"),
        )
    ),
]


@pytest.mark.parametrize("kernel", ["fused", pytest.param("library", marks=pytest.mark.slow)])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: "-".join(task[:2]).replace("task=", "").replace("task.", ""))
def test_whatever_the_task_is(
    task: tuple[str, ...], kernel: str, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced(monkeypatch, kernel)
    steps = ("train.steps=6", "train.eval_every=3", "train.log_every=3")
    config = composed("cell.hidden_size=12", "train.batch_size=16", *steps, *task)
    alone, stack, resumed = in_every_way(members(config), tmp_path)
    assert alone == stack
    assert alone == resumed


def test_the_measured_choice_is_kept_in_the_study(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs of a shape have one kernel, whatever is measured meanwhile."""
    config = composed(*SHORT)
    runs = [run.identify(config | {"seed": seed}) for seed in range(3)]
    plan = Plan(tmp_path / "study", [Planned(r.id, r.signature, r.config, []) for r in runs])
    plan.save()

    def work(part: slice, says: kernels.Execution) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / says))
        monkeypatch.setattr(choice, "_chosen", {})
        monkeypatch.setattr(choice, "_measured", lambda *_: choice.Measured(says, {}))
        Worker(Plan(plan.study, plan.runs[part]), WorkOptions(), StopRequest()).work()

    work(slice(1), "library")
    work(slice(1, 3), "fused")
    records = [plan.store(planned).record() for planned in plan.runs]
    assert [record.environment["kernel"] for record in records if record] == ["library"] * 3
    (kept,) = json.loads((plan.study / FOLDER / "kernels.json").read_text()).values()
    assert kept["kernel"] == "library"


def test_initial_weights_do_not_depend_on_the_threads() -> None:
    """An orthogonal matrix comes from LAPACK, which adds in another order with more threads."""

    def weights(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        with rng.seeded(0, "init"):
            cell = GRU(20, hidden_size=160)
        assert torch.get_num_threads() == threads
        return list(cell.parameters())

    assert all(torch.equal(one, two) for one, two in zip(weights(1), weights(2), strict=True))


class Wrapped(RecurrentCell):
    """A user's cell around torch's module, which torch.vmap refuses."""

    gates = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lstm = nn.LSTM(self.input_size, self.hidden_size, batch_first=True)

    def make_layer(self, input_size: int) -> Any:
        layer = super().make_layer(input_size)
        for name in [name for name, _ in layer.named_parameters()]:
            delattr(layer, name)
        return layer

    def step(self, *_: Any) -> Any:
        raise NotImplementedError

    def forward(self, x: Tensor, state: tuple[Tensor, ...] = ()) -> tuple[Tensor, tuple[Tensor, ...]]:
        y, after = self.lstm(x, tuple(leaf[None] for leaf in state) or None)
        return y, tuple(leaf[0] for leaf in after)


def test_what_cannot_be_stacked_as_one_program_runs_in_turn(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = composed(*SHORT, "cell=lstm")
    config["cell"]["_target_"] = "test_executions.Wrapped"
    del config["cell"]["forget_bias"]
    config["packages"] = ["test_executions"]
    alone, stack, resumed = in_every_way(members(config), tmp_path)
    assert alone == stack
    assert alone == resumed


def test_runs_that_do_not_fit_are_no_stack(composed: Compose, tmp_path: Path) -> None:
    """Made-up texts are split by the text, so that their parts may differ in length from seed to seed."""
    config = composed(*SHORT)
    runs = [run.identify(config | {"task": config["task"] | {"examples": examples}}) for examples in (160, 192)]
    with pytest.raises(RuntimeError, match="different lengths"):
        train(runs, tmp_path, [[0, 1]])


def test_runs_that_began_with_different_kernels_are_no_stack(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run.identify(composed(*SHORT, f"seed={seed}")) for seed in (0, 1)]
    for place, kernel in enumerate(("fused", "library")):
        forced(monkeypatch, kernel)
        train(runs, tmp_path, [[place]], stop_at=4)
    with pytest.raises(RuntimeError, match="different kernels"):
        train(runs, tmp_path, [[0, 1]])
    for store in train(runs, tmp_path, [[0], [1]]):
        assert store.record() is not None
    kernels_of = [(r.environment["kernel"]) for r in (RunStore(tmp_path / x.id).record() for x in runs) if r]
    assert kernels_of == ["fused", "library"]
