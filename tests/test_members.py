"""What ships takes a leading member axis, and gives the numbers that torch.vmap gives, to the last bit."""

from typing import Any

import pytest
import torch
from conftest import CONF, Compose, cells, choices
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from rnnsweep import run
from rnnsweep.cells.base import AbstractCell
from rnnsweep.cells.gru import GRU
from rnnsweep.run.objects import make_model
from rnnsweep.stack import Stack
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.tasks.parity import Parity
from rnnsweep.train.batches import collate, draw
from rnnsweep.types import Batch, State

SEEDS = (0, 1, 2)
SMALL = ("cell.hidden_size=12", "train.batch_size=5", "train.steps=8")
NEEDS_FILES = {"seqmnist"}
OTHERWISE: list[tuple[str, ...]] = [
    ("task=parity", "cell.dropout=.3", "cell.num_layers=2", "cell.layer_norm=true", "task.output_dropout=.2"),
    *(("task=parity", "task.output=last", "task.min_len=3", f"pooling={name}") for name in choices("pooling")),
    ("task=parity", "task.output=last", "pooling._target_=rnnsweep.templates.pooling.NewPooling"),
    ("task=adding", "cell.variational=true", "cell.dropout=.3", "cell.num_layers=2", "cell.residual=true"),
    ("task=copy", "task.attention=bahdanau", "task.teacher_forcing=.5"),
    ("task=copy", "task.attention=luong_concat", "cell=lstm"),
    ("task=counting", "task.output=classification"),
    ("task=dates", "cell.bidirectional=true", "task.attention=luong_general"),
    ("task=music", "task.input_noise=.1"),
    ("task=names_class", "task.class_weights=balanced", "cell.bidirectional=true"),
    ("task=reverse", "task.attention=luong_dot"),
    ("task=wordlm", "cell.weight_dropout=.3", "task.word_dropout=.1"),
    ("task=wordlm", "task.cutoffs=[40,200]", "task.tie_weights=false"),
]
TASKS = [*((f"task={name}",) for name in choices("task") if name not in NEEDS_FILES), *OTHERWISE]
FEW = {"examples": 200, "held_out": 40, "seq_len": 12}


class Members:
    """A stack of a config's models, one a seed, that runs compiled."""

    def __init__(self, config: dict[str, Any]):
        runs = [run.identify(config | {"seed": seed}) for seed in SEEDS]
        self.tasks: list[AbstractTask] = [each.task for each in runs]
        models = [make_model(each.config, each.classes, each.task) for each in runs]
        self.stack = Stack(models, torch.device("cpu"), "fused")

    def step(self, batch: Batch, state: State, training: bool) -> list[Tensor]:
        """All numbers of a training step, or of a validation."""
        self.stack.train(training)
        loss, keys = self.tasks[0].loss, self.stack.keys(SEEDS, 3)
        if training:
            metrics, after = self.stack.differentiate(loss, batch, state, keys)
            return [*pytree.tree_leaves((metrics, after)), self.stack.gradients.clone()]
        with torch.no_grad():
            return list(pytree.tree_leaves(self.stack.call(loss, batch, state)))

    def both(self, monkeypatch: pytest.MonkeyPatch, batch: Batch, training: bool = True) -> tuple[list[Tensor], ...]:
        """The numbers with the axis leading, and under torch.vmap."""
        assert self.stack.leads(self.tasks[0].loss)
        led = self.step(batch, (), training)
        with monkeypatch.context() as patch:
            patch.setattr(self.stack, "leads", lambda function: False)
            return led, self.step(batch, (), training)


def same(led: list[Tensor], mapped: list[Tensor]) -> bool:
    return len(led) == len(mapped) and all(
        a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(led, mapped, strict=True)
    )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: "-".join(task[:2]).replace("task=", "").replace("task.", ""))
def test_every_task(task: tuple[str, ...], composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    known = OmegaConf.load(CONF / "task" / f"{task[0].removeprefix('task=')}.yaml")
    few = [f"task.{name}={count}" for name, count in FEW.items() if name in known]
    members = Members(composed(*SMALL, *few, *task))
    assert same(*members.both(monkeypatch, draw(members.tasks, 0, torch.device("cpu"))))
    parts = [next(iter(each.evaluation("val"))) for each in members.tasks]
    assert same(*members.both(monkeypatch, collate(parts, torch.device("cpu")), training=False))


@pytest.mark.parametrize("cell", cells(everyday=2))
def test_every_cell(cell: str, composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell without a compiled kernel runs under torch.vmap."""
    members = Members(composed(*SMALL, "task=parity", f"cell={cell}", "cell.num_layers=2"))
    compiled = [m.runs_as("fused") for m in members.stack.model.modules() if isinstance(m, AbstractCell)]
    assert members.stack.leads(members.tasks[0].loss) == (compiled == ["fused"])
    if compiled == ["fused"]:
        assert same(*members.both(monkeypatch, draw(members.tasks, 0, torch.device("cpu"))))


def test_somebodys_own_class_runs_under_vmap(composed: Compose) -> None:
    """Even if it inherits from one that ships: what it overrides may count axes from the start."""

    class Mine(GRU):
        pass

    class Own(Parity):
        pass

    members = Members(composed(*SMALL, "task=parity"))
    models = [members.tasks[0].build(lambda width: Mine(width, hidden_size=4), lambda _: nn.Identity()) for _ in SEEDS]  # type: ignore[arg-type,return-value]
    assert not Stack(models, torch.device("cpu"), "fused").leads(members.tasks[0].loss)
    assert not members.stack.leads(Own(0, 5).loss)
    assert not members.stack.leads(lambda *_: None)  # type: ignore[arg-type,return-value]
