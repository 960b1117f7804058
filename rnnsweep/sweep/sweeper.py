"""The study sweeper: plans a set of runs and starts workers that pull from it, through any Hydra launcher."""

import itertools
import json
import subprocess
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from rnnsweep import files, locks, trackers
from rnnsweep.config import GROUPS, Config, plain
from rnnsweep.errors import ConfigError
from rnnsweep.interpolation import settled
from rnnsweep.interrupt import Interrupted
from rnnsweep.planned import drawn_file
from rnnsweep.sweep import published as published_numbers
from rnnsweep.sweep.changes import OF_A_SEARCH, refuse_interrupted, retry_failed, tell_finished
from rnnsweep.sweep.grid import Grammar, Params, points
from rnnsweep.sweep.judge import validations
from rnnsweep.sweep.machine import cores, visible_gpus
from rnnsweep.sweep.objective import Objective, objective
from rnnsweep.sweep.plan import FOLDER, Plan, Planned, configs
from rnnsweep.sweep.samplers import Pruner, Sampler, check_sampler
from rnnsweep.sweep.search import Search, corner, counted
from rnnsweep.sweep.skip import Skip
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.watch import raise_from, watch

if TYPE_CHECKING:
    from rnnsweep.run import Run
    from rnnsweep.sweep.worker import WorkOptions


