"""Classes of a user's that a setting names by their path: schedules, trackers, samplers, pruners, metrics."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import rnnsweep
from rnnsweep import help as helping
from rnnsweep.api.compose import described
from rnnsweep.cli import CONF
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.provenance import code
from rnnsweep.record import RunStore
from rnnsweep.run import execute, identify, prepare
from rnnsweep.train import Observer

MINE = """
import dataclasses

from rnnsweep.schedules import AbstractSchedule
from rnnsweep.tasks.metric import AbstractMetric
from rnnsweep.trackers.base import AbstractTracker


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halves(AbstractSchedule):
    every: int = 4
    unit: str = "step"

    def factor(self, step, steps, epoch):
        return 0.5 ** (step // self.every)


class Lacking(AbstractSchedule, AbstractTracker):
    pass


class Nothing(AbstractSchedule):
    def factor(self, step, steps, epoch):
        pass


class Ends(AbstractSchedule):
    def factor(self, step, steps, epoch):
        return [1.0, 0.5][step // 10 if step < 11 else 2]


class Narrow(AbstractSchedule):
    def factor(self, step):
        return 1.0


@dataclasses.dataclass(kw_only=True)
class Lines(AbstractTracker):
    file: str = "lines.txt"

    def open(self, member, heard):
        heard.id = member.run
        return (member.store.path / self.file).open("a")

    def write(self, handle, step, metrics):
        print(step, *metrics, file=handle, flush=True)

    def close(self, log):
        log.handle.close()


@dataclasses.dataclass(kw_only=True)
class Top(AbstractMetric):
    unit, direction = "share", "max"
    k: int = 1

    def measure(self, model, batch, state):
        scores, _ = model(batch["inputs"])
        right = (scores.topk(self.k, -1).indices == batch["targets"][..., None]).any(-1)
        return right.sum(), right.numel()


class Rows(Top):
    def measure(self, model, batch, state):
        return batch["inputs"][:, 0].float(), 1


class Alone(Top):
    def measure(self, model, batch, state):
        return 1


class Wrong(Top):
    def measure(self, model, batch, state):
        return model(batch["labels"])


class Refuses(Lines):
    def __init__(self):
        raise KeyError("TOKEN")
"""
QUICK = ("task=parity", "task.examples=100", "task.held_out=40", "cell.hidden_size=4", "train.kernel=scan")
QUICK += ("train.steps=12", "train.eval_every=6", "train.log_every=1", "train.warmup=0", "train.progress=false")
LISTED = "packages=[own_classes]"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_classes.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_classes", raising=False)
    return tmp_path


def rates(*overrides: str, out: Path) -> list[float]:
    run = rnnsweep.train(*QUICK, LISTED, *overrides, "optimizer.lr=1.0", f"out={out}")
    return [row["lr"] for row in RunStore(run.path).rows() if row["split"] == "train"]


def test_a_schedule_gives_the_factor_of_each_step(own: Path) -> None:
    assert rates("train.schedule=own_classes.Halves", out=own) == [1.0] * 4 + [0.5] * 4 + [0.25] * 4
    slower = "train.schedule={_target_: own_classes.Halves, every: 8}"
    assert rates(slower, out=own) == [1.0] * 8 + [0.5] * 4
    warm = ("train.schedule={_target_: own_classes.Halves, every: 6}", "train.warmup=4")
    assert rates(*warm, out=own) == [0.25, 0.5, 0.75, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_a_schedule_has_a_yaml_whose_settings_are_swept_and_reported(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / "conf" / "train" / "schedule").mkdir(parents=True)
    (own / "conf" / "train" / "schedule" / "halves.yaml").write_text("_target_: own_classes.Halves\nevery: 4\n")
    monkeypatch.chdir(own)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(own), *sys.path]))
    conf = f"hydra.searchpath=[file://{own}/conf]"
    every = ("train/schedule=halves", "train.schedule.every=2,4", "hydra.sweeper.name=mine")
    frame = rnnsweep.sweep(*QUICK, LISTED, conf, *every)
    assert sorted(frame["train.schedule.every"]) == [2, 4]
    assert set(frame["train.schedule"]) == {"own_classes.Halves"}


def test_the_settings_of_a_schedule_are_part_of_a_run_s_name_and_its_code_of_the_run_s_code() -> None:
    def prepared(schedule: str) -> Any:
        return identify(described(*QUICK, LISTED, f"train.schedule={schedule}"))

    plain, spelt = prepared("own_classes.Halves"), prepared("{_target_: own_classes.Halves, every: 4}")
    assert plain.id == spelt.id
    assert prepared("{_target_: own_classes.Halves, every: 5}").id != plain.id
    assert "own_classes.py" in code(plain.config)["files"]
    tracked = identify(described(*QUICK, LISTED, "train.tracker=own_classes.Lines"))
    assert tracked.id == identify(described(*QUICK)).id
    assert "own_classes.py" not in code(tracked.config)["files"]


def test_a_tracker_gets_every_row_once(own: Path) -> None:
    tracker = "train.tracker={_target_: own_classes.Lines, file: rows.txt}"
    run = rnnsweep.train(*QUICK, LISTED, tracker, f"out={own}")
    rows = [line.split()[:2] for line in (run.path / "rows.txt").read_text().splitlines()]
    logged = [[str(row["step"]), row["split"]] for row in RunStore(run.path).rows()]
    assert [[step, name.split("/")[0]] for step, name in rows] == logged
    assert (run.path / "lines.json").exists(), "what it heard is kept under its class's name"


def test_a_metric_stands_beside_the_task_s_and_is_a_mean_over_all_batches(own: Path) -> None:
    """Of the same answers it is the task's own accuracy; of both symbols it is 1."""
    both = "train.metrics={mine: own_classes.Top, both: {_target_: own_classes.Top, k: 2}}"
    run = rnnsweep.train(*QUICK, LISTED, both, f"out={own}")
    for part in ("val", "test"):
        assert run.metrics[f"{part}/mine"] == pytest.approx(run.metrics[f"{part}/accuracy"])
        assert run.metrics[f"{part}/both"] == 1
    assert run.record.declared["mine"].direction == "max"
    assert run.record.declared["mine"].unit == "share"
    plain = identify(described(*QUICK))
    assert identify(described(*QUICK, LISTED, "train.metrics={}")).id == plain.id
    assert run.path.name != plain.id
    assert "own_classes.py" in code(run.config)["files"]


def test_a_search_improves_a_metric_of_one_s_own_in_stacks(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(own), *sys.path]))
    search = ("hydra.sweeper.search=random", "hydra.sweeper.n_trials=2", "hydra.sweeper.seeds=[0,1]")
    asked = ("hydra.sweeper.metrics=val/mine", "train.metrics={mine: own_classes.Top}", "optimizer.lr=1e-3,1e-2")
    frame = rnnsweep.sweep(*QUICK, LISTED, *search, *asked, "hydra.sweeper.workers=1", "hydra.sweeper.name=mine")
    done = frame[frame["status"] == "complete"]
    assert len(done) >= 2
    assert done["val/mine"].tolist() == pytest.approx(done["val/accuracy"].tolist())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("schedule=own_classes.Halvs", "train.schedule: cannot import `own_classes.Halvs`"),
        ("schedule=missing.Halves", "lies outside rnnsweep, own_classes; list its package: 'packages=.missing.'"),
        ("schedule=own_classes.Lines", "`own_classes.Lines` is no schedule: derive it from rnnsweep.schedules."),
        ("schedule=own_classes.Lacking", "`own_classes.Lacking` lacks .*`factor`.*AbstractSchedule says what it does"),
        ("schedule=own_classes.Nothing", "`own_classes.Nothing.factor` returned None at step 0; expected a number"),
        ("schedule=own_classes.Narrow", r"`own_classes.Narrow.factor` failed: TypeError: .*positional"),
        ("schedule=own_classes.Ends", r"`own_classes.Ends.factor` failed: IndexError: list index out of range .own_cl"),
        ("schedule={_target_: own_classes.Halves, evry: 2}", "train.schedule.evry: .* Did you mean `every`"),
        ("schedule={_target_: own_classes.Halves, every: x}", "train.schedule.every: expected an integer, got 'x'"),
        ("schedule={every: 2}", "expected 'constant', .* or the path of a class of yours such as mine.Name, got"),
        ("tracker=own_classes.Halves", "`own_classes.Halves` is no tracker: derive it from rnnsweep.trackers.base."),
        ("tracker=own_classes.Refuses", r"`own_classes.Refuses` failed: KeyError: 'TOKEN' \(own_classes.py, line"),
        ("metrics={top: own_classes.Lines}", "`own_classes.Lines` is no metric: derive it from rnnsweep.tasks.metric."),
        ("metrics={accuracy: own_classes.Top}", "train.metrics.accuracy: the task has a metric of this name"),
        ("metrics={loss: own_classes.Top}", "train.metrics.loss: a metric of your own cannot have this name"),
        (
            "metrics={top: own_classes.Rows}",
            r"`own_classes.Rows.measure` returned a tensor .40,., int; expected",
        ),
        ("metrics={top: own_classes.Alone}", "train.metrics.top: `own_classes.Alone.measure` returned int; expected a"),
        ("metrics={top: own_classes.Wrong}", r"`own_classes.Wrong.measure` failed: KeyError: 'labels' .own_classes.py"),
        ("metrics={top: {_target_: own_classes.Top, kk: 2}}", "train.metrics.top.kk: .* Did you mean `k`"),
        ("metrics={_target_: own_classes.Top, k: 2}", "begin its YAML with the line `# @package train.metrics.NAME`"),
        ("tracker=tensorbord", "expected 'tensorboard', 'mlflow' or 'wandb' or the path of a class"),
    ],
)
def test_what_is_wrong_with_a_class_is_said_in_one_line(override: str, said: str, own: Path) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        rnnsweep.train(*QUICK, LISTED, f"train.{override}", f"out={own}/outputs")
    assert "\n" not in str(error.value)
    assert not (own / "outputs").exists() or "Refuses" in override


