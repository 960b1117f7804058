"""The training loop: M runs that differ only in numbers, advanced as one program."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import checkpoint
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.kernels import Execution, choice, fused, graph
from rnnsweep.kernels.memory import keep_freed
from rnnsweep.optim import AbstractOptimizer, Numbers, Slots, clip_
from rnnsweep.record import RunStore
from rnnsweep.rehearsal import Rehearsal
from rnnsweep.schedules import Schedule
from rnnsweep.stack import Stack, source
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import (
    EXECUTION,
    PER_MEMBER,
    Batch,
    Count,
    Metrics,
    Natural,
    NonNegative,
    Positive,
    Split,
    State,
)

Status = Literal["running", "complete", "diverged", "pruned"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(Schedule):
    """How a run is trained."""

    steps: Count = 2000
    """Optimizer steps."""
    epochs: Positive | None = None
    """Passes over the training data; decides the length in place of `steps` where it is set."""
    batch_size: Count = 32
    clip: Annotated[Positive | None, PER_MEMBER] = 1.0
    """The largest norm of the gradient over all parameters; None: not clipped."""
    eval_every: Count | None = 250
    """Steps between two validations; None: one an epoch. The last step is always validated."""
    patience: Count | None = None
    """Stop after this many validations without a lower loss; None: never."""
    log_every: Count = 50
    """Steps that a train row of metrics.jsonl covers."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: automatic mixed precision on CUDA."""
    device: Annotated[Literal["auto", "cpu", "cuda"], EXECUTION] = "auto"
    threads: Annotated[Natural, EXECUTION] = 0
    """Threads on the CPU; 0: one a core. With kernel=auto or fused only the compiled kernels use more than one, in a
    way that changes no number; torch's own operations use one. With library or scan these use all of them."""
    kernel: Annotated[Literal["auto", "library", "fused", "scan"], EXECUTION] = "auto"
    """What runs a recurrent cell: torch's own kernel where there is one (library; a stack uses the scan), the kernel
    compiled from the cell's mathematics (fused, on the CPU), or its written-out step (scan). They agree to rounding.
    auto: the fastest on this machine for this shape, whatever the number of members; measured once and kept.

    On one machine's CPU, auto gives a run the same numbers, bit for bit, alone, in any stack, resumed, with any number
    of workers and threads; fused does so for the cells and tasks that come with rnnsweep. With library and scan a run
    alone and the same run in a stack, or with other threads, agree to rounding; so does everything on a GPU."""
    checkpoint_seconds: Annotated[NonNegative, EXECUTION] = 10.0
    """A checkpoint is written at every validation, and between two after this many seconds."""
    diagnostics: bool = False
    """At the end, look at how the trained cell uses its past; see diagnostics.py."""
    progress: Annotated[bool, EXECUTION] = True
    """Show the progress while training."""
    tracker: Annotated[Literal["tensorboard", "mlflow", "wandb"] | None, EXECUTION] = None
    """Log the same rows there too."""

    def total_steps(self, steps_per_epoch: int) -> int:
        """Optimizer steps of a whole run."""
        return self.steps if self.epochs is None else max(1, round(self.epochs * steps_per_epoch))

    def steps_between(self, steps_per_epoch: int) -> int:
        """Optimizer steps from one validation to the next."""
        return self.eval_every or steps_per_epoch


