"""What a launcher is given to run: picklable, a function of nothing but files, ready for any machine."""

import dataclasses
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnsweep import files
from rnnsweep.planned import WorkerState, worker_file
from rnnsweep.record import RunStore

if TYPE_CHECKING:
    from rnnsweep.sweep.view import View
    from rnnsweep.sweep.worker import WorkOptions


@dataclasses.dataclass(frozen=True)
class WorkTask:
    """Works on a plan or a search until it is done. Hydra's launchers call it with a config, which it does not need."""

    plan: Path
    options: "WorkOptions"

    def __call__(self, config: Any = None) -> None:
        from rnnsweep.interrupt import listening
        from rnnsweep.sweep.plan import Plan
        from rnnsweep.sweep.search import Search, SearchWorker
        from rnnsweep.sweep.worker import Worker

        with listening() as stop:
            if self.is_search:
                SearchWorker(Search.load(self.plan), self.options, stop).work()
            else:
                Worker(Plan.load(self.plan), self.options, stop).work()

    @property
    def is_search(self) -> bool:
        return self.plan.name.startswith("search-")

    def view(self) -> "View":
        """What a person sees of the sweep while it runs."""
        from rnnsweep.sweep.plan import Plan
        from rnnsweep.sweep.search import Search
        from rnnsweep.sweep.trials import Trials
        from rnnsweep.sweep.view import Progress, View

        return View(Trials(Search.load(self.plan)) if self.is_search else Progress(Plan.load(self.plan)))

    def bury(self, pid: int, cause: str) -> None:
        """Notes the death of a worker on this machine; a run that died twice without getting further has failed."""
        from rnnsweep.run import fail

        study = self.plan.parent.parent
        board = worker_file(study, platform.node(), pid)
        state = files.read(board, WorkerState)
        board.unlink(missing_ok=True)
        for name in state.runs if state else ():
            store = RunStore(study / name)
            if not store.claim():
                continue
            if store.record() is None and store.died() >= 2:  # read after the claim: another may have trained it
                error = f"its worker died twice ({cause}) without getting further than {len(store.rows())} rows"
                hint = "; SIGKILL is what the kernel sends when memory runs out" if cause == "SIGKILL" else ""
                fail(name, store, store.config() or {}, error + hint)
            store.release()
