"""Searches: trials of an Optuna study in the place of a grid's points; the same workers, stores and stacks.

A trial is a choice of values; its runs are those values with each of the seeds, and its value is their mean. What is
needed to train a trial is in the search's file and the trial's parameters, so a worker that finds a trial whose owner
died finishes it: recovery is a query.
"""

import dataclasses
import hashlib
import importlib.util
import json
import math
import re
import statistics
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from rnnsweep import files, locks, rng, run
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.run import Run
from rnnsweep.sweep.plan import FOLDER, Plan, Planned, with_values
from rnnsweep.sweep.worker import IDLE_SECONDS, Board, Claimed, Worker, WorkOptions
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.train import Member
from rnnsweep.types import Split

if TYPE_CHECKING:
    import optuna

RETRIED = "retried"
"""The attribute of an Optuna study that lists the failed trials whose parameters were tried again."""

Sampler = Literal["tpe", "random", "gp", "cmaes", "qmc", "nsgaii"]
Pruner = Literal["none", "median", "asha", "hyperband"]
Space = dict[str, dict[str, Any]]
"""Key -> an Optuna distribution as JSON, by its own json_to_distribution."""


@dataclasses.dataclass(frozen=True)
class Search:
    """A search in a study's directory: all that a worker needs, on any machine."""

    study: Path
    sampler: Sampler
    pruner: Pruner
    n_trials: int
    """Trials in all, those of earlier commands included."""
    metrics: tuple[str, ...]
    """What is minimised or, with a leading `-`, maximised: `val/loss`, `-val/accuracy`, `parameters`, `seconds`."""
    seeds: tuple[int, ...]
    storage: str | None
    """An SQLAlchemy URL such as postgresql+psycopg://…; None: a journal file in the study's directory."""
    groups: dict[str, list[str]]
    """Config groups that are searched over, with the choices."""
    bases: dict[str, tuple[Config, Space]]
    """For each choice of groups, joined by spaces: the config, and what is searched over in it."""
    identities: dict[str, str]
    """For each choice of groups: the id of a run at a corner of the space, which covers all that changes a result."""
    tokens: tuple[int, int] = (1, 1)
    """What a run at a corner of the space has read at its first validation and at its last: between them lie the rungs
    at which trials are pruned."""

    @property
    def name(self) -> str:
        """The Optuna study's name: another space is another study, another device is not."""
        spaces = {choice: space for choice, (_, space) in self.bases.items()}
        content = json.dumps([self.metrics, self.seeds, self.groups, self.identities, spaces], sort_keys=True)
        return f"{self.study.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    def save(self) -> Path:
        """Writes the search; the same search is the same file."""
        content = json.dumps(dataclasses.asdict(self) | {"study": str(self.study)})
        folder = self.study / FOLDER
        with files.faults(folder):
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"search-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"
        files.write(path, content)
        return path

    @classmethod
    def load(cls, path: Path) -> "Search":
        """The search that a sweep has just written.

        Raises:
            ConfigError: it is damaged.
        """
        search = _read(path)
        if search is None:
            raise ConfigError(str(path), "not a search; run the sweep's command again, which writes it anew")
        return search

    def open(self) -> "optuna.Study":
        """The Optuna study, made when it does not exist.

        Raises:
            ConfigError: the storage cannot be reached.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        up, down = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
        directions = [up if metric.startswith("-") else down for metric in self.metrics]

        def opened() -> "optuna.Study":
            return optuna.create_study(
                study_name=self.name,
                storage=self._storage(),
                directions=directions,
                pruner=_pruner(self.pruner, *self.tokens),
                load_if_exists=True,
            )

        try:
            try:
                return opened()
            except Exception:  # each storage raises its driver's own
                # of two processes that make an empty database's tables at once one is refused; then they are there
                if self.storage is None:
                    raise
                time.sleep(1)
                return opened()
        except Exception as error:
            place = re.sub(r"//[^@/]*@", "//", self.storage or "the study's journal")
            problem = f"cannot open {place}: {str(error).splitlines()[0]}"
            raise ConfigError("hydra.sweeper.storage", problem) from None

    def retry(self, study: "optuna.Study") -> None:
        """Gives each failed trial's parameters to a new one, which counts in its place, and takes its record away."""
        with self.one_at_a_time():
            for trial in counted(study):
                if trial.state.name == "FAIL":
                    study.set_user_attr(RETRIED, [*study.user_attrs.get(RETRIED, []), trial.number])
                    study.enqueue_trial(trial.params)
                    for name in trial.user_attrs.get("runs", []):
                        RunStore(self.study / name).forget_failure()

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Between the count of the trials and the next one no other worker asks."""
        folder = self.study / FOLDER
        with files.faults(folder):
            folder.mkdir(parents=True, exist_ok=True)  # a search whose trials are in a database may have none yet
        with locks.alone(folder / ".ask"):
            yield

    def _storage(self) -> Any:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        if self.storage is not None:
            return self.storage
        (self.study / FOLDER).mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(self.study / FOLDER / "optuna.journal")))

    def planned(self, trial: Any) -> list[Planned]:
        """The runs of a trial, one a seed, from its parameters alone."""
        choice = " ".join(f"{group}={trial.params[group]}" for group in self.groups)
        config, space = self.bases[choice]
        runs = []
        for seed in self.seeds:
            values = {key: trial.params[key] for key in space}
            member = run.identify(with_values(config, values | {"seed": seed}))
            overrides = [*choice.split(), *(f"{key}={value}" for key, value in values.items()), f"seed={seed}"]
            runs.append(Planned(member.id, member.signature, member.written, overrides))
        return runs

    def suggest(self, trial: "optuna.Trial") -> None:
        """Draws the trial's parameters: the groups first, then what the chosen ones are searched over."""
        from optuna.distributions import CategoricalDistribution, json_to_distribution

        for group, choices in self.groups.items():
            trial._suggest(group, CategoricalDistribution(choices))
        choice = " ".join(f"{group}={trial.params[group]}" for group in self.groups)
        for key, distribution in self.bases[choice][1].items():
            trial._suggest(key, json_to_distribution(json.dumps(distribution)))


