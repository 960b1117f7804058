"""The work of one study: a grid's plan, a search or a tuned sweep, done by workers and told in lines on the screen."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsweep import files, locks, planned
from rnnsweep.study_folder import FOLDER, drawn_file
from rnnsweep.sweep import published, tuned_table
from rnnsweep.sweep.changes import OF_A_SEARCH, OF_STAGES, refuse_interrupted, retry_failed, tell_finished
from rnnsweep.sweep.compared import Declared
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.failures import failure_lines
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.search import Search, counted
from rnnsweep.sweep.settings import Sweep
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.tuned import TunedSweep
from rnnsweep.sweep.workers import Workers

if TYPE_CHECKING:
    from rnnsweep.sweep.view import Progress

Work = Plan | Search | TunedSweep


class Executor:
    """Does the work of one study.

    Args:
        settings: the settings of the sweep.
        composer: knows the command's config.
    """

    def __init__(self, settings: Sweep, composer: Composer):
        self.settings, self.composer = settings, composer
        self.workers = Workers(settings, composer)
        self.told: set[Path] = set()  # runs that a message has already named as changed; all stages share it

    def done(self, work: Work) -> bool:
        """Does the work. Returns whether all runs are over and none failed."""
        match work:
            case Plan():
                return self._work(work)
            case Search():
                return self._search(work)
            case TunedSweep():
                return self._tune(work)

    def _work(self, plan: Plan) -> bool:
        """Works on the runs that are left. Returns whether none failed."""
        from rnnsweep.sweep.view import closing_table

        progress = self._trained(plan)
        print(closing_table(progress), flush=True)
        return not (progress.failures() or progress.left)

    def _tune(self, tuned: TunedSweep) -> bool:
        """Works on the stages that are left. Returns whether no run failed."""
        well = tuned.swept(self._stage)
        print(tuned_table.closing(tuned.tuned, tuned.study), flush=True)
        return well

    def _stage(self, plan: Plan) -> "Progress":
        if not self.workers.resume_changed:
            refuse_interrupted(plan.interrupted(), OF_STAGES)
        progress = self._trained(plan, OF_STAGES)
        lines = failure_lines(progress.failures(), lambda _: "the same command tries it again")
        print("\n".join(lines), end="\n" * bool(lines), flush=True)
        return progress

    def _trained(self, plan: Plan, remedy: str = "`rerun=true` trains anew") -> "Progress":
        """Works on the runs of a plan that are left.

        Args:
            plan: the runs.
            remedy: what a message tells the user to do if the code of finished runs has changed.
        """
        from rnnsweep.sweep.view import Progress

        count = self.workers.count()
        plan = self._saved(plan)
        retry_failed(map(plan.store, plan.runs), self.workers.resume_changed)
        progress = Progress(plan)
        progress.look()
        print(f"{plan.study}: {progress.summary()}", flush=True)
        tell_finished((store for store in plan.finished() if store.path not in self.told), remedy)
        self.told |= {plan.store(run).path for run in plan.runs}
        task = WorkTask(plan.path.resolve(), self.workers.options(count))
        if self.settings.published:
            published.tell(self.settings.published, plan.study)
        if plan.drawn:
            files.write(drawn_file(plan.study), json.dumps(sorted({*planned.drawn(plan.study), *plan.drawn})))
        if plan.declared:
            Declared(plan.study, [], plan.declared).begin()
        if progress.left:
            self.workers.launch(task, min(count, progress.left), plan.study)
        progress.look()
        return progress

    def _saved(self, plan: Plan) -> Plan:
        """The plan in its generation, written; with `rerun=true` a second command joins the first one's."""
        files.make(plan.study / FOLDER)
        self._forget_stop(plan.study)
        with locks.alone(plan.study / FOLDER / ".plan"):
            goes_on = plan.resumed(rerun=False).is_rerun
            plan = plan.resumed(bool(self.composer.config.get("rerun")))
            plan.save()
        if goes_on:
            print(f"{plan.study}: continues the interrupted rerun", flush=True)
        return plan

    def _forget_stop(self, study: Path) -> None:
        """What failed before stops this command no more; where it does not heed that, another one still may."""
        if self.settings.on_error == "stop":
            files.delete(study / FOLDER / "stop")

    def _search(self, search: Search) -> bool:
        """Works on the trials that are left. Returns whether none failed."""
        from rnnsweep.sweep.trials import Trials

        trials = Trials(search)
        over = {done: search.stores_of(counted(trials.study), done) for done in (False, True)}
        if not self.workers.resume_changed:
            refuse_interrupted(over[False], OF_A_SEARCH)
        search.retry(trials.study, self.workers.resume_changed)
        search.note_repeats(trials.study)
        print(f"{search.study}: {trials.summary()}", flush=True)
        tell_finished((store for store in over[True] if store.record() is not None), OF_A_SEARCH)
        count = min(self.workers.count(), self.settings.n_trials)
        if trials.left:
            self._forget_stop(search.study)
            if self.settings.published:
                published.tell(self.settings.published, search.study)
            self.workers.launch(WorkTask(search.save().resolve(), self.workers.options(count)), count, search.study)
        if (again := search.damaged(trials.study)).runs:
            self.workers.launch(WorkTask(again.save().resolve(), self.workers.options(count)), count, search.study)
        print(trials.closing_table(), flush=True)
        return not (trials.failed or trials.left)