def test_the_help_shows_the_settings_of_a_yaml_without_comments(own: Path) -> None:
    (own / "conf" / "train" / "schedule").mkdir(parents=True)
    (own / "conf" / "train" / "schedule" / "halves.yaml").write_text("_target_: own_classes.Halves\nevery: 9\n")
    page = helping.page(CONF, ["--help", "train/schedule=halves", LISTED, "--config-dir", str(own / "conf")])
    assert "train/schedule=halves, from the constructor of Halves\n  train.schedule.every=9 " in page
    assert "train.schedule.unit=step " in page


POOLINGS = """
import torch
from rnnsweep.pooling import AbstractPooling

class Typo(AbstractPooling):
    def forward(self, h, lengths):
        return hh.sum(1)

class Shape(AbstractPooling):
    def forward(self, h, lengths):
        return h.sum(2)

class Built(AbstractPooling):
    def __init__(self, hidden_size, /, *, name: str = "x"):
        super().__init__(hidden_size)
        self.layer = torch.nn.Linear(hidden_size, name)

    def forward(self, h, lengths):
        return self.layer(h.sum(1))
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Typo", r"`own_classes.Typo` failed: NameError: name 'hh' is not defined.* .own_classes.py, line 7"),
        ("Shape", r"`own_classes.Shape` failed: (RuntimeError|TypeCheckError): "),
        ("Built", r"`own_classes.Built` failed: TypeError: .* .own_classes.py, line 16"),
    ],
)
def test_a_pooling_that_fails_is_told_before_the_training(name: str, said: str, own: Path) -> None:
    (own / "own_classes.py").write_text(POOLINGS)
    config = described("task=seqmean", "task.examples=64", "task.held_out=32", LISTED, f"out={own}/outputs")
    config["pooling"] = {"_target_": f"own_classes.{name}"}
    with pytest.raises(ConfigError, match=said) as error:
        prepare(config)
    assert str(error.value).startswith("pooling: ")
    assert "\n" not in str(error.value)


CELLS = """
import dataclasses
import torch
from torch import nn
from rnnsweep.cells.base import LayeredCell, RecurrentCell