def counted(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """The trials that n_trials counts: all but the failed ones that were tried again."""
    gone = set(study.user_attrs.get(RETRIED, []))
    return [trial for trial in study.get_trials(deepcopy=False) if trial.number not in gone]


def corner(config: Config, space: Space) -> Config:
    """The config at one corner of the space."""
    from optuna.distributions import CategoricalDistribution, json_to_distribution

    distributions = {key: json_to_distribution(json.dumps(found)) for key, found in space.items()}
    return with_values(
        config,
        {key: d.choices[0] if isinstance(d, CategoricalDistribution) else d.low for key, d in distributions.items()},  # type: ignore[attr-defined]
    )


def _sampler(name: Sampler, seed: int) -> Any:
    """The sampler with its options spelled out: Optuna's defaults change between versions."""
    from optuna import exceptions, samplers

    warnings.filterwarnings("ignore", category=exceptions.ExperimentalWarning)
    if name == "tpe":
        return samplers.TPESampler(multivariate=True, group=True, constant_liar=True, n_startup_trials=10, seed=seed)
    if name == "random":
        return samplers.RandomSampler(seed=seed)
    if name == "gp":
        return samplers.GPSampler(n_startup_trials=10, seed=seed)
    if name == "cmaes":
        return samplers.CmaEsSampler(n_startup_trials=1, seed=seed, warn_independent_sampling=False)
    if name == "qmc":
        return samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False)
    return samplers.NSGAIISampler(population_size=20, seed=seed)


def check_sampler(name: Sampler) -> None:
    """Raises a ConfigError where a sampler's own package is missing; Optuna would say so in the midst of a trial."""
    for package in {"gp": ["scipy"], "qmc": ["scipy"], "cmaes": ["cmaes"]}.get(name, []):
        if importlib.util.find_spec(package) is None:
            problem = f"{name} needs {package}; pip install 'rnnsweep[search]'"
            raise ConfigError("hydra.sweeper.search", problem)


def metric_names(first: Run) -> list[str]:
    """The metrics that the records of such runs will have, from one validation batch."""
    model = run.make_model(first.config, first.classes, first.task).eval()
    with torch.no_grad():
        _, metrics, _ = first.task.loss(model, next(first.task.evaluation("val")), ())
    names = first.task.derive({name: (total / count).item() for name, (total, count) in metrics.items()})
    return [f"{split}/{name}" for split in ("val", "test") for name in names]


def tokens_read(task: AbstractTask, step: int) -> int:
    """What a run has read after `step` training steps."""
    return step * task.batch_size * int(task.batch(0)["inputs"].shape[1])


def validations(first: Run) -> tuple[int, int]:
    """The tokens that a run has read at its first validation and at its last."""
    epoch = first.task.steps_per_epoch
    steps = first.train.total_steps(epoch)
    return tokens_read(first.task, min(steps, first.train.steps_between(epoch))), tokens_read(first.task, steps)


def _pruner(name: Pruner, first: int, last: int) -> Any:
    """Pruners see the tokens that a trial has read, so trials are compared at equal work.

    Successive halving (Li et al. 2020) lets the better third of those that came as far go on, at `first` tokens, at
    three times as many, and so on; Hyperband (Li et al. 2018) has brackets of it that begin later and later. A rung
    below the first validation would be passed there together with the next, by a ninth.
    """
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0)
    if name == "asha":
        return pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=3)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=first, max_resource=last, reduction_factor=3)
    return pruners.NopPruner()