class StudySweeper:
    """A sweep is a set of runs in `multirun/<name>/`; the same command continues it, a larger grid extends it.

    Args:
        name: the study's directory below multirun/.
        params: key -> values or a text in Hydra's grammar; the command line's overrides come after and win.
        small: params that take the place of those of the same key under `size=small`.
        blocks: several sets of params; the sweep is the union of their grids, each with `params`.
        paired: sets of params whose values move together.
        draws: points that are drawn at random from what of the grid is a continuous range, or tagged `draw`; all else
            is run at each of them.
        skip: conditions over a run's settings; where one holds, there is no such run.
        workers: how many; auto: one a core, or one a GPU where there are.
        stack: runs of one shape that a worker trains as one program; auto: measured.
        on_error: continue with the other runs, or stop.
        plan: only tell what would be done.
        search: an Optuna sampler in place of the grid's product: tpe, random, gp, cmaes, qmc, nsgaii.
        n_trials: trials of a search in all, those of earlier commands included.
        seeds: of each trial; its value is their mean. A list or a text such as `range(3)`.
        metrics: what a search makes better, in the direction that the task declares; several make it multi-objective.
            A leading `-` says that a metric is maximised, and has to agree with the declaration.
        pruner: of a search: none, median, asha, hyperband.
        storage: of a search: an SQLAlchemy URL; null: a journal file in the study's directory.
        published: numbers of a paper that the report compares with; see published.py.
        studies: other studies by name, with params in the place of their own: each is swept after the one before, in
            a directory of its own below this one's. `params` are then for all of them, and `small` in the place of each
            one's under `size=small`.
        report: write the report into the study's directory when the sweep ends.
    """

    def __init__(
        self,
        name: str,
        params: Params | None = None,
        small: Params | None = None,
        blocks: Sequence[Params] | None = None,
        paired: Sequence[Params] | None = None,
        draws: int | None = None,
        skip: str | Sequence[str] | None = None,
        workers: int | Literal["auto"] = "auto",
        stack: int | Literal["auto"] = "auto",
        on_error: Literal["continue", "stop"] = "continue",
        plan: bool = False,
        search: str | None = None,
        n_trials: int = 20,
        seeds: Sequence[int] | str = (0,),
        metrics: Sequence[str] | str = ("val/loss",),
        pruner: str = "none",
        storage: str | None = None,
        published: Config | None = None,
        studies: Mapping[str, Params | None] | None = None,
        report: bool = False,
    ):
        self.studies: Mapping[str, Params | None] = studies or {}
        self.report = report
        self.published = published_numbers.read(published) if published else None
        self.search, self.n_trials, self.pruner, self.storage = search, n_trials, pruner, storage
        self.seeds = seeds if isinstance(seeds, str) else ",".join(map(str, seeds))
        self.metrics = (metrics,) if isinstance(metrics, str) else tuple(metrics)
        self.name, self.workers, self.stack, self.on_error, self.plan_only = name, workers, stack, on_error, plan
        self.draws, self.drawn = draws, set[str]()
        self.params, self.small = params or {}, small or {}
        self.blocks, self.paired = blocks or [{}], paired or []
        self.of_grids = {"blocks": bool(blocks), "paired": bool(paired), "draws": draws is not None, "skip": bool(skip)}
        self.skip = Skip([skip] if isinstance(skip, str) else skip or [])
        for key, value in (("workers", workers), ("stack", stack)):
            if value != "auto" and not (isinstance(value, int) and value >= 1):
                raise ConfigError(f"hydra.sweeper.{key}", f"expected auto or at least 1, got {value!r}")
        for key, number in (("n_trials", n_trials), ("draws", draws)):
            if number is not None and not number >= 1:
                raise ConfigError(f"hydra.sweeper.{key}", f"expected at least 1, got {number!r}")
        if not self.metrics or (pruner != "none" and len(self.metrics) > 1):
            raise ConfigError("hydra.sweeper.metrics", "expected at least one, and exactly one where trials are pruned")
        for key, choice, known in (
            ("on_error", on_error, ("continue", "stop")),
            ("search", search or "tpe", typing.get_args(Sampler)),
            ("pruner", pruner, typing.get_args(Pruner)),
        ):
            if choice not in known:
                raise ConfigError(f"hydra.sweeper.{key}", f"expected one of {', '.join(known)}, got {choice!r}")

    @classmethod
    def of(cls, settings: Mapping[str, Any], **changes: Any) -> "StudySweeper":
        """From a node of Hydra's config; interpolations in what describes the runs stay, for the config of each run."""
        described = ("params", "small", "blocks", "paired", "studies")
        plain: dict[str, Any] = {
            key: OmegaConf.to_container(value, resolve=key not in described) if OmegaConf.is_config(value) else value
            for key, value in settings.items()
            if not key.startswith("_")
        }
        return cls(**plain | changes)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Plans, works, tells how it ended; exits with 1 where a run failed."""
        import torch

        torch.set_num_threads(1)  # before a worker is forked: torch must not have started threads
        trackers.check(self.config.train.tracker)
        parts = [(part, part._prepared(own)) for part, own in self._parts(arguments)]  # refused before a run begins
        if self.plan_only:
            self._tell([work for _, work in parts])
            return
        if not self._resume_changed:
            refuse_interrupted(store for _, work in parts if isinstance(work, Plan) for store in work.interrupted())
        well = True
        for part, work in parts:
            well = (part._search(work) if isinstance(work, Search) else part._work(work)) and well
            if not well and self.on_error == "stop":
                break
        if self.report:
            well = self._write_report() and well
        if not well:
            sys.exit(1)

    def _parts(self, arguments: list[str]) -> Iterator[tuple["StudySweeper", list[str]]]:
        """The studies that this one is made of, each with what the command line would be for it; else itself."""
        if not self.studies:
            yield self, arguments
            return
        grammar = Grammar(self.hydra_context.config_loader, self.config)
        typed = [argument for argument in arguments if not argument.startswith("+study=")]
        for name, params in self.studies.items():
            given = self.params | (self.small if self._is_small else params or {})
            own = [f"+study={name}", *grammar.texts(given), *typed]
            config = self._master([text for text in own if grammar.is_general(grammar.override(text))])
            part = StudySweeper.of(config.hydra.sweeper, name=f"{self.name}/{name}", studies=None)
            part.setup(hydra_context=self.hydra_context, task_function=lambda _: None, config=config)
            yield part, own

    def _master(self, overrides: list[str]) -> DictConfig:
        """The config of another study, as its own command under these settings of Hydra would compose it."""
        mine = tuple(f"hydra.sweeper.{key}" for key in ("name", "params", "small", "studies"))
        ours = [text for text in self.config.hydra.overrides.hydra if not text.lstrip("+~").startswith(mine)]
        name = self.config.hydra.job.config_name
        return self.hydra_context.config_loader.load_configuration(name, [*ours, *overrides], RunMode.MULTIRUN)

    def _prepared(self, arguments: list[str]) -> Plan | Search:
        return self._described(arguments) if self.search else self._plan(arguments)

    def _tell(self, works: Sequence[Plan | Search]) -> None:
        """What would be done."""
        from rnnsweep.sweep.forecast import forecast
        from rnnsweep.sweep.trials import Trials

        for search in (work for work in works if isinstance(work, Search)):
            print(f"{search.study}: {Trials(search).summary()}", flush=True)
        for line in forecast([work for work in works if isinstance(work, Plan)], self._count(), self.stack):
            print(line, flush=True)  # as it is measured

    def _write_report(self) -> bool:
        """The report of all that is in the study's directory, into it; a process of its own, free of torch."""
        study = Path(self.config.hydra.sweep.dir) / self.name
        sections = "study" if self.studies else "task"
        command = ["-m", "rnnsweep.report", str(study), "--sections", sections, "--out", str(study / "report")]
        return subprocess.run([sys.executable, *command]).returncode == 0

    # The plan ------------------------------------------------------------------------------------------------

    def _plan(self, arguments: list[str]) -> Plan:
        from rnnsweep.naming import names_in
        from rnnsweep.run import identify

        study, own = Path(self.config.hydra.sweep.dir) / self.name, self._own_groups()
        found: dict[str, tuple[Run, list[str]]] = {}
        for config, overrides in configs(self._compose, self._points(arguments)):
            run = identify(config | self._of_each_run)
            if not self.skip(run.config):
                found.setdefault(run.fingerprint, (run, overrides))
        if not found:
            raise ConfigError("hydra.sweeper.skip", "leaves no run")
        names = names_in(study, [run for run, _ in found.values()])
        runs = [
            Planned(names[digest], run.signature, run.written, _of_a_run(overrides), own, digest)
            for digest, (run, overrides) in found.items()
        ]
        return Plan(study, runs).resumed(bool(self.config.rerun))

    @property
    def _of_each_run(self) -> Config:
        """Settings that are the sweep's and not a run's, as they stand in each run's config."""
        out = str(Path(self.config.hydra.sweep.dir) / self.name)
        return {"out": out, "rerun": False, "resume_changed": False}

    def _points(self, arguments: list[str]) -> Any:
        grammar = Grammar(self.hydra_context.config_loader, self.config)
        together = [grammar.paired(paired) for paired in self.paired]
        blocks = []
        for block in self.blocks:
            texts = grammar.texts(self._sized_params() | dict(block))
            drawn = [text for text in (*texts, *arguments) if self.draws and grammar.is_drawn(text)]
            self.drawn |= {grammar.override(text).get_key_element() for text in drawn}
            params, own = ([grammar.axis(text) for text in part if text not in drawn] for part in (texts, arguments))
            at_random = [grammar.drawn(drawn, self.draws)] if self.draws and drawn else []
            blocks.append([*params, *together, *at_random, *own])
        return points(blocks)

    def _sized_params(self) -> Params:
        return self.params | (self.small if self._is_small else {})

    @property
    def _is_small(self) -> bool:
        return bool(self.config.get("size") == "small")

    def _compose(self, overrides: list[str]) -> Config:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        choices = config.hydra.runtime.choices
        with open_dict(config):
            config.pop("hydra")
        return settled(plain(OmegaConf.to_container(config), choices))

    # The search ----------------------------------------------------------------------------------------------

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
        count = min(self._count(), self.n_trials)
        if trials.left:
            files.delete(search.study / FOLDER / "stop")
            if self.published:
                published_numbers.tell(self.published, search.study)
            self._launch(WorkTask(search.save().resolve(), self._options(count)), count, search.study)
        print(trials.closing_table(), flush=True)
        return not (trials.failed or trials.left)

    def _objectives(self, firsts: "Sequence[Run]") -> tuple[Objective, ...]:
        """What the search makes better: the same in all that it searches over.

        Raises:
            ConfigError: a metric is no objective, two tasks declare it differently, or no pruner can see it.
        """
        found = {tuple(objective(typed, first) for typed in self.metrics) for first in firsts}
        if len(found) > 1:
            problem = f"the tasks of this search declare different directions for {', '.join(self.metrics)}"
            raise ConfigError("hydra.sweeper.metrics", f"{problem}; search over one task")
        (objectives,) = found
        for each in objectives:
            if self.pruner != "none" and not each.known_on_the_way:
                problem = f"a pruner judges by values on the way, and `{each.name}` is known at the end of a run"
                raise ConfigError("hydra.sweeper.pruner", f"{problem}; use `none`, or a metric such as `val/loss`")
        return objectives

    def _described(self, arguments: list[str]) -> Search:
        """The search that the params and the command line describe."""
        from rnnsweep.run import Run, identify

        grammar = Grammar(self.hydra_context.config_loader, self.config)
        params = self._sized_params()
        texts = [*grammar.texts(params), *arguments]
        overrides = {override.key_or_group: (override, text) for text in texts for override in [grammar.override(text)]}
        for setting, given in self.of_grids.items():
            if given:
                problem = "belongs to a grid; a search draws from params and the command line alone"
                raise ConfigError(f"hydra.sweeper.{setting}", problem)
        if self.config.rerun:
            raise ConfigError("rerun", "a search is not trained anew; give it another hydra.sweeper.name")
        _, seeds_text = overrides.pop("seed", (None, f"seed={self.seeds}"))  # the seeds of each trial, not a dimension
        groups: dict[str, list[str]] = {}
        space: dict[str, dict[str, Any]] = {}
        fixed = []
        for key, (override, text) in overrides.items():
            if not override.is_sweep_override():
                fixed.append(text)
            elif grammar.is_group(override):
                groups[key] = grammar.alternatives(override)
            else:
                space[key] = grammar.distribution(override)
        bases, identities, firsts = {}, {}, list[Run]()
        for names in itertools.product(*groups.values()):
            choice = [f"{group}={name}" for group, name in zip(groups, names, strict=True)]
            bases[" ".join(choice)] = self._base([*fixed, *choice], space, set(overrides), grammar)
            first = identify(corner(*bases[" ".join(choice)]))  # a wrong key is refused before a trial
            identities[" ".join(choice)] = first.id
            firsts.append(first)
        if not groups and not any(found for _, found in bases.values()):
            raise ConfigError("hydra.sweeper.search", "there is nothing to search over, such as optimizer.lr=1e-3,1e-2")
        seeds = tuple(int(setting.value) for (setting,) in grammar.axis(seeds_text))
        study = Path(self.config.hydra.sweep.dir) / self.name
        check_sampler(typing.cast(Sampler, self.search))
        sampler, pruner = typing.cast(Sampler, self.search), typing.cast(Pruner, self.pruner)
        metrics, spans = tuple(map(str, self._objectives(firsts))), list(map(validations, firsts))
        tokens = min(first for first, _ in spans), max(last for _, last in spans)
        return Search(
            study, sampler, pruner, self.n_trials, metrics, seeds, self.storage, groups, bases, identities, tokens
        )

    def _base(
        self, overrides: list[str], space: dict[str, dict[str, Any]], given: set[str], grammar: Grammar
    ) -> tuple[Config, dict[str, dict[str, Any]]]:
        """A config to set a trial's values on, and its space: the command's, and what its groups' `_search_` adds."""
        config = self._compose(overrides)
        found = dict(space)
        for group in GROUPS:
            for name, text in (config[group].pop("_search_", None) or {}).items():
                if f"{group}.{name}" not in given:
                    found[f"{group}.{name}"] = grammar.distribution(grammar.override(f"{group}.{name}={text}"))
        return config | self._of_each_run, found

    # The work ------------------------------------------------------------------------------------------------

    def _work(self, plan: Plan) -> bool:
        """Works on the runs that are left; whether none failed."""
        from rnnsweep.sweep.view import Progress, closing_table

        count = self._count()
        plan = self._saved(plan)
        retry_failed(map(plan.store, plan.runs), self._resume_changed)
        progress = Progress(plan)
        progress.look()
        print(f"{plan.study}: {progress.summary()}", flush=True)
        tell_finished(plan.finished())
        task = WorkTask(plan.path.resolve(), self._options(count))
        if self.published:
            published_numbers.tell(self.published, plan.study)
        if self.drawn:
            files.write(drawn_file(plan.study), json.dumps(sorted(self.drawn)))
        if progress.left:
            self._launch(task, min(count, progress.left), plan.study)
        print(closing_table(progress), flush=True)
        return not (progress.failures() or progress.left)

    def _saved(self, plan: Plan) -> Plan:
        """The plan in its generation, written; with `rerun=true` a second command joins the first one's."""
        files.make(plan.study / FOLDER)
        files.delete(plan.study / FOLDER / "stop")
        with locks.alone(plan.study / FOLDER / ".plan"):
            goes_on = plan.resumed(rerun=False).is_rerun
            plan = plan.resumed(bool(self.config.rerun))
            plan.save()
        if goes_on:
            print(f"{plan.study}: goes on with the rerun that was interrupted", flush=True)
        return plan

    def _options(self, count: int) -> "WorkOptions":
        from rnnsweep.sweep.worker import WorkOptions

        return WorkOptions(self.stack, self._threads(count), self.on_error, count, self._resume_changed)

    @property
    def _resume_changed(self) -> bool:
        return bool(self.config.resume_changed)

    def _launch(self, task: WorkTask, count: int, study: Path) -> None:
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context, task_function=task, config=self.config
        )
        jobs: list[list[str]] = [[] for _ in range(count)]
        if self._target.startswith("rnnsweep.") or "basic_launcher" in self._target:
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
        here = any(name in self._target for name in ("rnnsweep", "basic", "joblib"))
        return int(self.config.train.threads) or (max(1, cores() // count) if here else 0)

    @property
    def _target(self) -> str:
        return str(self.config.hydra.launcher._target_)

    def _own_groups(self) -> list[str]:
        """The arguments that named the user's folders of config groups."""
        sources = self.config.hydra.runtime.config_sources
        folders = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        searched = [f"{s.schema}://{s.path}" for s in sources if s.provider.endswith("in command-line")]
        return folders + ([f"hydra.searchpath=[{','.join(searched)}]"] if searched else [])

    def _count(self) -> int:
        if self.workers != "auto":
            return int(self.workers)
        launcher = self.config.hydra.launcher
        if not self._target.startswith("rnnsweep."):
            jobs = int(launcher.get("n_jobs") or 1)
            return jobs if jobs > 0 else cores()
        on_cpu = self.config.train.device == "cpu"
        return (0 if on_cpu else len(launcher.gpus if launcher.gpus is not None else visible_gpus())) or cores()


def _of_a_run(overrides: list[str]) -> list[str]:
    """The overrides without what is the sweep's: how its command was meant this time."""
    return [text for text in overrides if not text.lstrip("+").startswith(("rerun=", "resume_changed="))]