class Leaky(RecurrentCell):
    gates = 1

    def step(self, layer, gates, state):
        return (torch.tanh(gates + layer.recurrent(state[0])),)

class Trained(Leaky):
    def step(self, layer, gates, state):
        return (torch.tanh(gates)[:, : 2 if self.training else None],)

class Changed(Leaky):
    def step(self, layer, gates, state):
        h = torch.tanh(gates)
        y = h * h
        h.add_(1)
        return (y,)

class Frozen(Leaky):
    def __post_init__(self):
        super().__post_init__()
        self.share = nn.Parameter(torch.ones(1), requires_grad=False)

class Hidden(Leaky):
    def __post_init__(self):
        super().__post_init__()
        self.known = [self.layers[0]]
        self.more = {"a": [nn.Linear(self.hidden_size, self.hidden_size)]}

    def step(self, layer, gates, state):
        return (torch.tanh(gates + self.more["a"][0](layer.recurrent(state[0]))),)

class Cut(Leaky):
    def step(self, layer, gates, state):
        return (torch.tanh(gates + layer.recurrent(state[0]).detach()),)

class Dropping(Leaky):
    def step(self, layer, gates, state):
        return (nn.functional.dropout(super().step(layer, gates, state)[0], 0.5, self.training),)

class Plain(Leaky):
    def make_layer(self, input_size):
        layer = super().make_layer(input_size)
        layer.dropping = nn.Dropout(0.5)
        return layer

    def step(self, layer, gates, state):
        return (layer.dropping(super().step(layer, gates, state)[0]),)

