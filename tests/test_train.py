"""The trainer: what it computes, resumes, records, and how members of a stack stay apart."""

import dataclasses
import itertools
import json
import math
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PARITY, SMALL, TIMES, Compose, cells, choices
from torch import nn
from torch.nn import functional as F

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.stack import Stack
from rnnsweep.tasks import bits
from rnnsweep.tasks.parity import Parity
from rnnsweep.tasks.seqmean import SeqMean
from rnnsweep.train import Member, Observer
from rnnsweep.train.training_loss import training_losses, training_slice
from rnnsweep.types import Split


class StopAt(Observer):
    """Asks the trainer to stop after a step, or cuts it down without a checkpoint as SIGKILL would."""

    def __init__(self, stop: StopRequest, step: int, kill: bool):
        self.stop, self.step, self.kill = stop, step, kill

    def stepped(self, step: int) -> None:
        if step == self.step:
            if self.kill:
                raise MemoryError("as good as killed")
            self.stop.signum = signal.SIGTERM


def train(config: dict[str, Any], out: Path, stop_at: int | None = None, kill: bool = False) -> RunStore:
    prepared = run.prepare(config)
    store, stop = RunStore(out / prepared.id), StopRequest()
    assert store.claim()
    try:
        observer = StopAt(stop, stop_at, kill) if stop_at else Observer()
        run.execute([(prepared, store)], observer, stop)
    except MemoryError as error:
        run.fail(prepared.id, store, prepared.config, repr(error))
        raise
    finally:
        store.release()
    return store


def rows(store: RunStore) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in store.rows()]


def numbers(record: RunRecord | None) -> tuple[Any, ...]:
    """What of a record must be equal bit by bit."""
    assert record is not None
    metrics = {name: value for name, value in record.metrics.items() if name.split("/")[1] not in TIMES}
    return record.status, metrics, record.best, record.steps, record.parameters, record.summary


@pytest.mark.parametrize("chosen", [*(f"optimizer={name}" for name in choices("optimizer")), *cells(everyday=2)])
def test_every_cell_and_optimizer_writes_the_files_of_a_run(chosen: str, composed: Compose, tmp_path: Path) -> None:
    choice = chosen if "=" in chosen else f"cell={chosen}"
    store = train(composed(*PARITY, choice, "train.patience=50"), tmp_path)
    record = store.record()
    assert record is not None
    assert record.status == "complete"
    assert sorted(file.name for file in store.path.iterdir()) == [
        ".lock",
        "best.pt",
        "config.json",
        "last.pt",
        "metrics.jsonl",
        "record.json",
    ]
    assert [(row["step"], row["split"]) for row in store.rows()[:4]] == [
        (5, "train"),
        (10, "train"),
        (10, "val"),
        (15, "train"),
    ]
    assert {"loss", "accuracy", "grad_norm", "clipped", "lr", *TIMES} <= set(store.rows()[0])


