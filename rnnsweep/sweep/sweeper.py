"""The study sweeper: plans a set of runs and starts workers that pull from it, through any Hydra launcher."""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnsweep import trackers
from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.hidden import tell_hidden
from rnnsweep.interpolation import said
from rnnsweep.places import directory
from rnnsweep.sweep import compared, settings, tuned_cost
from rnnsweep.sweep.changes import refuse_interrupted
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.executor import Executor, Work
from rnnsweep.sweep.grid_planner import GridPlanner
from rnnsweep.sweep.load import Load
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.search import Search
from rnnsweep.sweep.search_planner import SearchPlanner
from rnnsweep.sweep.settings import Sweep
from rnnsweep.sweep.tuned import TunedSweep
from rnnsweep.sweep.tuned_planner import TunedPlanner
from rnnsweep.sweep.unused import tell_unused
from rnnsweep.sweep.workers import Workers

Words = list[str]
"""What the command line says of a sweep's runs."""


class StudySweeper:
    """A sweep is a set of runs in `multirun/<name>/`; the same command continues it, a larger grid extends it."""

    def __init__(self, settings: Sweep):
        self.settings = settings

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
        """Plans, works and prints the outcome; exits with 1 if a run failed."""
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
        tell_unused(part.settings for _, parts in wholes for part, _ in parts)
        if self.settings.plan:
            self._tell(works)
            return
        if not Workers(self.settings, self.composer).resume_changed:
            grids = [work for work in works if isinstance(work, Plan)]
            refuse_interrupted(store for work in grids for store in work.interrupted())
        well = True
        for whole, parts in wholes:
            for part, work in parts:
                if well or self.settings.on_error == "continue":
                    well = Executor(part.settings, part.composer).done(work) and well
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
        from rnnsweep.sweep.cost import forecast
        from rnnsweep.sweep.estimate import Estimate
        from rnnsweep.sweep.trials import Trials

        workers = Workers(self.settings, self.composer).count()
        estimate = Estimate(workers, time.process_time(), Load())
        for tuned in (work for work in works if isinstance(work, TunedSweep)):
            for line in tuned_cost.forecast(tuned, self.settings.stack, estimate):
                print(line, flush=True)
        for search in (work for work in works if isinstance(work, Search)):
            print(f"{search.study}: {Trials(search).summary()}", flush=True)
        for line in forecast([work for work in works if isinstance(work, Plan)], self.settings.stack, estimate):
            print(line, flush=True)  # as it is measured

    def _write_report(self) -> bool:
        """Writes the report of the study's directory into it, in a process of its own without torch."""
        sections = "study" if self.settings.studies else "task"
        study, out = str(self.study), str(self.study / "report")
        command = [sys.executable, "-m", "rnnsweep.report", study, "--sections", sections, "--out", out]
        return subprocess.run(command).returncode == 0