class Sees(LayeredCell):
    def make_layer(self, input_size):
        return nn.GRU(input_size, self.hidden_size // 2, batch_first=True, bidirectional=True)

    def layer_state(self, layer, x):
        return (x.new_zeros(x.shape[0], self.hidden_size),)

    def run_layer(self, layer, x, state):
        y, _ = layer(x)
        return y, (y[:, -1],)

class Forgets(Sees):
    def make_layer(self, input_size):
        return nn.GRU(input_size, self.hidden_size, batch_first=True)
"""


@pytest.fixture
def with_cell(own: Path) -> Callable[..., Any]:
    (own / "own_classes.py").write_text(CELLS)

    def config(name: str) -> Any:
        described_run = described(*QUICK, LISTED, f"out={own}/outputs")
        described_run["cell"] = {"_target_": f"own_classes.{name}", "hidden_size": 4}
        return described_run

    return config


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Trained", r"cell: `own_classes.Trained` failed: (RuntimeError|TypeCheckError): "),
        ("Changed", r"cell: `own_classes.Changed` failed: RuntimeError: .*modified by an inplace operation"),
        ("Frozen", r"cell: the parameter `cell.share` is not trained"),
    ],
)
def test_a_cell_that_fails_in_training_alone_is_told_before(
    name: str, said: str, with_cell: Callable[..., Any], own: Path
) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        prepare(with_cell(name))
    assert "\n" not in str(error.value)
    assert not (own / "outputs").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Leaky", ""),
        ("Hidden", "rnnsweep: cell.more: its weights are neither trained nor saved; use nn.ModuleList, "),
        ("Cut", "rnnsweep: cell.layers.0.weight_hh, cell.layers.0.bias_hh: no gradient gets there"),
        ("Dropping", "rnnsweep: a class of yours draws from torch's own generator"),
        ("Sees", "rnnsweep: own_classes.Sees sees later inputs"),
        ("Forgets", "rnnsweep: own_classes.Forgets reads a sequence otherwise than its two halves"),
    ],
)
def test_what_a_cell_of_one_s_own_does_silently_is_told(
    name: str, said: str, with_cell: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.random.get_rng_state()
    prepare(with_cell(name))
    assert torch.equal(before, torch.random.get_rng_state())
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert told.count("\n") == bool(said)


def test_torch_s_dropout_gives_a_run_the_same_numbers_alone_and_in_a_stack(
    with_cell: Callable[..., Any], own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [prepare(with_cell("Plain") | {"seed": seed}) for seed in (0, 1)]
    assert not capsys.readouterr().err
    assert runs[0].signature == runs[1].signature
    records = []
    for name, parts in (("together", [runs]), ("alone", [[each] for each in runs])):
        for part in parts:
            stores = [RunStore(own / name / each.id) for each in part]
            assert all(store.claim() for store in stores)
            records += execute(list(zip(part, stores, strict=True)), Observer(), StopRequest())
    losses = [record.metrics["train/loss"] for record in records]
    assert losses[:2] == pytest.approx(losses[2:], rel=1e-5)


def test_a_draw_that_no_stack_can_do_is_told(with_cell: Callable[..., Any], own: Path) -> None:
    runs = [prepare(with_cell("Dropping") | {"seed": seed}) for seed in (0, 1)]
    stores = [RunStore(own / each.id) for each in runs]
    assert all(store.claim() for store in stores)
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.stack: a class of yours draws from torch's own generator"):
        execute(list(zip(runs, stores, strict=True)), Observer(), StopRequest())


MORE_POOLINGS = """
from rnnsweep.pooling import AbstractPooling, mask

class Masked(AbstractPooling):
    def forward(self, h, lengths):
        return (h * mask(lengths, h.shape[-2])[..., None]).sum(-2)

class Whole(AbstractPooling):
    def forward(self, h, lengths):
        return h.mean(-2)
"""


@pytest.mark.parametrize(
    ("name", "said"), [("Masked", ""), ("Whole", "rnnsweep: own_classes.Whole reads padded steps")]
)
def test_a_pooling_that_reads_padded_steps_is_told(
    name: str, said: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "own_classes.py").write_text(MORE_POOLINGS)
    config = described("task=seqmean", "task.examples=64", "task.held_out=32", LISTED, f"out={own}/outputs")
    config["pooling"] = {"_target_": f"own_classes.{name}"}
    prepare(config)
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert bool(told) == bool(said)


TASKS = """
import dataclasses
import torch
from torch import nn
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import Metric, Summary

class Model(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell(1)
        self.head = nn.Linear(self.cell.hidden_size, 1)

    def forward(self, x):
        return self.head(self.cell(x, ())[0][:, -1])

@dataclasses.dataclass(kw_only=True, eq=False)
class Sum(AbstractTask):
    metric = Metric("loss", "", "min")
    data_hash = "x"
    steps_per_epoch = 10

    def build(self, cell, pooling):
        return Model(cell)

    def batch(self, step):
        x = torch.randn(4, 3, 1, generator=torch.Generator().manual_seed(step))
        return {"inputs": x, "targets": x.sum(1)}

    def evaluation(self, split):
        yield self.batch(1000)

    def loss(self, model, batch, state):
        loss = ((model(batch["inputs"]) - batch["targets"]) ** 2).mean()
        return loss, {"loss": (loss, torch.tensor(1))}, ()

class Bare(Sum):
    def loss(self, *given):
        return super().loss(*given)[0]

class Other(Sum):
    def loss(self, *given):
        loss, metrics, state = super().loss(*given)
        return loss, {"error": metrics["loss"]}, state

class Counted(Sum):
    def loss(self, *given):
        loss, _, state = super().loss(*given)
        return loss, {"loss": (loss, 1)}, state

class Taken(Sum):
    def loss(self, *given):
        loss, metrics, state = super().loss(*given)
        return loss, metrics | {"lr": metrics["loss"]}, state

class Unvalidated(Sum):
    def evaluation(self, split):
        return iter(())

class Part(Sum):
    steps_per_epoch = 2.5

class Underived(Sum):
    def derive(self, means):
        means["root"] = means["loss"] ** 0.5

class Tensors(Sum):
    def summary(self, model):
        return Summary({"weights": model.head.weight})

class Judged(Sum):
    metric = Metric("accuracy", "", "max")

class Early(Sum):
    def summary(self, model):
        return Summary({"share": 1 / 0})
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Sum", ""),
        ("Bare", "task: `own_classes.Bare.loss` returned something else; expected a loss, a tensor (); the metrics as"),
        ("Other", "task: `own_classes.Other.loss` returned something else"),
        ("Counted", "task: `own_classes.Counted.loss` returned something else"),
        ("Taken", "task: each row of metrics.jsonl has a `lr`; give your metric another name"),
        ("Unvalidated", "task: `own_classes.Unvalidated.evaluation` gives no batch of `val`"),
        ("Part", "task: `own_classes.Part.steps_per_epoch` is 2.5; expected a whole number"),
        ("Underived", "task: `own_classes.Underived.derive` returned None; expected a number for each name"),
        ("Tensors", "task: `own_classes.Tensors.summary` failed: TypeError: Object of type Parameter is not JSON"),
        ("Judged", "rnnsweep: `own_classes.Judged` is judged by `accuracy`, and its rows hold only 'loss'"),
        ("Early", "rnnsweep: `own_classes.Early.summary` failed with the untrained model: ZeroDivisionError: division"),
    ],
)
def test_what_is_wrong_with_a_task_is_told_before_the_training(
    name: str, said: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "own_classes.py").write_text(TASKS)
    config = described("task=parity", "cell.hidden_size=4", LISTED, f"out={own}/outputs")
    config["task"] = {"_target_": f"own_classes.{name}"}
    told = ""
    try:
        prepare(config)
    except ConfigError as error:
        told = str(error)
    told += capsys.readouterr().err.rstrip("\n")
    assert told.startswith(said)
    assert bool(told) == bool(said)
    assert "\n" not in told


