"""Models whose buffers change in training, as BatchNorm's do: trained, saved, resumed, loaded, averaged, continued."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PARITY, Compose
from test_executions import SHORT, forced, in_every_way, members, train

import rnnsweep
from rnnsweep import checkpoint, run
from rnnsweep.kernels import graph
from rnnsweep.layout import kept
from rnnsweep.naming import named
from rnnsweep.record import RunStore
from rnnsweep.single import train as train_single

OWN = """
import dataclasses

import torch
from rnnsweep.cells.base import RecurrentCell
from rnnsweep.pooling import Mean
from rnnsweep.tasks.parity import Parity

class Normed(Mean):
    def __init__(self, hidden_size, /, *, momentum: float | None = 0.1):
        super().__init__(hidden_size)
        self.norm = torch.nn.BatchNorm1d(hidden_size, momentum=momentum)

    def forward(self, h, lengths):
        return self.norm(super().forward(h, lengths))

class Counted(Mean):
    def __init__(self, hidden_size, /):
        super().__init__(hidden_size)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("largest", torch.zeros(hidden_size))

    def forward(self, h, lengths):
        pooled = super().forward(h, lengths)
        if self.training:
            self.calls = self.calls + 1  # another tensor in the place of the buffer
            self.largest = torch.maximum(self.largest, pooled.amax(0).detach())
        return pooled / (1 + self.largest) + 0.01 * self.calls

@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class NormedCell(RecurrentCell):
    gates = 1

    def __post_init__(self):
        super().__post_init__()
        self.norm = torch.nn.BatchNorm1d(self.hidden_size)

    def step(self, layer, gates, state):
        return (torch.tanh(self.norm(gates + layer.recurrent(state[0]))),)

@dataclasses.dataclass(kw_only=True, eq=False)
class NormedHead(Parity):
    def build(self, cell, pooling):
        model = super().build(cell, pooling)
        model.head = torch.nn.Sequential(torch.nn.BatchNorm1d(model.head.in_features), model.head)
        return model
"""
WHERE = {"Normed": "pooling", "Counted": "pooling", "NormedCell": "cell", "NormedHead": "task"}


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_buffers.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_buffers", raising=False)


def with_own(name: str, config: dict[str, Any], **settings: Any) -> dict[str, Any]:
    group = WHERE[name]
    others = {"task": config["task"], "cell": {"hidden_size": 12}, "pooling": {}}[group]
    changed = others | {"_target_": f"own_buffers.{name}"} | settings
    return config | {group: changed, "packages": ["own_buffers"]}


def last(store: RunStore) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(store.path / "last.pt", weights_only=True)
    return content


@pytest.mark.parametrize("kernel", ["auto", "library"])
@pytest.mark.parametrize("name", WHERE)
def test_a_run_is_the_same_alone_stacked_and_resumed(
    name: str, kernel: str, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, records and all that the checkpoints hold."""
    if kernel != "auto":
        forced(monkeypatch, kernel)
    config = with_own(name, composed(*SHORT, "task.output=last"))
    alone, stack, resumed = in_every_way(members(config), tmp_path)
    assert alone == stack
    assert alone == resumed


