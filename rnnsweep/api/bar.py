"""Progress in a notebook: one line that is drawn anew. It needs no package beside IPython."""

import html
import importlib
import sys
from typing import Any

from rnnsweep.progress import summary
from rnnsweep.train import Member, Observer
from rnnsweep.types import Split


def is_notebook() -> bool:
    """Whether this process shows its output in a notebook."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookBar:
    """A bar with a text behind it."""

    def __init__(self) -> None:
        self._ipython: Any = importlib.import_module("IPython.display")
        self._place = self._ipython.display(self._ipython.HTML(""), display_id=True)

    def show(self, done: int, total: int, text: str) -> None:
        """Draws it anew."""
        line = f'<progress value="{done}" max="{max(1, total)}"></progress> {done}/{total} {html.escape(text)}'
        self._place.update(self._ipython.HTML(line))


class RunBar(Observer):
    """The progress of one run."""

    def __init__(self) -> None:
        self.bar = NotebookBar()
        self.step, self.steps, self.seen = 0, 0, dict[str, str]()

    def started(self, step: int, steps: int) -> None:
        self.step, self.steps = step, steps
        self._draw()

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        self.step = max(step, self.step)
        self.seen[split] = f"{split} {summary(metrics)}"
        self._draw()

    def ended(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.bar.show(self.step, self.steps, " · ".join(self.seen.values()))
