"""The progress of a run: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import TYPE_CHECKING

from rnnsweep.train import Member, Observer
from rnnsweep.types import BOOKKEEPING, Split

if TYPE_CHECKING:
    from rich.progress import Progress


class Lines(Observer):
    """A line for every validation, and at most one in ten seconds between."""

    def started(self, step: int, steps: int) -> None:
        self.steps, self.shown_at = steps, time.monotonic()
        print(f"training to step {steps}" + (f", continued from step {step}" if step else ""), flush=True)

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        if split == "train" and time.monotonic() - self.shown_at < 10:
            return
        self.shown_at = time.monotonic()
        print(f"step {step:>6}/{self.steps}  {split:<5} {summary(metrics)}", flush=True)


class TerminalBar(Observer):
    """Loss, perplexity, speed and time left on one line of a terminal."""

    bar: "Progress | None" = None

    def started(self, step: int, steps: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn())
        self.bar = Progress(*columns)
        self.seen: dict[str, str] = {}
        self.bar.start()
        self.row = self.bar.add_task("train", total=steps, completed=step, text="")

    def stepped(self, step: int) -> None:
        if self.bar:
            self.bar.update(self.row, completed=step)

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        if split == "test":
            return
        self.seen[split] = summary(metrics) if split == "train" else f"val {metrics['loss']:.4f}"
        if self.bar:
            self.bar.update(self.row, text="  ".join(self.seen.values()))

    def ended(self) -> None:
        if self.bar:
            self.bar.stop()


def summary(metrics: dict[str, float]) -> str:
    """The numbers that fit on a line."""
    shown = [f"{name} {number(value)}" for name, value in metrics.items() if name not in BOOKKEEPING]
    shown += [f"{metrics['tokens_per_second']:,.0f} tokens/s"] if "tokens_per_second" in metrics else []
    return "  ".join(shown)


def number(value: float) -> str:
    """Four decimals; three digits of a number that is too large or too small for them."""
    return f"{value:.4f}" if value == 0 or 1e-2 <= abs(value) < 1e4 else f"{value:.2e}"


def observer(progress: bool) -> Observer:
    """The bar on a terminal, lines elsewhere, nothing where no progress is wanted."""
    if not progress:
        return Observer()
    return TerminalBar() if sys.stdout.isatty() else Lines()
