"""A worker of a search: it takes trials, trains their runs and tells Optuna their values.

What is needed to train a trial is in the search's file and the trial's parameters. So a worker that finds a trial whose
owner died finishes it.
"""

import time
from typing import TYPE_CHECKING

from rnnsweep import rng
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.pruning import Pruning
from rnnsweep.sweep.samplers import sampler
from rnnsweep.sweep.search import OF_OTHERS, Search, counted
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import IDLE_SECONDS, Claimed, Worker

if TYPE_CHECKING:
    import optuna


class SearchWorker(Worker):
    """Takes trials: those that lost their owner first, then new ones, until the search has as many as it asked for."""

    def __init__(self, search: Search, options: WorkOptions, stop: StopRequest):
        super().__init__(Plan(search.study, []), options, stop)
        self.search = search

    def work(self) -> None:
        """Returns when the search has its trials.

        Raises:
            ConfigError: the runs would be others than the search's.
            Interrupted: a signal came; the runs in hand have their checkpoints, and the trial waits for them.
        """
        self.search.check()
        self.trials = self.search.open()
        super().work()

    def _work(self) -> None:
        while not self._has_to_stop():
            if self.stop.signum:
                raise Interrupted(self.stop.signum)
            found = self._next()
            if found is None:
                return
            if not self._trained(*found):
                time.sleep(IDLE_SECONDS)

    def _next(self) -> "tuple[optuna.Trial, list[Planned]] | None":
        """A trial to work on and its runs. No runs: other workers have all that is left. None: all trials are over."""
        import optuna

        with self.search.one_at_a_time():
            trials = self.trials.get_trials(deepcopy=False)
            running = [trial for trial in trials if trial.state == optuna.trial.TrialState.RUNNING]
            for frozen in running:
                trial = optuna.Trial(self.trials, frozen._trial_id)
                if not self._drawn(frozen):  # nobody draws but under this lock: its owner died while it drew
                    self._draw(trial, len(trials))
                    return trial, self.search.planned(trial)
                runs = self.search.planned(frozen)
                if not any(self._held(planned) for planned in runs):
                    return trial, runs
            waiting = any(trial.state == optuna.trial.TrialState.WAITING for trial in trials)
            if waiting or len(counted(self.trials)) < self.search.n_trials:
                trial = self.trials.ask()
                self._draw(trial, len(trials))
                return trial, self.search.planned(trial)
        return (optuna.Trial(self.trials, running[0]._trial_id), []) if running else None

    def _draw(self, trial: "optuna.Trial", count: int) -> None:
        # a fixed seed would repeat the first draws after a restart; only a Sobol sequence is one sequence
        index = 0 if self.search.sampler == "qmc" else count
        self.trials.sampler = sampler(self.search.sampler, rng.key(self.search.seeds[0], "sampling", index) % 2**31)
        self.search.suggest(trial)
        runs = [planned.id for planned in self.search.planned(trial)]
        if there := self.search.runs_of_others(self.trials, runs):
            trial.set_user_attr(OF_OTHERS, there)
        trial.set_user_attr("runs", runs)
        self.search.note_repeats(self.trials)

    def _drawn(self, frozen: "optuna.trial.FrozenTrial") -> bool:
        return "runs" in frozen.user_attrs

    def _over(self, planned: Planned) -> bool:
        return self.plan.record(planned) is not None if self.search.pruner != "none" else super()._over(planned)

    def _held(self, planned: Planned) -> bool:
        """Whether a living process trains this run."""
        store = self.plan.store(planned)
        if not store.path.exists():
            return False
        free = store.claim()
        store.release()
        return not free

    def _trained(self, trial: "optuna.Trial", runs: list[Planned]) -> bool:
        """Trains what a trial's runs still need and tells its value; False if another worker trains them."""
        self.left = list(runs)
        claimed: Claimed = [taken for taken in map(self._take, list(self.left)) if taken is not None]
        try:
            if len(claimed) < len(self.left) or not runs:
                return False
            if claimed:
                if self.search.pruner != "none":
                    (objective,) = self.search.objectives
                    self.should_prune = Pruning(trial, runs, self.plan, objective)
                self._train(claimed)
            self._tell(trial, runs)
        finally:
            for _, store in claimed:
                store.release()
        return True

    def _tell(self, trial: "optuna.Trial", runs: list[Planned]) -> None:
        from optuna.trial import TrialState

        records = [self.plan.store(planned).record() for planned in runs]
        found = [record for record in records if record is not None]
        statuses = {record.status for record in found}
        if "failed" in statuses or len(found) < len(runs):
            self.trials.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        elif "pruned" in statuses:
            self.trials.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        else:
            reached = [objective.of(found) for objective in self.search.objectives]
            self.trials.tell(trial, reached, skip_if_finished=True)
