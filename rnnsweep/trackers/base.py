"""What all trackers share: rows are logged under the run's own name, and a continued run continues its log."""

import abc
import dataclasses
import json
from typing import Any, ClassVar, Literal

from rnnsweep import files
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split

Tracker = Literal["tensorboard", "mlflow", "wandb"]


@dataclasses.dataclass
class Heard:
    """What a tracker knows of a run, kept in the run's directory for the next process that trains it."""

    id: str | None = None
    """The tracker's own name of the run."""
    steps: dict[str, int] = dataclasses.field(default_factory=dict)
    """The last step of each split; a resume repeats some, with the same numbers."""


@dataclasses.dataclass
class Log:
    """One run in a tracker."""

    member: Member
    heard: Heard
    handle: Any
    """What the tracker's package knows it by."""


class AbstractTracker(Observer, abc.ABC):
    """Logs every row of every member under the run's own name, as `val/loss` at its step.

    The settings of one of your own are the keywords of its constructor.
    """

    name: ClassVar[str]
    """Its file in a run's directory is `<name>.json`; the class's name in small letters, where none is given."""

    logs: dict[str, Log]
    """The runs whose logs are open, by name."""
    begun_at: int
    """The step at which this process began."""

    def __init_subclass__(cls) -> None:
        cls.name = vars(cls).get("name", cls.__name__.lower())

    def __new__(cls, *_: Any, **__: Any) -> "AbstractTracker":
        """Makes the state here, so that a constructor of your own has nothing to call."""
        tracker = super().__new__(cls)
        tracker.logs, tracker.begun_at = {}, 0
        return tracker

    @abc.abstractmethod
    def open(self, member: Member, heard: Heard) -> Any:
        """Opens a run's log.

        Args:
            member: the run: `member.run` is its name, `member.store.path` its directory.
            heard: what an earlier process that trained the run knew. Its log is continued if `heard` has an id;
                otherwise `heard` gets one. Without an id nothing is kept, and a resume repeats some steps.

        Returns:
            A handle of any kind, which `write` gets.
        """

    @abc.abstractmethod
    def write(self, handle: Any, step: int, metrics: dict[str, float]) -> None:
        """Logs one row.

        Args:
            handle: from `open`.
            step: the training step.
            metrics: by name, as in `val/loss`.
        """

    @abc.abstractmethod
    def close(self, log: Log) -> None:
        """Ends a log; a member that is still `running` was interrupted.

        Args:
            log: `log.handle` is from `open`, `log.member` is the run.
        """

    def started(self, step: int, steps: int) -> None:
        self.begun_at = step

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        log = self.logs.get(member.run) or self._opened(member)
        log.member = member
        if step > log.heard.steps.get(split, -1):
            self.write(log.handle, step, {f"{split}/{name}": value for name, value in metrics.items()})
            log.heard.steps[split] = step
            if log.heard.id is not None:
                self._keep(log)

    def _opened(self, member: Member) -> Log:
        heard = files.read(member.store.path / f"{self.name}.json", Heard) or Heard()
        log = self.logs[member.run] = Log(member, heard, self.open(member, heard))
        return log

    def _keep(self, log: Log) -> None:
        log.member.store.write(f"{self.name}.json", json.dumps(dataclasses.asdict(log.heard)), synced=False)

    def ended(self) -> None:
        logs, self.logs = self.logs, {}
        for log in logs.values():
            self.close(log)