def test_equals_a_bare_torch_loop(composed: Compose, tmp_path: Path, text: Path) -> None:
    """The whole loop against a hand-written one: nn.LSTM, AdamW, clip_grad_norm_, carried state, cosine schedule."""
    overrides = (*SMALL, f"task.text={text}", "cell=lstm", "task.seq_len=16", "train.batch_size=8", "train.steps=40")
    plain = ("task.output_dropout=0.0", "task.embedding_dropout=0.0", "task.sample_length=0", "train.clip=0.5")
    config = composed(*overrides, *plain, "train.warmup=7")
    prepared = run.prepare(config)
    ours = run.make_model(prepared.config, prepared.classes, prepared.task)
    embedding, lstm = nn.Embedding(*ours.embedding.weight.shape), nn.LSTM(8, 12, batch_first=True)
    head = nn.Linear(12, len(prepared.task.vocab))
    embedding.weight.data.copy_(ours.embedding.weight)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(lstm, f"{name}_l0").data.copy_(getattr(ours.cell.layers[0], name))
    head.load_state_dict(ours.head.state_dict())
    parameters = [*embedding.parameters(), *lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=4e-3, betas=(0.9, 0.99), weight_decay=0.1)
    state, losses, norms = None, [], []
    for step in range(40):
        warm = min(1, (step + 1) / 7)
        optimizer.param_groups[0]["lr"] = 4e-3 * warm * 0.5 * (1 + math.cos(math.pi * max(0, step - 7) / 33))
        batch = prepared.task.batch(step)
        y, state = lstm(embedding(batch["inputs"]), None if prepared.task.begins(step) else state)
        loss = F.cross_entropy(head(y).flatten(0, 1), batch["targets"].flatten())
        optimizer.zero_grad()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(parameters, 0.5).item())
        optimizer.step()
        state = tuple(leaf.detach() for leaf in state)
        losses.append(loss.item())
    trained = [row for row in train(config, tmp_path).rows() if row["split"] == "train"]
    for index, row in enumerate(trained):
        span = slice(5 * index, 5 * index + 5)
        assert row["loss"] == pytest.approx(sum(losses[span]) / 5, rel=1e-5)
        assert row["grad_norm"] == pytest.approx(sum(norms[span]) / 5, rel=1e-4)
        assert row["clipped"] == pytest.approx(sum(norm > 0.5 for norm in norms[span]) / 5)


RESUMED = [
    ("lm", (*SMALL, "cell=lstm", "task.output_dropout=.3", "task.seq_len=16", "train.steps=43", "train.patience=3")),
    ("lm", (*SMALL, "task.carry_state=false", "task.seq_len=16", "train.steps=30", "optimizer=rmsprop")),
    ("parity", (*PARITY, "cell=rnn", "cell.num_layers=2", "cell.dropout=.2", "optimizer=sgd", "task.curriculum=25")),
    ("sine", (*SMALL[:1], *SMALL[2:], "task=sine", "task.points=99", "train.batch_size=8", "train.steps=30")),
]


@pytest.fixture(scope="session")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], RunStore]:
    """The run of a config that nothing interrupts, trained once for all tests that ask for it."""
    trained: dict[str, RunStore] = {}

    def of(config: dict[str, Any]) -> RunStore:
        key = json.dumps(config)
        if key not in trained:
            trained[key] = train(config, tmp_path_factory.mktemp("uncut"))
        return trained[key]

    return of