class Judge(Board):
    """Reports a trial's validation losses, averaged over its seeds, and prunes its runs when the pruner says so."""

    def __init__(self, study: Path):
        super().__init__(study)
        self.trial: optuna.Trial | None = None
        self.heard: dict[int, dict[str, tuple[Member, float]]] = {}
        self.members: dict[str, Member] = {}
        self.seeds = 1

    def judge(self, trial: "optuna.Trial | None", seeds: int) -> None:
        self.trial, self.seeds, self.heard, self.members = trial, seeds, {}, {}

    def logged(self, member: Member, step: int, split: Split, metrics: dict[str, float]) -> None:
        super().logged(member, step, split, metrics)
        if self.trial is None or split != "val":
            return
        seen = self.heard.setdefault(step, {})
        seen[member.run] = (member, metrics["loss"])
        self.members[member.run] = member
        gone = [name for name, each in self.members.items() if each.status != "running" and name not in seen]
        if len(self.state["runs"]) < self.seeds or len(seen) + len(gone) < self.seeds:
            return  # seeds that were cut off at different steps are trained apart, and are not judged
        self.trial.report(statistics.fmean(loss for _, loss in seen.values()), tokens_read(member.task, step))
        if self.trial.should_prune():
            for each, _ in seen.values():
                each.status = "pruned"


class SearchWorker(Worker):
    """Takes trials: those that lost their owner first, then new ones, until the search has as many as it asked for."""

    def __init__(self, search: Search, options: WorkOptions, stop: StopRequest):
        super().__init__(Plan(search.study, []), options, stop)
        self.search = search
        self.judge = Judge(search.study)
        self.board = self.judge

    def work(self) -> None:
        """Returns when the search has its trials.

        Raises:
            Interrupted: a signal came; the runs in hand have their checkpoints, and the trial waits for them.
        """
        self._set_threads()
        self.trials = self.search.open()
        try:
            while not self.stop_file.exists():
                if self.stop.signum:
                    raise Interrupted(self.stop.signum)
                found = self._next()
                if found is None:
                    return
                if not self._trained(*found):
                    time.sleep(IDLE_SECONDS)
        finally:
            self.board.close()

    def _next(self) -> "tuple[optuna.Trial, list[Planned]] | None":
        """A trial to work on and its runs, none where others are at all that is left; None when all are over."""
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
        self.trials.sampler = _sampler(self.search.sampler, rng.key(self.search.seeds[0], "sampling", index) % 2**31)
        self.search.suggest(trial)
        trial.set_user_attr("runs", [planned.id for planned in self.search.planned(trial)])

    def _drawn(self, frozen: "optuna.trial.FrozenTrial") -> bool:
        return "runs" in frozen.user_attrs

    def _over(self, store: RunStore) -> bool:
        return store.record() is not None if self.search.pruner != "none" else super()._over(store)

    def _held(self, planned: Planned) -> bool:
        """Whether a process that lives trains this run."""
        store = self.plan.store(planned)
        if not store.path.exists():
            return False
        free = store.claim()
        store.release()
        return not free

    def _trained(self, trial: "optuna.Trial", runs: list[Planned]) -> bool:
        """Trains what a trial's runs still need and tells its value; False where others are at it."""
        self.left = list(runs)
        self.judge.judge(trial if self.search.pruner != "none" and len(self.search.metrics) == 1 else None, len(runs))
        claimed: Claimed = [taken for taken in map(self._take, list(self.left)) if taken is not None]
        try:
            if len(claimed) < len(self.left) or not runs:
                return False
            if claimed:
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
            self.trials.tell(trial, [value(metric, found) for metric in self.search.metrics], skip_if_finished=True)


def value(metric: str, records: list[RunRecord]) -> float:
    """A metric's mean over the seeds at their best validation; the worst there is where one diverged."""
    name, worst = metric.removeprefix("-"), -math.inf if metric.startswith("-") else math.inf
    if name in ("parameters", "seconds"):
        return statistics.fmean(float(getattr(record, name)) for record in records)
    if any(record.status == "diverged" for record in records):
        return worst
    if missing := [record for record in records if name not in record.best]:
        known = ", ".join(key for key in missing[0].best if "/" in key)
        raise ConfigError("hydra.sweeper.metrics", f"no run has `{name}`; there are {known}, parameters, seconds")
    return statistics.fmean(worst if record.best[name] is None else float(record.best[name] or 0) for record in records)


def searches(study: Path) -> list[Search]:
    """All searches that were begun in a study's directory, each once though its number of trials grew."""
    paths = sorted((study / FOLDER).glob("search-*.json"), key=lambda path: path.stat().st_mtime)
    return list({search.name: search for search in map(_read, paths) if search is not None}.values())


def _read(path: Path) -> Search | None:
    """The search of a file; None where it is damaged, which is said once."""
    search = files.read(path, Search)
    return search and dataclasses.replace(search, study=path.parent.parent)
