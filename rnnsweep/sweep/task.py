"""What a launcher is given to run: picklable, a function of nothing but files, ready for any machine."""

import dataclasses
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnsweep import files
from rnnsweep.errors import MachineError
from rnnsweep.planned import WorkerStatus
from rnnsweep.record import RunStore
from rnnsweep.secrets import redacted
from rnnsweep.study_folder import FOLDER, worker_file

if TYPE_CHECKING:
    from rnnsweep.sweep.view import Standing, View
    from rnnsweep.sweep.work_options import WorkOptions


@dataclasses.dataclass(frozen=True)
class WorkTask:
    """Works on a plan or a search until it is done. Hydra's launchers call it with a config, which it does not need."""

    plan: Path
    options: "WorkOptions"

    def __call__(self, config: Any = None) -> None:
        from rnnsweep.interrupt import listening
        from rnnsweep.sweep.plan import Plan
        from rnnsweep.sweep.search import Search
        from rnnsweep.sweep.search_worker import SearchWorker
        from rnnsweep.sweep.worker import Worker

        with listening() as stop:
            if self.is_search:
                SearchWorker(Search.load(self.plan), self.options, stop).work()
            else:
                Worker(Plan.load(self.plan), self.options, stop).work()

    @property
    def is_search(self) -> bool:
        return self.plan.name.startswith("search-")

    @property
    def study(self) -> Path:
        return self.plan.parent.parent

    def view(self) -> "View":
        """What a person sees of the sweep while it runs."""
        from rnnsweep.sweep.view import View

        return View(self._standing())

    def _standing(self) -> "Standing":
        from rnnsweep.sweep.plan import Plan
        from rnnsweep.sweep.search import Search
        from rnnsweep.sweep.trials import Trials
        from rnnsweep.sweep.view import Progress

        return Trials(Search.load(self.plan)) if self.is_search else Progress(Plan.load(self.plan))

    def left(self) -> int:
        """How many runs, or trials, are left to do."""
        standing = self._standing()
        standing.look()
        return standing.left

    def check(self) -> None:
        """Checks that the study's directory is still there.

        Raises:
            MachineError: somebody deleted the study's directory.
        """
        try:
            self.plan.stat()
        except FileNotFoundError as error:
            raise MachineError(self.study, error, "found") from None
        except OSError:  # of a network's file system, which comes back
            return

    def keep(self, error: str) -> str:
        """Keeps the traceback of a worker's error; returns the words that say where, none where that fails."""
        path = self.study / FOLDER / "errors.log"
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(f"{redacted(error)}\n")
        except OSError:
            return ""
        return f"; its traceback is in {path}"

    def record_death(self, pid: int, cause: str) -> bool:
        """Records that a worker on this machine died.

        A run whose worker died twice without a checkpoint in between has failed.

        Returns:
            Whether it had a run in hand.
        """
        from rnnsweep.run import fail

        status_file = worker_file(self.study, platform.node(), pid)
        state = files.read(status_file, WorkerStatus)
        files.delete(status_file)
        names = state.runs if state else []
        for name in names:
            store = RunStore(self.study / name)
            if not store.claim():
                continue
            if store.record() is None and store.died() >= 2:  # read after the claim: another may have trained it
                error = f"its worker died twice ({cause}), and the run wrote no checkpoint in between"
                hint = "; SIGKILL is what the kernel sends when memory runs out" if cause == "SIGKILL" else ""
                fail(name, store, store.config() or {}, error + hint)
            store.release()
        return bool(names)
