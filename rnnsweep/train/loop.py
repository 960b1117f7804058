"""The training loop: M runs that differ only in numbers, trained as one program."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.kernels import graph, threads
from rnnsweep.kernels.memory import keep_freed
from rnnsweep.optim import Hyperparameters, clip_, dry_run
from rnnsweep.stack import Keys, Stack
from rnnsweep.train import kernel
from rnnsweep.train.batches import draw, refuse_unlike
from rnnsweep.train.checkpoints import Checkpoints
from rnnsweep.train.evaluation import Means, evaluate
from rnnsweep.train.log import MetricsLog
from rnnsweep.train.member import Member, running
from rnnsweep.train.observer import Observer
from rnnsweep.train.pace import Pace
from rnnsweep.train.snapshots import take_snapshots
from rnnsweep.train.stopping import ShouldPrune, judge_validation, never, prune
from rnnsweep.train.training_loss import training_losses
from rnnsweep.types import Batch, Metrics, Split, State


class Trainer:
    """Trains the members to the end, from where their checkpoints stand.

    Args:
        members: runs that differ only in numbers.
        device: where they train.
        observer: is told of each step and row.
        stop: asks to end after the step at hand.
        should_prune: is asked after each validation.
        study: the folder in which a study saves the choice of a kernel.
        until: the step after which the members wait: they have a checkpoint then, and are not over.
    """

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
        keep_freed()
        first = members[0]
        self.members, self.device, self.observer, self.stop = members, device, observer, stop
        self.should_prune, self.until = should_prune, until
        self.config, self.task, self.tasks = first.config, first.task, [member.task for member in members]
        refuse_unlike(self.tasks)
        for task in self.tasks:
            task.keep_on(device)
        self.steps_per_epoch = self.task.steps_per_epoch
        self.steps = self.config.total_steps(self.steps_per_epoch)
        self.eval_every = self.config.steps_between(self.steps_per_epoch)
        self.points = self.config.points_between(self.steps_per_epoch)
        self.stack = Stack([member.model for member in members], device, mixed=self.config.precision == "bfloat16")
        self.best = self.stack.learned.clone()
        self.optimizer = dry_run.laid_out(first.optimizer, self.stack.layout)
        self.hyperparameters = Hyperparameters.of([member.optimizer for member in members], device)
        self.slots = self.optimizer.init(self.stack.parameters) | self.config.state(len(members), device)
        self.limits = _limits([member.config.clip for member in members], device)
        kernel.choose(self.stack, first, device, self.steps, study)
        self.log = MetricsLog(members, observer, device, self.steps_per_epoch)
        seconds = self.config.checkpoint_seconds
        self.checkpoints = Checkpoints(members, self.stack, self.best, self.slots, self.log, seconds)
        self.pace = Pace(threads.count(), fixed=self.config.threads > 0 or device.type != "cpu")
        self.step, self.state, kernels = self.checkpoints.resume(self.steps)
        kernel.keep(self.stack, first, device, kernels)
        self.differentiate: Callable[[Batch, State, Keys], tuple[Metrics, State]]
        self.differentiate = functools.partial(self.stack.differentiate, self.task.loss)
        if graph.serves(device) and self.stack.written_out:  # many small kernels, which a CUDA graph launches at once
            changed = list(self.stack.learned.buffers.values())
            self.differentiate = graph.Graphed(self.differentiate, self.stack.gradients, changed)

    def run(self) -> None:
        """Trains until the last step, until the step to wait at, or until half of the members have ended.

        Once half the members have ended, the rest continue as a smaller stack, from their checkpoints.
        """
        self.observer.started(self.step, self.steps)
        if self.step == 0:
            take_snapshots(self.members, self.stack, self.step, self.steps_per_epoch)
        self.log.start_clock()
        while running(self.members) and self.step < self.steps and not self.waits and not self.halved:
            self.advance()
            stop = self.stop.signum  # read once: a signal that comes below waits for the next step
            validates = self.step % self.eval_every == 0 or self.step == self.steps
            if validates or self.step % self.config.log_every == 0:
                self.log.train_rows(self.step, self.scaled(self.step - 1).lr)
            if validates:
                self.validate()
            elif self.step * self.points % self.eval_every < self.points:
                self.draw_curve()
            if validates or stop or self.waits or self.checkpoints.are_due():
                self.checkpoints.save(self.step, self.state)
            if stop:
                raise Interrupted(stop)
        for member in running(self.members) if self.step == self.steps else ():
            member.status = "complete"

    def advance(self) -> None:
        """One optimizer step of every member."""
        state = () if self.task.begins(self.step) else self.state
        batch = draw(self.tasks, self.step, self.device)
        keys = self.stack.keys([member.seed for member in self.members], self.step)
        with self.pace.step():
            metrics, self.state = self.differentiate(batch, state, keys)
        norms = clip_(self.stack.gradients, self.limits)
        if self.step == 0:
            _note_first_losses(self.members, metrics)
        hyperparameters = self.scaled(self.step)
        self.step += 1
        self.optimizer.update(self.stack.parameters, self.stack.gradients, self.slots, hyperparameters, self.step)
        self.log.tally.add(metrics, norms, self.limits, tokens=math.prod(batch["inputs"].shape[1:3]))
        self.observer.stepped(self.step)

    def validate(self) -> None:
        """Validates all members, keeps the weights of the best, and ends those that are done or pruned."""
        with self.log.validating(), self.validated_weights():
            losses = [self.validate_member(row, means) for row, means in enumerate(self.evaluate("val"))]
            # asked at the last step, too: the pruner compares later trials with this one, which is then complete
            if self.should_prune(self.members, self.step) and self.step < self.steps:
                prune(self.members)
            take_snapshots(self.members, self.stack, self.step, self.steps_per_epoch)
        self.optimizer.heard(self.slots, torch.tensor(losses, dtype=torch.float64, device=self.device)[:, None])

    def draw_curve(self) -> None:
        """Records a validation that only the learning curves need: nothing is decided by it."""
        with self.log.validating(), self.validated_weights():
            for member, means in zip(self.members, self.evaluate("val"), strict=True):
                if member.status == "running":
                    self.log.write(member, self.step, "val", member.task.derive(means))

    def validate_member(self, row: int, means: Means) -> float:
        """Records the validation of a running member, and keeps its weights if they are its best. Returns its loss."""
        member, metrics = self.members[row], self.members[row].task.derive(means)
        if member.status == "running":
            self.log.write(member, self.step, "val", metrics)
            if judge_validation(member, self.step, metrics):
                self.best.copy_(self.stack.learned, row)
            elif self.config.decays(member.stale):
                self.slots["rate"][row] *= self.config.decay
        return metrics["loss"]

    def test(self) -> None:
        """Evaluates the weights that the stack now holds, for members that are complete.

        Their records get the metrics of the test part, and the loss on a slice of the training part.
        """
        if not any(member.status == "complete" for member in self.members):
            return
        for row, means in enumerate(self.evaluate("test")):
            member = self.members[row]
            if member.status == "complete" and means:
                metrics = member.task.derive(means)
                self.log.write(member, int(member.best["step"]), "test", metrics)
                member.best |= {f"test/{name}": value for name, value in metrics.items()}
        for member, loss in zip(self.members, training_losses(self.stack, self.tasks), strict=True):
            if member.status == "complete" and loss is not None:
                member.best["train/loss"] = loss

    def evaluate(self, split: Split) -> list[Means]:
        """Each member's means over all of a split; empty where the split is."""
        with threads.sharing(self.pace.threads):
            parts = [task.evaluation(split) for task in self.tasks]
            return evaluate(self.stack, self.tasks, parts, self.config.own_metrics)

    def scaled(self, step: int) -> Hyperparameters:
        """The optimizers' settings with the learning rates of step `step`, from 0."""
        factor = self.config.multiplier(step, self.steps, self.steps_per_epoch)
        return self.hyperparameters.scaled(factor * self.slots.get("rate", 1.0))

    @contextmanager
    def validated_weights(self) -> Iterator[None]:
        """Within the block the models have the weights that are validated: those now trained, or an average of them."""
        validated = self.optimizer.validated(self.stack.parameters, self.slots)
        with self.stack.holding(dataclasses.replace(self.stack.learned, parameters=validated)):
            yield

    @contextmanager
    def best_weights(self) -> Iterator[None]:
        """Within the block the models have the weights of their best validations."""
        with self.stack.holding(self.best):
            yield

    @property
    def waits(self) -> bool:
        """Whether the members have reached the step at which they wait."""
        return self.until is not None and self.step >= self.until

    @property
    def halved(self) -> bool:
        """Whether the running members have just been saved, and are no more than half of all."""
        return self.checkpoints.saved_step == self.step and 2 * len(running(self.members)) <= len(self.members)


def _note_first_losses(members: Sequence[Member], metrics: Metrics) -> None:
    total, count = metrics["loss"]
    for member, loss in zip(members, (total / count).tolist(), strict=True):
        member.first = loss


def _limits(clips: list[float | None], device: torch.device) -> Tensor | None:
    """A column of norms, infinite where a member is not clipped; None where none is."""
    if all(clip is None for clip in clips):
        return None
    return torch.tensor([[math.inf if clip is None else clip] for clip in clips], device=device)