@pytest.mark.parametrize(("task", "overrides"), RESUMED, ids=["carried", "windows", "parity", "sine"])
@pytest.mark.parametrize(("at", "kill"), [(3, False), (10, False), (17, False), (27, False), (4, True), (23, True)])
def test_a_resumed_run_ends_with_the_same_numbers(
    task: str, overrides: tuple[str, ...], at: int, kill: bool, composed: Compose, tmp_path: Path, text: Path,
    uncut: Callable[[dict[str, Any]], RunStore],
) -> None:  # fmt: skip
    overrides = (*overrides, f"task.text={text}", "task.sample_length=20") if task == "lm" else overrides
    config = composed(*overrides)
    whole = uncut(config)
    with pytest.raises(MemoryError if kill else Interrupted):
        train(config, tmp_path / "cut", at, kill)
    cut = train(config, tmp_path / "cut")
    assert rows(cut) == rows(whole)
    assert numbers(cut.record()) == numbers(whole.record())
    weights = [torch.load(store.path / "best.pt", weights_only=True)["weights"] for store in (cut, whole)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_a_failure_is_recorded_and_the_same_command_tries_again(composed: Compose, tmp_path: Path) -> None:
    config = composed(*PARITY)
    with pytest.raises(MemoryError):
        train(config, tmp_path, 12, kill=True)
    store = RunStore(tmp_path / run.prepare(config).id)
    record = store.record()
    assert record is not None
    assert record.status == "failed"
    assert "as good as killed" in (record.error or "")
    again = train(config, tmp_path).record()
    assert again is not None
    assert again.status == "complete"


def test_a_divergence_is_an_outcome(composed: Compose, tmp_path: Path) -> None:
    wild = ("cell=rnn", "cell.nonlinearity=relu", "optimizer=sgd", "optimizer.lr=1e12", "train.clip=null")
    store = train(composed(*PARITY, *wild), tmp_path)
    record = store.record()
    assert record is not None
    assert record.status == "diverged"
    assert record.steps < 30
    assert "passed all bounds" in (record.error or "")
    json.loads((store.path / "record.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("first", "loss", "diverged"),
    [
        (2.0, 1.9e6, False),
        (2.0, 2.1e6, True),
        (1e-9, 1.0, True),
        (1e12, 1e15, False),
        (-3.0, -1e7, True),
        (0.0, 1.0, False),
        (2.0, math.nan, True),
        (2.0, math.inf, True),
    ],
)
def test_a_divergence_is_relative_to_the_first_loss(first: float, loss: float, diverged: bool) -> None:
    assert Parity(0, 1).diverged(loss, first) is diverged


def test_a_loss_in_a_large_unit_is_no_divergence(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a stack, where another member diverges, nor after a resume, since checkpoints keep the first loss."""
    real = SeqMean.draw
    monkeypatch.setattr(SeqMean, "draw", lambda *how: tuple(1e6 * part for part in real(*how)))
    size = ("task=seqmean", "task.examples=160", "task.held_out=40", "cell.hidden_size=4", "train.batch_size=16")
    shape = (*size, "train.steps=20", "train.eval_every=10", "train.log_every=5", "train.kernel=scan")
    config = composed(*shape)
    whole = train(config, tmp_path / "whole")
    record = whole.record()
    assert record is not None
    assert record.status == "complete"
    assert record.best["val/loss"] > 1e10
    with pytest.raises(Interrupted):
        train(config, tmp_path / "cut", 12)
    assert numbers(train(config, tmp_path / "cut").record()) == numbers(record)
    runs = [run.prepare(config), run.prepare(composed(*shape, "optimizer.lr=1e30", "train.clip=null"))]
    stores = [RunStore(tmp_path / "stack" / each.id) for each in runs]
    assert all(store.claim() for store in stores)
    records = run.execute(list(zip(runs, stores, strict=True)), Observer(), StopRequest())
    assert [record.status for record in records] == ["complete", "diverged"]


def test_patience_stops_and_keeps_the_best(composed: Compose, tmp_path: Path) -> None:
    """A learning rate that only does harm after a while: the best is not the last."""
    hot = ("optimizer=sgd", "optimizer.lr=30.0", "train.schedule=constant", "train.warmup=0", "train.steps=500")
    store = train(composed(*PARITY, *hot, "train.patience=3"), tmp_path)
    record = store.record()
    assert record is not None
    val = [(row["step"], row["loss"]) for row in store.rows() if row["split"] == "val"]
    best = min(val, key=lambda row: row[1])
    assert (record.best["step"], record.best["val/loss"]) == best
    assert record.steps == best[0] + 30 == val[-1][0] < 500
    assert record.metrics["val/loss"] == val[-1][1]
    assert torch.load(store.path / "best.pt", weights_only=True)["step"] == best[0]


def validations(store: RunStore) -> list[int]:
    return [row["step"] for row in store.rows() if row["split"] == "val"]


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ("train.steps=19 train.eval_every=10", [10, 19]),
        ("train.steps=60 train.eval_every=250", [20, 39, 58, 60]),  # ten would cost more than the training
        ("train.steps=50 train.eval_every=50", [25, 50]),
        ("train.steps=200 train.eval_every=90", [18, 36, 54, 72, 90, 108, 126, 144, 162, 180, 198, 200]),
        ("train.steps=200 train.eval_every=1000000", [*range(20, 201, 20)]),
        ("train.steps=50 train.eval_every=5", [*range(5, 51, 5)]),
        ("train.steps=200 train.eval_every=90 train.curve_points=0", [90, 180, 200]),
    ],
)
def test_a_learning_curve_has_ten_points(settings: str, steps: list[int], composed: Compose, tmp_path: Path) -> None:
    config = composed(*PARITY, *settings.split(), "train.batch_size=4", "task.examples=20", "task.held_out=10")
    assert validations(train(config, tmp_path)) == steps


@pytest.mark.parametrize("optimizer", ["sgd", "ntasgd"])
def test_the_points_between_decide_nothing(optimizer: str, composed: Compose, tmp_path: Path) -> None:
    settings = [f"optimizer={optimizer}", "optimizer.lr=3", "train.schedule=plateau", "train.patience=3"]
    chosen = [*PARITY, *settings, "train.steps=300", "train.eval_every=60", "train.epochs=null", "train.clip=null"]
    few, many = (train(composed(*chosen, f"train.curve_points={points}"), tmp_path / str(points)) for points in (0, 30))
    assert numbers(few.record()) == numbers(many.record())
    assert len(validations(many)) > 2 * len(validations(few)) > 4
    between = set(validations(many)) - set(validations(few))
    assert [row for row in rows(many) if not (row["split"] == "val" and row["step"] in between)] == rows(few)
    losses = {row["step"]: row["loss"] for row in many.rows() if row["split"] == "val"}
    assert min(losses.values()) < min(losses[step] for step in validations(few))  # a better one between was not taken


def test_the_points_between_are_resumed(composed: Compose, tmp_path: Path) -> None:
    config = composed(*PARITY, "train.steps=100", "train.eval_every=50", "train.epochs=null")
    whole = train(config, tmp_path / "whole")
    with pytest.raises(MemoryError):
        train(config, tmp_path / "cut", stop_at=80, kill=True)
    assert rows(train(config, tmp_path / "cut")) == rows(whole)
    assert validations(whole) == [17, 34, 50, 67, 84, 100]


def test_the_test_metrics_are_those_of_the_best_weights(composed: Compose, tmp_path: Path) -> None:
    config = composed(*PARITY, "optimizer=sgd", "optimizer.lr=30.0", "train.patience=3", "train.steps=200")
    store = train(config, tmp_path)
    prepared, model = run.saved(store.path)
    (batch,) = prepared.task.evaluation("test")
    _, metrics, _ = prepared.task.loss(model, batch, ())
    record = store.record()
    assert record is not None
    assert record.best["test/loss"] == pytest.approx((metrics["loss"][0] / metrics["loss"][1]).item(), rel=1e-6)


def test_the_speed_of_a_row_counts_all_its_steps_and_all_their_time(composed: Compose, tmp_path: Path) -> None:
    """With a checkpoint after every step, and a step that takes at least 5 ms, no row can claim more."""

    class Slow(Observer):
        def stepped(self, step: int) -> None:
            time.sleep(0.005)

    prepared = run.prepare(composed(*PARITY, "train.checkpoint_seconds=0.0"))
    store = RunStore(tmp_path / prepared.id)
    store.claim()
    run.execute([(prepared, store)], Slow(), StopRequest())
    speeds = [row["tokens_per_second"] for row in store.rows() if row["split"] == "train"]
    assert len(speeds) == 6
    assert max(speeds) < 16 * 20 / 0.005


def test_the_speed_of_a_row_leaves_out_validations_and_nothing_else(composed: Compose, tmp_path: Path) -> None:
    """Validations for the curve come between train rows; batches of a curriculum differ in length."""

    class Slow(Observer):
        def stepped(self, step: int) -> None:
            time.sleep(0.005)

    every = ("train.steps=60", "train.eval_every=60", "train.log_every=25", "train.curve_points=10")
    prepared = run.prepare(composed(*PARITY, *every, "task.curriculum=59", "task.curriculum_start=1"))
    store = RunStore(tmp_path / prepared.id)
    store.claim()
    run.execute([(prepared, store)], Slow(), StopRequest())
    rows = store.rows()
    assert [row["step"] for row in rows if row["split"] == "val"] == [20, 40, 60]
    speeds = {row["step"]: row["tokens_per_second"] for row in rows if row["split"] == "train"}
    assert [*speeds] == [25, 50, 60]
    lengths = [prepared.task.batch(step)["inputs"].shape[1] for step in range(60)]
    for start, end in itertools.pairwise((0, *speeds)):
        assert speeds[end] < 16 * sum(lengths[start:end]) / ((end - start) * 0.005)


def test_a_parameter_that_is_not_trained_is_refused(composed: Compose) -> None:
    prepared = run.prepare(composed(*PARITY))
    model = run.make_model(prepared.config, prepared.classes, prepared.task)
    model.head.bias.requires_grad_(False)
    with pytest.raises(ConfigError, match=r"`head.bias` is not trained"):
        Stack([model], torch.device("cpu"))


def test_epochs_decide_the_length(composed: Compose, tmp_path: Path) -> None:
    record = train(composed(*PARITY, "train.epochs=2.5"), tmp_path).record()
    assert record is not None
    assert record.steps == 25  # 160 examples in batches of 16


@pytest.mark.parametrize("name", cells(everyday=2))
def test_a_stack_leaves_the_records_of_its_members_alone(name: str, composed: Compose, tmp_path: Path) -> None:
    """Seeds, learning rates, clips and dropout rates differ; one member diverges, and the others do not notice."""
    # ten steps: layer norm and SGD then carry rounding on to the second digit
    shape = (*PARITY, f"cell={name}", "cell.num_layers=2", "optimizer=sgd", "train.steps=10")
    own = [
        ("seed=0", "optimizer.lr=.05", "train.clip=1.0", "cell.dropout=.1"),
        ("seed=1", "optimizer.lr=.1", "train.clip=null", "cell.dropout=.5"),
        ("seed=2", "optimizer.lr=1e30", "train.clip=null", "cell.dropout=.5"),
    ]
    runs = [run.prepare(composed(*shape, *numbers)) for numbers in own]
    stores = [RunStore(tmp_path / prepared.id) for prepared in runs]
    assert all(store.claim() for store in stores)
    records = run.execute(list(zip(runs, stores, strict=True)), Observer(), StopRequest())
    assert [record.status for record in records] == ["complete", "complete", "diverged"]
    for overrides, record, store in zip(own, records, stores, strict=True):
        alone = train(composed(*shape, *overrides), tmp_path / "alone")
        single = alone.record()
        assert single is not None
        assert single.status == record.status
        if record.status == "complete":
            assert record.metrics.keys() == single.metrics.keys()
            for row, other in zip(rows(store), rows(alone), strict=True):
                assert row.pop("split") == other.pop("split")
                assert row == pytest.approx(other, rel=1e-3, abs=1e-6)


def test_members_of_one_task_read_it_once(composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    real = bits.distinct
    monkeypatch.setattr(bits, "distinct", lambda *how: (drawn.append(how[-1]), real(*how))[1])
    shape = (*PARITY, "train.steps=2")
    runs = [
        run.identify(composed(*shape, f"seed={seed}", f"optimizer.lr={lr}")) for seed in (0, 1) for lr in (0.1, 0.2)
    ]
    stores = [RunStore(tmp_path / each.id) for each in runs]
    assert all(store.claim() for store in stores)
    records = run.execute(list(zip(runs, stores, strict=True)), Observer(), StopRequest())
    assert drawn == [0, 1]
    hashes = [record.environment["data_hash"] for record in records]
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]


SLOW = [pytest.mark.slow]
BITS: list[Any] = [
    ("parity", (*PARITY, "task.min_len=15", "task.output_dropout=.1"), ".1", ".4"),
    pytest.param(
        "parity",
        (*PARITY, "task.output=last", "task.curriculum=20", "pooling=mean", "train.batch_size=17"),
        ".3",
        ".2",
        marks=SLOW,
    ),
    pytest.param(
        "parity", (*PARITY, "task.output=last", "pooling=attention", "task.min_len=3"), ".01", ".2", marks=SLOW
    ),
    pytest.param(
        "parity",
        (*PARITY, "cell.layer_norm=true", "cell.residual=true", "cell.variational=true"),
        ".01",
        ".2",
        marks=SLOW,
    ),
    ("lm", (*SMALL, "task.output_dropout=.1", "task.seq_len=16", "train.steps=23", "optimizer=rmsprop"), ".01", ".4"),
]


@pytest.mark.parametrize(
    "cell", ["gru", *(pytest.param(cell, marks=pytest.mark.slow) for cell in ("rnn", "lstm", "mingru", "rglru"))]
)
@pytest.mark.parametrize(("task", "shape", "rate", "drop"), BITS, ids=["each", "last", "attention", "layers", "lm"])
@pytest.mark.parametrize("hidden", [12, pytest.param(37, marks=pytest.mark.slow)])
def test_fused_runs_are_the_same_bit_by_bit_in_every_stack(
    cell: str, task: str, shape: tuple[str, ...], rate: str, drop: str, hidden: int, composed: Compose, tmp_path: Path,
    text: Path,
) -> None:  # fmt: skip
    """Rows, records and weights, with two layers, dropout, and numbers of their own; alone, of two and of three."""
    shape = (*shape, f"cell={cell}", "cell.num_layers=2", f"cell.hidden_size={hidden}", "train.kernel=fused")
    shape = (*shape, f"task.text={text}", "task.sample_length=20") if task == "lm" else shape
    own = [
        ("seed=0", f"optimizer.lr={rate}", "train.clip=1.0", "cell.dropout=.1"),
        ("seed=1", "optimizer.lr=.002", "train.clip=null", f"cell.dropout={drop}"),
        ("seed=2", "optimizer.lr=.003", "train.clip=.01", "cell.dropout=.5"),
    ]
    runs = [run.prepare(composed(*shape, *numbers)) for numbers in own]
    results = []
    for name, groups in (("alone", [[0], [1], [2]]), ("two", [[0, 1], [2]]), ("three", [[2, 1, 0]])):
        for group in groups:
            stores = [RunStore(tmp_path / name / runs[i].id) for i in group]
            assert all(store.claim() for store in stores)
            run.execute([(runs[i], store) for i, store in zip(group, stores, strict=True)], Observer(), StopRequest())
        stores = [RunStore(tmp_path / name / prepared.id) for prepared in runs]
        weights = [torch.load(store.path / "best.pt", weights_only=True)["weights"] for store in stores]
        results.append(([rows(store) for store in stores], [numbers(store.record()) for store in stores], weights))
    assert results[0][:2] == results[1][:2] == results[2][:2]
    for alone, two, three in zip(*(weights for *_, weights in results), strict=True):
        assert all(torch.equal(alone[name], two[name]) and torch.equal(alone[name], three[name]) for name in alone)
    record = stores[0].record()
    assert record is not None
    assert record.environment["kernel"] == "fused"


@pytest.mark.parametrize("layers", [1, 2])
def test_who_ends_leaves_the_stack_when_half_are_gone(layers: int, composed: Compose, tmp_path: Path) -> None:
    """Two of three diverge before the first validation; the third goes on as if it had always been alone."""
    shape = (*PARITY, "cell=gru", f"cell.num_layers={layers}", "optimizer=sgd", "train.kernel=fused", "train.clip=null")
    own = [("seed=0", "optimizer.lr=1e30"), ("seed=1", "optimizer.lr=.1"), ("seed=2", "optimizer.lr=1e30")]
    runs = [run.prepare(composed(*shape, *numbers)) for numbers in own]
    stores = [RunStore(tmp_path / prepared.id) for prepared in runs]
    assert all(store.claim() for store in stores)
    seen: list[tuple[int, list[bool]]] = []

    class Watch(Observer):
        def started(self, step: int, steps: int) -> None:
            seen.append((step, [store.record() is not None for store in stores]))

    records = run.execute(list(zip(runs, stores, strict=True)), Watch(), StopRequest())
    assert [record.status for record in records] == ["diverged", "complete", "diverged"]
    assert seen == [(0, [False] * 3), (10, [True, False, True])]
    assert [record.environment["stack"] for record in records] == [3, 1, 3]
    shares = [record.share_seconds or 0 for record in records]
    assert sum(shares) == pytest.approx(records[1].seconds)  # it trained all the time
    assert shares[1] < 0.99 * records[1].seconds
    alone = train(composed(*shape, *own[1]), tmp_path / "alone")
    assert rows(alone) == rows(stores[1])
    assert numbers(alone.record()) == numbers(records[1])


def test_a_resumed_run_keeps_its_kernel(composed: Compose, tmp_path: Path) -> None:
    """Whatever the measurement would say now: the other kernel's numbers differ in the last digits."""
    whole = train(composed(*PARITY, "cell=gru", "train.kernel=fused"), tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(composed(*PARITY, "cell=gru", "train.kernel=fused"), tmp_path / "cut", 12)
    choices: list[Any] = []

    def library(together: str, *_: Any) -> str:
        choices.append(together)
        return "library"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnsweep.kernels.choice.decided", library)
        cut = train(composed(*PARITY, "cell=gru"), tmp_path / "cut")
    assert choices == ["fused"]
    assert numbers(cut.record()) == numbers(whole.record())


@pytest.mark.parametrize("kernel", ["library", "scan"])
def test_every_kernel_is_recorded(kernel: str, composed: Compose, tmp_path: Path) -> None:
    record = train(composed(*PARITY, "cell=gru", f"train.kernel={kernel}"), tmp_path).record()
    assert record is not None
    assert record.environment["kernel"] == kernel
    assert record.environment["versions"]["numba"]


def test_the_kernel_is_no_part_of_a_runs_identity(composed: Compose) -> None:
    assert len({run.prepare(composed(*PARITY, f"train.kernel={k}")).id for k in ("auto", "library", "fused")}) == 1


def test_without_numba_torch_runs_and_fused_is_refused(composed: Compose, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnsweep.kernels.fused.missing", lambda: "Numba cannot be imported")
        record = train(composed(*PARITY, "cell=gru"), tmp_path).record()
        with pytest.raises(ConfigError, match=r"needs Numba .*rnnsweep\[fused\]"):
            run.prepare(composed(*PARITY, "train.kernel=fused"))
    assert record is not None
    assert record.environment["kernel"] in ("library", "scan")


class Heard(Observer):
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def started(self, step: int, steps: int) -> None:
        self.calls.append(("started", step, steps))

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        self.calls.append((split, step))

    def ended(self) -> None:
        self.calls.append("ended")


def test_the_observer_hears_everything(composed: Compose, tmp_path: Path) -> None:
    prepared = run.prepare(composed(*PARITY, "train.steps=10"))
    store, heard = RunStore(tmp_path / prepared.id), Heard()
    store.claim()
    run.execute([(prepared, store)], heard, StopRequest())
    assert heard.calls == [("started", 0, 10), ("train", 5), ("train", 10), ("val", 10), ("test", 10), "ended"]


def test_a_checkpoint_cannot_run_code(composed: Compose, tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "pwned").touch, ())

    config = composed(*PARITY)
    store = RunStore(tmp_path / run.prepare(config).id)
    store.claim()
    store.release()
    (store.path / "last.pt").write_bytes(pickle.dumps(Evil()))
    train(config, tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_the_record_says_what_a_reader_needs(composed: Compose, tmp_path: Path) -> None:
    config = composed(*PARITY)
    record = train(config, tmp_path).record()
    assert record is not None
    environment = record.environment
    assert environment["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]  # its build may be named
    assert environment["threads"] == 1
    assert environment["peak_memory_bytes"] > 10_000_000
    assert environment["data_hash"] == run.prepare(config).task.data_hash
    assert {"host", "git_commit", "git_dirty", "device", "cpus", "processor", "command"} <= set(environment)
    assert record.config["cell"]["hidden_size"] == 12
    assert record.parameters == 2 * 8 + 3 * 12 * (8 + 12 + 2) + 12 * 2 + 2
    assert record.seconds > 0
    assert [f.name for f in dataclasses.fields(record)][:3] == ["run", "status", "metrics"]


# The loss on training data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides",
    [
        (*PARITY, "cell.dropout=.5", "cell.num_layers=2", "task.output_dropout=.3"),
        (*SMALL, "task=charlm", "task.seq_len=16", "train.steps=20", "task.output_dropout=.3", "task.sample_length=0"),
    ],
    ids=["examples", "text"],
)
def test_the_training_loss_is_that_of_the_best_weights_without_dropout(
    overrides: tuple[str, ...], composed: Compose, tmp_path: Path, text: Path
) -> None:
    """On the first training data, no more than the validation part has; a model loaded anew gives it again."""
    given = (f"task.text={text}",) if "task=charlm" in overrides else ()
    store = train(composed(*overrides, *given), tmp_path)
    record, (prepared, model) = store.record(), run.saved(store.path)
    assert record is not None
    batches = training_slice(prepared.task)
    steps = [sum(b["inputs"].shape[:2].numel() for b in part) for part in (batches, prepared.task.evaluation("val"))]
    assert 0.5 * steps[1] < steps[0] <= steps[1]
    first, taken = next(prepared.task.evaluation("train"))["inputs"], batches[0]["inputs"]
    assert torch.equal(taken, first[: len(taken), : taken.shape[1]])
    state: Any = ()
    total, count = 0.0, 0.0
    for batch in batches:
        _, metrics, state = prepared.task.loss(model, batch, state)
        total, count = total + metrics["loss"][0].item(), count + metrics["loss"][1].item()
    assert record.best["train/loss"] == pytest.approx(total / count, rel=1e-5)


def test_a_task_without_training_data_to_evaluate_has_no_training_loss(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = Parity.evaluation

    def held_out(task: Parity, split: Split) -> Any:
        return {"val": evaluation(task, split), "test": evaluation(task, split)}[split]

    monkeypatch.setattr(Parity, "evaluation", held_out)
    record = train(composed(*PARITY, "train.steps=10"), tmp_path).record()
    assert record is not None
    assert record.status == "complete"
    assert "test/loss" in record.best
    assert "train/loss" not in record.best


def test_members_with_training_data_of_different_shapes_have_their_own_training_losses(composed: Compose) -> None:
    runs = [run.prepare(composed(*PARITY, "train.threads=1", f"seed={seed}")) for seed in (0, 1, 2)]
    runs[1].task.data["train"] = {name: part[:30] for name, part in runs[1].task.data["train"].items()}
    models = [[run.make_model(each.config, each.classes, each.task) for each in runs] for _ in range(2)]
    cpu = torch.device("cpu")
    together = training_losses(Stack(models[0], cpu, "scan"), [each.task for each in runs])
    alone = [training_losses(Stack([m], cpu, "scan"), [r.task])[0] for m, r in zip(models[1], runs, strict=True)]
    assert len({*together}) == 3
    assert together == pytest.approx(alone, rel=1e-5)
