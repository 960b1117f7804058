"""Observers that call others: several at once, or one whose errors must not stop the run."""

import time
from collections.abc import Callable

from rnnsweep.errors import tell_once
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split

QUIET_SECONDS = 300.0
"""How long an observer that failed is not called: each call to a server that does not answer takes long."""


class Together(Observer):
    """Calls several observers."""

    def __init__(self, *observers: Observer):
        self.observers = observers

    def started(self, step: int, steps: int) -> None:
        for observer in self.observers:
            observer.started(step, steps)

    def stepped(self, step: int) -> None:
        for observer in self.observers:
            observer.stepped(step)

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        for observer in self.observers:
            observer.logged(member, step, split, metrics)

    def ended(self) -> None:
        for observer in self.observers:
            observer.ended()


class Careful(Observer):
    """Calls an observer that a run does not need. Its errors are printed once a process, and do not stop the run.

    Args:
        name: what the message about an error calls it.
        observer: is called.
    """

    failed_at: dict[str, float] = {}  # noqa: RUF012  of all observers of this process, by name

    def __init__(self, name: str, observer: Observer):
        self.name, self.observer = name, observer

    def _pass_on(self, hear: Callable[[], None]) -> None:
        failed_at = self.failed_at.get(self.name)
        if failed_at is not None and time.monotonic() - failed_at < QUIET_SECONDS:
            return
        try:
            hear()
        except Exception as error:
            if failed_at is None:
                said = (str(error).strip().splitlines() or [""])[0]
                tell_once(f"{self.name} failed, and the run goes on without it: {type(error).__name__}: {said}")
            self.failed_at[self.name] = time.monotonic()

    def started(self, step: int, steps: int) -> None:
        self._pass_on(lambda: self.observer.started(step, steps))

    def stepped(self, step: int) -> None:
        self._pass_on(lambda: self.observer.stepped(step))

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        self._pass_on(lambda: self.observer.logged(member, step, split, metrics))

    def ended(self) -> None:
        self._pass_on(self.observer.ended)