@dataclasses.dataclass
class Member:
    """One run of a stack: what it is made of, and how it stands."""

    run: str
    seed: int
    task: AbstractTask
    model: nn.Module
    optimizer: AbstractOptimizer
    config: TrainConfig
    store: RunStore
    code: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What the checkpoints say of the code; see provenance.py."""
    status: Status = "running"
    last: dict[str, float] = dataclasses.field(default_factory=dict)
    """The newest metrics of each split, as in `val/loss`."""
    best: dict[str, float] = dataclasses.field(default_factory=dict)
    """`step` and the validation metrics at the lowest validation loss so far."""
    glimpses: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """What the task kept of the model on the way, with `step` and `epoch`."""
    stale: int = 0
    """Validations since the best."""
    first: float = 1.0
    """The loss of the first training step, to which a divergence is relative. Checkpoints from before it was kept have
    none; their runs keep the bound that they began with."""
    steps: int = 0
    seconds: float = 0.0
    share_seconds: float = 0.0
    """Its share of these: each moment counts divided by the members that trained then."""


class Observer:
    """Hears how training goes; does nothing by itself."""

    def started(self, step: int, steps: int) -> None: ...

    def stepped(self, step: int) -> None: ...

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None: ...

    def ended(self) -> None: ...


ShouldPrune = Callable[[Sequence[Member], int], bool]
"""Asked once after each validation, with the members and the step: whether those that still run are to be stopped."""


def never(*_: Any) -> bool:
    """No run is pruned: what is trained outside of a search."""
    return False


class Tally:
    """Sums over the steps since the last train row, one per member; they stay on the device."""

    def __init__(self) -> None:
        self.sums: dict[str, Float[Tensor, "member"]] = {}

    def add(self, metrics: Metrics, norms: Float[Tensor, "member"], limits: Tensor | None) -> None:
        self._add("grad_norm", norms)
        if limits is not None:
            self._add("clipped", (norms > limits[:, 0]).to(norms))
        for name, (total, count) in metrics.items():
            self._add(f"{name}.sum", total)
            self._add(f"{name}.count", count)

    def _add(self, name: str, value: Tensor) -> None:
        self.sums[name] = self.sums[name] + value if name in self.sums else value.clone()

    def means(self, row: int, steps: int) -> dict[str, float]:
        """Member `row`'s metrics, mean gradient norm and share of clipped steps over `steps` steps."""
        values = {name: total[row].item() for name, total in self.sums.items()}
        names = [name.removesuffix(".sum") for name in values if name.endswith(".sum")]
        # what was never counted, as a share of no cases, is no number
        metrics = {name: values[f"{name}.sum"] / (values[f"{name}.count"] or math.nan) for name in names}
        return metrics | {"grad_norm": values["grad_norm"] / steps, "clipped": values.get("clipped", 0.0) / steps}


