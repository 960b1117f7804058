"""Workers of a sweep: how many, with how many threads, and their start through Hydra's launcher."""

from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.plugins import Plugins

from rnnsweep.cores import cores
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import Interrupted
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.machine import visible_gpus
from rnnsweep.sweep.settings import Sweep
from rnnsweep.sweep.task import WorkTask
from rnnsweep.sweep.watch import raise_from, watch

if TYPE_CHECKING:
    from rnnsweep.sweep.work_options import WorkOptions


class Workers:
    """Starts the workers of a study.

    Args:
        settings: the settings of the sweep.
        composer: knows the command's config, which names the launcher.
    """

    def __init__(self, settings: Sweep, composer: Composer):
        self.settings, self.composer = settings, composer

    def count(self) -> int:
        """How many workers there are to be: one for each GPU or core, where the settings say nothing."""
        if self.settings.workers != "auto":
            return int(self.settings.workers)
        launcher = self.composer.config.hydra.launcher
        if not self.composer.launcher.counts:
            jobs = int(launcher.get("n_jobs") or 1)
            return jobs if jobs > 0 else cores()
        on_cpu = self.composer.config.train.device == "cpu"
        return (0 if on_cpu else len(launcher.gpus if launcher.gpus is not None else visible_gpus())) or cores()

    @property
    def resume_changed(self) -> bool:
        """Whether interrupted runs go on though their code has changed."""
        return bool(self.composer.config.get("resume_changed"))

    def options(self, count: int) -> "WorkOptions":
        """The options of each of `count` workers."""
        from rnnsweep.sweep.work_options import WorkOptions

        how = self.settings
        return WorkOptions(how.stack, self._threads(count), how.on_error, count, self.resume_changed)

    def launch(self, task: WorkTask, count: int, study: Path) -> None:
        """Starts workers through Hydra's launcher, and waits for them.

        Args:
            task: what they work on.
            count: how many.
            study: the study's directory, for what is said.

        Raises:
            ConfigError: the launcher does not have one of its settings.
            Interrupted: a signal came; the runs in hand have their checkpoints.
        """
        try:
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=self.composer.context, task_function=task, config=self.composer.for_launchers()
            )
        except TypeError as error:  # a setting that the launcher does not have
            raise ConfigError("hydra.launcher", str(error).splitlines()[0]) from None
        jobs = [self.composer.study_words() for _ in range(count)]
        if self.composer.launcher.waits:
            try:
                raise_from(launcher.launch(jobs, initial_job_idx=0))
            except Interrupted:
                print(f"\nstopped; interrupted runs have checkpoints: the same command continues {study}", flush=True)
                raise
        else:
            try:
                watch(lambda: launcher.launch(jobs, initial_job_idx=0), task)
            except KeyboardInterrupt:
                print(f"\nstopped watching; the workers elsewhere go on: python -m rnnsweep.status {study}", flush=True)
                raise

    def _threads(self, count: int) -> int:
        """Threads of each worker; 0: all cores of the job that it is, where a cluster gives each its own."""
        here = self.composer.launcher.is_here
        return int(self.composer.config.train.threads) or (max(1, cores() // count) if here else 0)
