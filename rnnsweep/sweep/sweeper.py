"""The study sweeper: plans a set of runs and starts workers that pull from it, through any Hydra launcher."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnsweep import files, locks, trackers
from rnnsweep.cores import cores
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.hidden import tell_hidden
from rnnsweep.interpolation import said
from rnnsweep.interrupt import Interrupted
from rnnsweep.places import directory
from rnnsweep.planned import drawn_file
from rnnsweep.sweep import compared, published, settings, tuned_cost, tuned_table
from rnnsweep.sweep.changes import OF_A_SEARCH, OF_STAGES, refuse_interrupted, retry_failed, tell_finished
from rnnsweep.sweep.compared import Declared
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.failures import failure_lines
from rnnsweep.sweep.grid_planner import GridPlanner
from rnnsweep.sweep.machine import visible_gpus
from rnnsweep.sweep.plan import FOLDER, Plan
from rnnsweep.sweep.search import Search, counted
from rnnsweep.sweep.search_planner import SearchPlanner
from rnnsweep.sweep.settings import Sweep
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.tuned import TunedSweep
from rnnsweep.sweep.tuned_planner import TunedPlanner
from rnnsweep.sweep.watch import raise_from, watch

if TYPE_CHECKING:
    from rnnsweep.sweep.view import Progress
    from rnnsweep.sweep.worker import WorkOptions

Words = list[str]
"""What the command line says of a sweep's runs."""

Work = Plan | Search | TunedSweep