@pytest.mark.parametrize("name", WHERE)
def test_members_that_run_as_one_program_have_statistics_of_their_own(
    name: str, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.vmap updates the rows in place; a member's are those that it has alone, to rounding.

    A bias before a BatchNorm has a gradient of 0 but for rounding, which Adam would scale up.
    """
    config = with_own(name, composed(*SHORT, "task.output=last", "optimizer=sgd"))
    runs = [run.identify(each) for each in members(config)]
    found = []
    for kernel, groups in (("library", [[0], [1], [2]]), ("scan", [[0, 1, 2]])):
        forced(monkeypatch, kernel)
        found.append([last(store) for store in train(runs, tmp_path / kernel, groups)])
    changed = 0
    for alone, together in zip(*found, strict=True):
        for part in ("weights", "best_weights"):
            torch.testing.assert_close(alone[part], together[part], rtol=1e-3, atol=1e-4)
        changed += sum(not torch.equal(alone["weights"][n], found[0][0]["weights"][n]) for n in alone["weights"])
    assert changed > 0, "each member has numbers of its own"


def test_equals_a_bare_torch_loop(composed: Compose, tmp_path: Path) -> None:
    """Weights, running statistics, and the evaluation by the running statistics."""
    plain = ("optimizer=sgd", "optimizer.lr=0.1", "train.schedule=constant", "train.warmup=0", "train.clip=null")
    prepared = run.identify(with_own("Normed", composed(*PARITY, "task.output=last", *plain)))
    model = run.make_model(prepared.config, prepared.classes, prepared.task)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for step in range(30):
        loss, _, _ = prepared.task.loss(model, prepared.task.batch(step), ())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    (store,) = train([prepared], tmp_path, [[0]])
    torch.testing.assert_close(last(store)["weights"], kept(model), rtol=1e-3, atol=1e-4)
    assert last(store)["weights"]["pooling.norm.num_batches_tracked"] == 30
    model.eval()
    with torch.no_grad():
        sums = [prepared.task.loss(model, batch, ())[1]["loss"] for batch in prepared.task.evaluation("val")]
    loss = sum(total for total, _ in sums) / sum(count for _, count in sums)
    row = [row for row in store.rows() if row["split"] == "val"][-1]
    assert row["loss"] == pytest.approx(float(loss), rel=1e-4)


def test_what_is_loaded_has_the_statistics_of_the_best_validation(composed: Compose, tmp_path: Path) -> None:
    hot = ("task.output=last", "optimizer=sgd", "optimizer.lr=30.0", "train.schedule=constant", "train.warmup=0")
    prepared = run.identify(with_own("Normed", composed(*PARITY, *hot)))
    (store,) = train([prepared], tmp_path, [[0]])
    record, trained = store.record(), rnnsweep.load(store.path)
    assert record is not None
    assert record.best["step"] < record.steps, "the best is not the last"
    state = trained.model.state_dict()
    assert state["pooling.norm.num_batches_tracked"] == record.best["step"]
    assert not torch.equal(state["pooling.norm.running_mean"], last(store)["weights"]["pooling.norm.running_mean"])
    with torch.no_grad():
        sums = [trained.task.loss(trained.model, batch, ())[1]["loss"] for batch in trained.task.evaluation("test")]
    loss = float(sum(total for total, _ in sums) / sum(count for _, count in sums))
    assert record.best["test/loss"] == pytest.approx(loss, rel=1e-5)
    assert checkpoint.standing(store)[1] == record.parameters == sum(p.numel() for p in trained.model.parameters())


def test_a_constant_buffer_may_be_missing_from_an_older_best_pt(composed: Compose, tmp_path: Path) -> None:
    """Earlier versions kept parameters alone; a module's own constants are then what its constructor makes them."""
    (store,) = train([run.identify(with_own("Counted", composed(*SHORT, "task.output=last")))], tmp_path, [[0]])
    content = torch.load(store.path / "best.pt", weights_only=True)
    for name in ("pooling.calls", "pooling.largest"):
        assert content["weights"].pop(name).abs().sum() > 0
    torch.save(content, store.path / "best.pt")
    assert rnnsweep.load(store.path).model.pooling.calls == 0  # type: ignore[union-attr, operator]


def test_a_run_in_two_parts_is_the_run_in_one(composed: Compose, tmp_path: Path) -> None:
    def trained(*overrides: str) -> RunStore:
        config = with_own("Normed", composed(*SHORT, "task.output=last", "train.schedule=constant", *overrides))
        found = named(run.identify(config), tmp_path)
        store = RunStore(tmp_path / found.id)
        train_single(found, store)
        return store

    whole, first = trained("train.steps=12"), trained("train.steps=6")
    second = trained("train.steps=12", f"from={first.path}")
    for name, value in last(whole)["weights"].items():
        assert torch.equal(value, last(second)["weights"][name]), name
    assert last(second)["weights"]["pooling.norm.num_batches_tracked"] == 12


def test_averaged_weights_have_the_statistics_of_the_trained_ones(composed: Compose, tmp_path: Path) -> None:
    averaged = ("optimizer=ntasgd", "optimizer.nonmono=1", "optimizer.lr=0.1", "train.steps=30", "train.eval_every=2")
    prepared = run.identify(with_own("Normed", composed(*SHORT, "task.output=last", *averaged)))
    (store,) = train([prepared], tmp_path, [[0]])
    found = last(store)
    assert found["slots"]["averaged"] > 0
    best, record = checkpoint.best(store)["weights"], store.record()
    assert record is not None
    assert best["pooling.norm.num_batches_tracked"] == record.best["step"]
    assert found["weights"]["pooling.norm.num_batches_tracked"] == 30


def test_an_operation_that_vmap_refuses_runs_member_by_member(composed: Compose, tmp_path: Path) -> None:
    """BatchNorm with momentum=None reads its counter in Python: kernel=auto then runs the members in turn."""
    config = with_own("Normed", composed(*SHORT, "task.output=last"), momentum=None)
    alone, stack, resumed = in_every_way(members(config), tmp_path)
    assert alone == stack
    assert alone == resumed


def test_a_recording_leaves_the_statistics_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that make it are no steps of training; the replay is one."""
    monkeypatch.setattr(graph, "record", lambda function, *given: (lambda: function(*given), function(*given)))
    gradients, counter = torch.zeros(2), torch.zeros(())

    def step(x: torch.Tensor) -> torch.Tensor:
        counter.add_(1)
        return gradients.copy_(x)

    recorded = graph.Graphed(step, gradients, [counter])
    for number in range(1, 4):
        recorded(torch.full((2,), float(number)))
        assert counter == number
