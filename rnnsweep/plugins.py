"""Hydra's entry points. Hydra imports this module at every start, so what it names is imported when it is used."""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper


class Study(Sweeper):
    """hydra/sweeper=study: see rnnsweep.sweep.sweeper.StudySweeper."""

    def __init__(self, **settings: Any):
        from rnnsweep.sweep.settings import read
        from rnnsweep.sweep.sweeper import StudySweeper

        self._sweeper = StudySweeper(read(settings))

    def setup(self, **context: Any) -> None:
        self._sweeper.setup(**context)

    def sweep(self, arguments: list[str]) -> Any:
        return self._sweeper.sweep(arguments)


class Local(Launcher):
    """hydra/launcher=local: see rnnsweep.sweep.launcher.LocalLauncher."""

    def __init__(self, **settings: Any):
        from omegaconf import OmegaConf

        from rnnsweep.config import checked
        from rnnsweep.sweep.launcher import LocalLauncher

        plain = {
            name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for name, value in settings.items()
        }
        self._launcher = LocalLauncher(**checked(LocalLauncher, plain, "hydra.launcher"))

    def setup(self, **context: Any) -> None:
        self._launcher.setup(**context)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        return self._launcher.launch(job_overrides, initial_job_idx)