class Trainer:
    """Trains the members to the end, from wherever their checkpoints stand."""

    def __init__(
        self,
        members: Sequence[Member],
        device: torch.device,
        observer: Observer,
        stop: StopRequest,
        should_prune: ShouldPrune = never,
        study: Path | None = None,
        until: int | None = None,
    ):
        first = members[0]
        tasks = {id(member.task): member.task for member in members}.values()
        if len(tasks) > 1 and len({_lengths(task) for task in tasks}) > 1:
            raise RuntimeError("the runs of a stack have data of different lengths")
        self.should_prune, self.until = should_prune, until
        self.members, self.device, self.observer, self.stop = members, device, observer, stop
        self.config, self.task = first.config, first.task
        keep_freed()
        self.stack = Stack([member.model for member in members], device, mixed=first.config.precision == "bfloat16")
        self.best = self.stack.parameters.clone()
        self.optimizer = first.optimizer
        self.numbers = Numbers([member.optimizer for member in members], device)
        self.slots: Slots = self.optimizer.init(self.stack.parameters)
        self.limits = _limits([member.config.clip for member in members], device)
        self.steps_per_epoch = self.task.steps_per_epoch
        self.steps = self.config.total_steps(self.steps_per_epoch)
        self._choose(study)
        self.eval_every = self.config.steps_between(self.steps_per_epoch)
        self.step, self.logged_at, self.row_seconds, self.saved_step = 0, 0, 0.0, -1
        self.state: State = ()
        self.tally = Tally()
        self.open = list(range(len(members)))  # rows whose end is not in a checkpoint yet
        self.best_saved: dict[int, float | None] = dict.fromkeys(self.open)

    def run(self) -> None:
        """Trains until the last step, or until half of the members have ended. Resumes where a checkpoint is.

        Who runs on has a checkpoint, from which a smaller stack continues: what has ended costs as much as the others.
        """
        self._resume()
        self.observer.started(self.step, self.steps)
        if self.step == 0:
            self._glimpse()
        self.saved_at = self.clock = time.monotonic()
        while self.step < self.steps and self._running() and not self._leaves() and not self.waits:
            self.advance()
            stop = self.stop.signum  # read once: a signal that comes below waits for the next step
            validate = self.step % self.eval_every == 0 or self.step == self.steps
            if validate or self.step % self.config.log_every == 0:
                self._log()
            if validate:
                self._validate()
                self._checkpoint()
            elif stop or self.waits or time.monotonic() - self.saved_at >= self.config.checkpoint_seconds:
                self._checkpoint()
            if stop:
                raise Interrupted(stop)
        for member in self._running() if self.step == self.steps else ():
            member.status = "complete"

    @property
    def waits(self) -> bool:
        """Whether the step has come at which the members are to wait."""
        return self.until is not None and self.step >= self.until

    def _leaves(self) -> bool:
        """Whether the members that run on have just been saved, and are no more than half of all."""
        return self.saved_step == self.step and 2 * len(self._running()) <= len(self.members)

    def advance(self) -> None:
        """One optimizer step of every member."""
        if self.task.begins(self.step):
            self.state = ()
        self.stack.set_keys([member.seed for member in self.members], self.step)
        self.numbers.scale = self.config.multiplier(self.step, self.steps, self.steps_per_epoch)
        batch = self._batch(self.step)
        metrics, self.state = self._differentiate(batch, self.state)
        norms = clip_(self.stack.gradients, self.limits)
        if self.step == 0:
            total, count = metrics["loss"]
            for member, loss in zip(self.members, (total / count).tolist(), strict=True):
                member.first = loss
        self.step += 1
        self.optimizer.update(self.stack.parameters, self.stack.gradients, self.slots, self.numbers, self.step)
        self.tally.add(metrics, norms, self.limits)
        self.tokens = math.prod(batch["inputs"].shape[1:3])
        self.observer.stepped(self.step)

    @functools.cached_property
    def _differentiate(self) -> Callable[[Batch, State], tuple[Metrics, State]]:
        """The stack's own; on a GPU as a CUDA graph where it would be many small kernels."""
        step = functools.partial(self.stack.differentiate, self.task.loss)
        graphed = graph.serves(self.device) and self.stack.written_out
        return graph.Graphed(step, self.stack.gradients) if graphed else step

    def _choose(self, study: Path | None) -> None:
        """The kernel that `train.kernel` says, or that of this shape on this machine."""
        torchs: Execution = "library" if len(self.members) == 1 else "scan"
        if self.config.kernel != "auto":
            self.stack.run_with(torchs if self.config.kernel == "library" else self.config.kernel)
        elif self.device.type != "cpu":
            self.stack.run_with(torchs)
        else:
            first = self.members[0]
            batch = self._collate([first.task.batch(self.steps - 1)])  # a curriculum's widest
            shapes = {name: list(values.shape[1:]) for name, values in batch.items()}
            program = [self.stack.describe(), source(type(first.task)), shapes]
            steps = Rehearsal(first.model, first.task, batch, self.device)
            together: Execution = "fused" if fused.available() else "scan"
            self._run_with(choice.decided(together, program, steps, study))

    def _run_with(self, kernel: Execution) -> None:
        """The way in which a member's numbers are the same in every stack."""
        self.stack.run_with(kernel, together=kernel != "library")

    def _running(self) -> list[Member]:
        return [member for member in self.members if member.status == "running"]

    def _batch(self, step: int) -> Batch:
        """Every member's batch; members that share a task share its batches."""
        drawn = {id(task): task.batch(step) for task in {id(m.task): m.task for m in self.members}.values()}
        return self._collate([drawn[id(member.task)] for member in self.members])

    def _collate(self, batches: list[Batch]) -> Batch:
        if len(batches) == 1:  # a view, not a copy
            return {name: values[None].to(self.device) for name, values in batches[0].items()}
        return {name: torch.stack([b[name] for b in batches]).to(self.device) for name in batches[0]}

    # Rows ----------------------------------------------------------------------------------------------------

    def _log(self) -> None:
        self._lap()
        steps, seconds = self.step - self.logged_at, self.row_seconds + 1e-9
        for row, member in enumerate(self.members):
            if member.status != "running":
                continue
            means = self.tally.means(row, steps)
            speed = {
                "lr": self.numbers.lr[row].item(),
                "tokens_per_second": steps * self.tokens / seconds,
                "seconds_per_epoch": seconds / steps * self.steps_per_epoch,
                "epoch": self.step / self.steps_per_epoch,
            }
            self._write(member, self.step, "train", member.task.derive(means) | speed)
            if member.task.diverged(means["loss"], member.first) or not math.isfinite(means["grad_norm"]):
                member.status = "diverged"
        self.tally, self.logged_at, self.row_seconds = Tally(), self.step, 0.0

    def _lap(self) -> None:
        """Adds the time since the clock was last read to the members and to the row in the making."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # Python is ahead of the GPU
        before, self.clock = self.clock, time.monotonic()
        self.row_seconds += self.clock - before
        running = self._running()
        for member in running:
            member.seconds += self.clock - before
            member.share_seconds += (self.clock - before) / len(running)

    def _write(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        member.store.log(step, split, metrics)
        member.steps = step if split == "train" else member.steps
        member.last |= {f"{split}/{name}": value for name, value in metrics.items()}
        self.observer.logged(member, step, split, metrics)

    # Validation ----------------------------------------------------------------------------------------------

    def _validate(self) -> None:
        for row, means in enumerate(self.evaluate("val")):
            member = self.members[row]
            if member.status != "running":
                continue
            metrics = member.task.derive(means)
            self._write(member, self.step, "val", metrics)
            if member.task.diverged(metrics["loss"], member.first):
                member.status = "diverged"
            elif metrics["loss"] < member.best.get("val/loss", math.inf):
                member.stale = 0
                member.best = {"step": self.step} | {f"val/{name}": value for name, value in metrics.items()}
                self.best[row] = self.stack.parameters[row]
            else:
                member.stale += 1
                if self.config.patience is not None and member.stale >= self.config.patience:
                    member.status = "complete"
        # asked at the last step, too, since pruners compare later trials with it; but who came so far is complete
        if self.should_prune(self.members, self.step) and self.step < self.steps:
            for member in self._running():
                member.status = "pruned"
        self._glimpse()
        self._lap()
        self.row_seconds = 0.0  # the time of validation stays out of the tokens per second

    def _glimpse(self) -> None:
        """Keeps what the tasks of the running members want to remember of their models as they stand."""
        for row, member in enumerate(self.members):
            if member.status == "running" and member.task.remembers(self.step):
                model = self.stack.module(row).eval()
                when = {"step": self.step, "epoch": self.step / self.steps_per_epoch}
                member.glimpses.append(when | member.task.glimpse(model))
                model.train()

    @torch.no_grad()
    def evaluate(self, split: Split) -> list[dict[str, float]]:
        """Each member's means over all of a split, exact; empty where the split is."""
        self.stack.train(False)
        tally: dict[str, tuple[Tensor, Tensor]] = {}
        state: State = ()
        for batches in zip(*(member.task.evaluation(split) for member in self.members), strict=True):
            _, metrics, state = self.stack.call(self.task.loss, self._collate(list(batches)), state)
            for name, (total, count) in metrics.items():
                before = tally.get(name, (0.0, 0.0))
                tally[name] = (before[0] + total.double(), before[1] + count.double())
        self.stack.train()
        return [
            {name: (total[row] / count[row]).item() for name, (total, count) in tally.items()}
            for row in range(len(self.members))
        ]

    # Checkpoints ---------------------------------------------------------------------------------------------

    def _checkpoint(self) -> None:
        """best.pt, then last.pt, which names the length of metrics.jsonl: a kill in between repeats some work."""
        self._lap()
        for row in self.open:
            member, store = self.members[row], self.members[row].store
            if member.best.get("step") != self.best_saved[row]:
                self._save_best(row)
            store.sync()  # the rows that last.pt counts on are on the disk before it is
            checkpoint.save(store, "last.pt", self._last_of(row))
        self.open = [row for row in self.open if self.members[row].status == "running"]
        self.saved_at, self.saved_step = time.monotonic(), self.step

    def _save_best(self, row: int) -> None:
        checkpoint.save(self.members[row].store, "best.pt", self._best_of(row))
        self.best_saved[row] = self.members[row].best["step"]

    def _best_of(self, row: int) -> dict[str, Any]:
        member = self.members[row]
        return {
            "run": member.run,
            "step": member.best["step"],
            "weights": self.stack.weights(row, self.best),
            "assets": member.task.assets(),
        }

    def _last_of(self, row: int) -> dict[str, Any]:
        member = self.members[row]
        return {
            "run": member.run,
            "code": member.code,
            "step": self.step,
            "kernel": self.stack.kernel,
            "logged_at": self.logged_at,
            "row_seconds": self.row_seconds,
            "weights": self.stack.weights(row),
            "best_weights": self.stack.weights(row, self.best),
            "slots": {name: slot[row].clone() for name, slot in self.slots.items()},
            "state": [leaf[row].clone() for leaf in self.state],
            "tally": {name: total[row].clone() for name, total in self.tally.sums.items()},
            "standing": {name: getattr(member, name) for name in STANDING},
            "rows": member.store.size,
        }

    def _resume(self) -> None:
        found = [checkpoint.last(m.store, self._last_of(row), self.steps) for row, m in enumerate(self.members)]
        saved = [last for last in found if last is not None]
        if len({last["step"] if last else 0 for last in found}) > 1:
            raise RuntimeError("the runs of a stack stand at different steps")
        for member, last in zip(self.members, found, strict=True):
            member.store.rewind(last["rows"] if last else 0)
        if not saved:
            return
        self._keep_kernel({last.get("kernel") for last in saved})
        for row, last in enumerate(saved):
            self._restore(row, last)
        self.state = tuple(torch.stack(leaves) for leaves in zip(*(last["state"] for last in saved), strict=True))
        self.state = tuple(leaf.to(self.device) for leaf in self.state)
        for name in saved[0]["tally"]:
            self.tally.sums[name] = torch.stack([last["tally"][name] for last in saved]).to(self.device)

    def _keep_kernel(self, before: set[Execution | None]) -> None:
        """Goes on with the arithmetic that the run began with, where the choice is ours and it is to be had."""
        if self.config.kernel != "auto" or before == {None}:
            return
        if self.device.type != "cpu":
            if before == {"scan"}:  # from a stack; a run alone has the library's
                self.stack.run_with("scan")
            return
        if len(before) > 1:
            raise RuntimeError("the runs of a stack were begun with different kernels")
        (kernel,) = before
        if kernel in ("library", "scan") or (kernel == "fused" and fused.available()):
            self._run_with(kernel)

    def _restore(self, row: int, last: dict[str, Any]) -> None:
        member = self.members[row]
        self.stack.load(row, last["best_weights"])
        self.best[row] = self.stack.parameters[row]
        self.stack.load(row, last["weights"])
        for name, slot in self.slots.items():
            slot[row] = last["slots"][name]
        standing = last["standing"]
        older = {"share_seconds": standing["seconds"] / len(self.members)}  # what checkpoints from before it lack
        for name, value in (older | standing).items():
            setattr(member, name, value)
        if member.best and not checkpoint.has_best(member.store, self._best_of(row)):
            self._save_best(row)
        self.best_saved[row] = member.best.get("step")
        if member.status == "pruned":  # by a search that is over; who trains it now wants it whole
            member.status = "running"
        self.step, self.logged_at, self.row_seconds = last["step"], last["logged_at"], last["row_seconds"]

    # The end -------------------------------------------------------------------------------------------------

    def test(self) -> None:
        """Gives every complete member the weights of its best validation and logs the test metrics."""
        if not any(member.status == "complete" for member in self.members):
            return
        self.stack.parameters.copy_(self.best)
        for row, means in enumerate(self.evaluate("test")):
            member = self.members[row]
            if member.status == "complete" and means:
                metrics = member.task.derive(means)
                self._write(member, int(member.best["step"]), "test", metrics)
                member.best |= {f"test/{name}": value for name, value in metrics.items()}


STANDING = ("status", "last", "best", "glimpses", "stale", "first", "steps", "seconds", "share_seconds")
"""What of a Member a checkpoint keeps."""


def _lengths(task: AbstractTask) -> tuple[Any, ...]:
    """What the members of a stack must have in common: the steps of an epoch, and the shapes of the validation."""
    shapes = [tuple(values.shape for values in batch.values()) for batch in task.evaluation("val")]
    return task.steps_per_epoch, *shapes


def _limits(clips: list[float | None], device: torch.device) -> Tensor | None:
    """A column of norms, infinite where a member is not clipped; None where none is."""
    if all(clip is None for clip in clips):
        return None
    return torch.tensor([[math.inf if clip is None else clip] for clip in clips], device=device)