def test_a_file_with_an_error_is_named_with_its_line(own: Path) -> None:
    (own / "own_classes.py").write_text("import os\nraise ValueError('no')\n")
    with pytest.raises(
        ConfigError, match=r"cannot import `own_classes.Halves`: ValueError: no \(own_classes.py, line 2"
    ):
        rnnsweep.train(*QUICK, LISTED, "train.schedule=own_classes.Halves", f"out={own}")


FILED = """
import dataclasses
from pathlib import Path
from rnnsweep.tasks.seqmean import SeqMean

@dataclasses.dataclass(kw_only=True, eq=False)
class Filed(SeqMean):
    def draw(self, count, generator):
        numbers, means = super().draw(count, generator)
        return numbers, means * float((Path(__file__).parent / "scale.txt").read_text())
"""


def test_changed_data_of_an_own_task_are_told(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in the run's name says which data a class of the user's reads."""
    (own / "own_classes.py").write_text(FILED)
    small = ("task.examples=40", "task.held_out=20", "train.batch_size=10", "train.steps=2", "train.warmup=0")
    words = ("task=seqmean", "task._target_=own_classes.Filed", LISTED, *small, "train.progress=false", f"out={own}/o")
    for scale, told in (("1", False), ("1", False), ("2", True)):
        (own / "scale.txt").write_text(scale)
        rnnsweep.train(*words)
        assert ("the data of " in capsys.readouterr().err) is told
