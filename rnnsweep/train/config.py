"""The settings of training: the group `train` of a config."""

import dataclasses
import functools
import math
from typing import Annotated, Literal

from rnnsweep.own import Own, made
from rnnsweep.schedules import Schedule
from rnnsweep.tasks.metric import AbstractMetric
from rnnsweep.types import EXECUTION, LATER, PER_MEMBER, Count, Natural, NonNegative, Positive

CURVE_STEPS = 20
"""The learning curve of a short run has one point for so many steps: a validation costs as much as some of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(Schedule):
    """How a run is trained."""

    steps: Count = 2000
    """Optimizer steps."""
    epochs: Positive | None = None
    """Passes over the training data. Where it is set, it decides the length in place of `steps`."""
    batch_size: Count = 32
    clip: Annotated[Positive | None, PER_MEMBER] = 1.0
    """The largest norm of the gradient over all parameters. None: the gradient is not clipped."""
    eval_every: Count | None = 250
    """Steps between two validations. None: one validation an epoch. The last step is always validated."""
    curve_points: Annotated[Natural, EXECUTION, LATER] = 10
    """Validations of a run, at least, so that its learning curve has a shape; in a run of fewer than 200 steps, one for
    each 20. Where `eval_every` gives fewer, others come between. They are rows of metrics.jsonl and nothing else: the
    best weights, `patience`, a plateau and a pruner look at those of `eval_every` alone. 0: none come between."""
    patience: Count | None = None
    """Stop after this many validations without a lower loss. None: never."""
    log_every: Count = 50
    """Steps that a train row of metrics.jsonl covers."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: automatic mixed precision on CUDA."""
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], EXECUTION] = "auto"
    """auto: a CUDA device where there is one, else the CPU. mps is the GPU of a Mac; nobody has measured it yet."""
    threads: Annotated[Natural, EXECUTION] = 0
    """Threads on the CPU. 0: one, or one for each core where the run's first steps show that these gain much; a run
    that becomes slow with them goes down to one. With kernel=auto or fused only the compiled kernels use more than one,
    in a way that changes no number; torch's own operations use one. With library or scan these use as many as you say,
    and one where you say 0."""
    kernel: Annotated[Literal["auto", "library", "fused", "scan"], EXECUTION] = "auto"
    """What runs a recurrent cell: torch's own kernel where there is one (library; a stack uses the scan), the kernel
    compiled from the cell's mathematics (fused, on the CPU), or its written-out step (scan). They agree to rounding.
    auto: the fastest on this machine for this shape, for any number of members. It is measured once and saved.

    On one machine's CPU, auto gives a run the same numbers, bit for bit, alone, in any stack, resumed, with any number
    of workers and threads; fused does so for the cells and tasks that come with rnnsweep. With library and scan a run
    alone and the same run in a stack, or with other threads, agree to rounding; so does everything on a GPU."""
    checkpoint_seconds: Annotated[NonNegative, EXECUTION] = 10.0
    """A checkpoint is written at every validation, and between two after this many seconds."""
    metrics: Annotated[dict[str, Own], LATER] = dataclasses.field(default_factory=dict)
    """Metrics of your own by name, as in `{top3: mine.Top3}`: computed at each validation and on the test part."""
    diagnostics: bool = False
    """At the end, measure how the trained cell uses its past; see diagnostics/."""
    progress: Annotated[bool, EXECUTION] = True
    """Show the progress while training."""
    tracker: Annotated[Literal["tensorboard", "mlflow", "wandb"] | Own | None, EXECUTION] = None
    """Log the same rows there too; or with a class of yours, as in `mine.Lines`."""

    @functools.cached_property
    def own_metrics(self) -> dict[str, AbstractMetric]:
        """The user's metrics by name."""
        return {name: made(f"train.metrics.{name}", own) for name, own in self.metrics.items()}

    def total_steps(self, steps_per_epoch: int) -> int:
        """Optimizer steps of a whole run."""
        return self.steps if self.epochs is None else max(1, round(self.epochs * steps_per_epoch))

    def steps_between(self, steps_per_epoch: int) -> int:
        """Optimizer steps from one validation to the next."""
        return self.eval_every or steps_per_epoch

    def points_between(self, steps_per_epoch: int) -> int:
        """Parts into which the steps from one validation to the next are cut; the curve has a point after each part."""
        every, total = self.steps_between(steps_per_epoch), self.total_steps(steps_per_epoch)
        points = min(self.curve_points, total // CURVE_STEPS)
        return max(1, math.ceil(points * every / total))

    def validations(self, steps_per_epoch: int) -> int:
        """Validations of a whole run, with those that only draw the learning curve."""
        parts = self.total_steps(steps_per_epoch) * self.points_between(steps_per_epoch)
        return math.ceil(parts / self.steps_between(steps_per_epoch))