class StudySweeper:
    """A sweep is a set of runs in `multirun/<name>/`; the same command continues it, a larger grid extends it."""

    def __init__(self, settings: Sweep):
        self.settings = settings
        self.told: set[Path] = set()  # runs of which it was said that their code has changed: stages share them

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra calls it; the task function is for single runs."""
        self.composer = Composer(hydra_context, config)

    @property
    def study(self) -> Path:
        """The study's directory."""
        try:
            above = str(self.composer.config.hydra.sweep.dir)
        except OmegaConfBaseException as error:
            raise ConfigError("hydra.sweep.dir", said(error)) from None
        return Path(directory("hydra.sweep.dir", above)) / str(self.settings.name)

    def sweep(self, arguments: Words) -> Any:
        """Plans, works, tells how it ended; exits with 1 where a run failed."""
        import torch

        torch.set_num_threads(1)  # before a worker is forked: torch must not have started threads
        tell_hidden(self.composer.config.hydra.runtime.config_sources)
        if any(self.composer.grammar.override(word).key_or_group == "out" for word in arguments):
            tell_once(
                "`out` is for a single run; a sweep writes to `hydra.sweep.dir` and there to `hydra.sweeper.name`"
            )
        tracker = OmegaConf.select(self.composer.config, "train.tracker", throw_on_resolution_failure=False)
        trackers.check(tracker)
        wholes = [
            (whole, [(part, part._prepared(own)) for part, own in whole._parts(words)])
            for whole, words in self._studies(arguments)
        ]  # all are refused before a run of any begins
        works = [work for _, parts in wholes for _, work in parts]
        if self.settings.plan:
            self._tell(works)
            return
        if not self._resume_changed:
            grids = [work for work in works if isinstance(work, Plan)]
            refuse_interrupted(store for work in grids for store in work.interrupted())
        well = True
        for whole, parts in wholes:
            for part, work in parts:
                if well or self.settings.on_error == "continue":
                    well = part._done(work) and well
            if whole.settings.report:
                well = whole._write_report() and well
        if not well:
            sys.exit(1)

    def _studies(self, words: Words) -> Iterator[tuple["StudySweeper", Words]]:
        """Itself; or the studies of `+study=a,b`, each under its own name, with the words of its own command."""
        grammar = self.composer.grammar
        chosen = [override for override in map(grammar.override, words) if override.key_or_group == "study"]
        if not any(override.is_sweep_override() for override in chosen):
            yield self, words
            return
        named = any(text.startswith("hydra.sweeper.name=") for text in self.composer.config.hydra.overrides.hydra)
        others = [word for word in words if grammar.override(word).key_or_group != "study"]
        for name in grammar.alternatives(chosen[-1]):
            own = [f"+study={name}", *others]
            study = self._study(own, ("name",))
            yield (study.renamed(f"{self.settings.name}/{study.settings.name}") if named else study), own

    def _parts(self, words: Words) -> Iterator[tuple["StudySweeper", Words]]:
        """The studies that this one is made of, each with the words of its own command; else itself."""
        if not self.settings.studies:
            yield self, words
            return
        grammar, is_small = self.composer.grammar, self.composer.is_small
        typed = [word for word in words if grammar.override(word).key_or_group != "study"]
        for name, params in self.settings.studies.items():
            given = self.settings.params | (self.settings.small if is_small else params or {})
            own = [f"+study={name}", *grammar.texts(given), *typed]
            study = self._study(own, ("name", "params", "small", "studies"))
            yield study.renamed(f"{self.settings.name}/{name}", studies={}), own

    def _study(self, words: Words, without: Sequence[str]) -> "StudySweeper":
        """The study of such a command, but for the settings that this command has for itself."""
        composer = self.composer.study(words, without)
        study = StudySweeper(settings.read(composer.config.hydra.sweeper))
        study.composer = composer
        return study

    def renamed(self, name: str, **changes: Any) -> "StudySweeper":
        study = StudySweeper(dataclasses.replace(self.settings, name=name, **changes))
        study.composer = self.composer
        return study

    def _prepared(self, words: Words) -> Work:
        compared.check(self.settings)
        chosen = SearchPlanner if self.settings.search else TunedPlanner if self.settings.tune else GridPlanner
        planner: SearchPlanner | TunedPlanner | GridPlanner = chosen(self.settings, self.composer, self.study)
        return planner.prepared(words)

    def _tell(self, works: Sequence[Work]) -> None:
        """What would be done."""
        from rnnsweep.sweep.forecast import forecast
        from rnnsweep.sweep.trials import Trials

        for tuned in (work for work in works if isinstance(work, TunedSweep)):
            for line in tuned_cost.forecast(tuned, self._count(), self.settings.stack):
                print(line, flush=True)
        for search in (work for work in works if isinstance(work, Search)):
            print(f"{search.study}: {Trials(search).summary()}", flush=True)
        for line in forecast([work for work in works if isinstance(work, Plan)], self._count(), self.settings.stack):
            print(line, flush=True)  # as it is measured

    def _write_report(self) -> bool:
        """The report of all that is in the study's directory, into it; a process of its own, free of torch."""
        sections = "study" if self.settings.studies else "task"
        study, out = str(self.study), str(self.study / "report")
        command = [sys.executable, "-m", "rnnsweep.report", study, "--sections", sections, "--out", out]
        return subprocess.run(command).returncode == 0

    # The work ------------------------------------------------------------------------------------------------

    def _done(self, work: Work) -> bool:
        """Does the work; whether no run failed and none is left."""
        match work:
            case Plan():
                return self._work(work)
            case Search():
                return self._search(work)
            case TunedSweep():
                return self._tune(work)

    def _work(self, plan: Plan) -> bool:
        """Works on the runs that are left; whether none failed."""
        from rnnsweep.sweep.view import closing_table

        progress = self._trained(plan)
        print(closing_table(progress), flush=True)
        return not (progress.failures() or progress.left)

    def _tune(self, tuned: TunedSweep) -> bool:
        """Works on the stages that are left; whether no run failed."""
        well = tuned.swept(self._stage)
        print(tuned_table.closing(tuned.tuned, tuned.study), flush=True)
        return well

    def _stage(self, plan: Plan) -> "Progress":
        if not self._resume_changed:
            refuse_interrupted(plan.interrupted(), OF_STAGES)
        progress = self._trained(plan, OF_STAGES)
        lines = failure_lines(progress.failures(), lambda _: "the same command tries it again")
        print("\n".join(lines), end="\n" * bool(lines), flush=True)
        return progress

    def _trained(self, plan: Plan, remedy: str = "`rerun=true` trains anew") -> "Progress":
        """Works on the runs of a plan that are left; `remedy`: what is said where code changed since runs finished."""
        from rnnsweep.sweep.view import Progress

        count = self._count()
        plan = self._saved(plan)
        retry_failed(map(plan.store, plan.runs), self._resume_changed)
        progress = Progress(plan)
        progress.look()
        print(f"{plan.study}: {progress.summary()}", flush=True)
        tell_finished((store for store in plan.finished() if store.path not in self.told), remedy)
        self.told |= {plan.store(run).path for run in plan.runs}
        task = WorkTask(plan.path.resolve(), self._options(count))
        if self.settings.published:
            published.tell(self.settings.published, plan.study)
        if plan.drawn:
            files.write(drawn_file(plan.study), json.dumps(plan.drawn))
        if plan.declared:
            Declared(plan.study, [], plan.declared).begin()
        if progress.left:
            self._launch(task, min(count, progress.left), plan.study)
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
            print(f"{plan.study}: goes on with the rerun that was interrupted", flush=True)
        return plan

    def _forget_stop(self, study: Path) -> None:
        """What failed before stops this command no more; where it does not heed that, another one still may."""
        if self.settings.on_error == "stop":
            files.delete(study / FOLDER / "stop")

    def _search(self, search: Search) -> bool:
        """Works on the trials that are left; whether none failed."""
        from rnnsweep.sweep.trials import Trials

        trials = Trials(search)
        over = {done: search.stores_of(counted(trials.study), done) for done in (False, True)}
        if not self._resume_changed:
            refuse_interrupted(over[False], OF_A_SEARCH)
        search.retry(trials.study, self._resume_changed)
        print(f"{search.study}: {trials.summary()}", flush=True)
        tell_finished((store for store in over[True] if store.record() is not None), OF_A_SEARCH)
        count = min(self._count(), self.settings.n_trials)
        if trials.left:
            self._forget_stop(search.study)
            if self.settings.published:
                published.tell(self.settings.published, search.study)
            self._launch(WorkTask(search.save().resolve(), self._options(count)), count, search.study)
        if (again := search.damaged(trials.study)).runs:
            self._launch(WorkTask(again.save().resolve(), self._options(count)), count, search.study)
        print(trials.closing_table(), flush=True)
        return not (trials.failed or trials.left)

    def _options(self, count: int) -> "WorkOptions":
        from rnnsweep.sweep.worker import WorkOptions

        how = self.settings
        return WorkOptions(how.stack, self._threads(count), how.on_error, count, self._resume_changed)

    @property
    def _resume_changed(self) -> bool:
        return bool(self.composer.config.get("resume_changed"))

    def _launch(self, task: WorkTask, count: int, study: Path) -> None:
        try:
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=self.composer.context, task_function=task, config=self.composer.for_launchers()
            )
        except TypeError as error:  # a setting that the launcher does not have
            raise ConfigError("hydra.launcher", str(error).splitlines()[0]) from None
        jobs = [self.composer.study_words() for _ in range(count)]
        if self.composer.launcher.startswith("rnnsweep.") or "basic_launcher" in self.composer.launcher:
            try:
                raise_from(launcher.launch(jobs, initial_job_idx=0))
            except Interrupted:
                print(f"\nstopped; the runs in hand have checkpoints: the same command continues {study}", flush=True)
                raise
        else:
            try:
                watch(lambda: launcher.launch(jobs, initial_job_idx=0), task)
            except KeyboardInterrupt:
                print(f"\nno longer watching; workers elsewhere go on: python -m rnnsweep.status {study}", flush=True)
                raise

    def _threads(self, count: int) -> int:
        """Threads of each worker; 0: all cores of the job that it is, where a cluster gives each its own."""
        here = self.composer.is_here
        return int(self.composer.config.train.threads) or (max(1, cores() // count) if here else 0)

    def _count(self) -> int:
        if self.settings.workers != "auto":
            return int(self.settings.workers)
        launcher = self.composer.config.hydra.launcher
        if not self.composer.launcher.startswith("rnnsweep."):
            jobs = int(launcher.get("n_jobs") or 1)
            return jobs if jobs > 0 else cores()
        on_cpu = self.composer.config.train.device == "cpu"
        return (0 if on_cpu else len(launcher.gpus if launcher.gpus is not None else visible_gpus())) or cores()
