"""The study sweeper: plans a set of runs and starts workers that pull from it, through any Hydra launcher."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from rnnsweep.config import Config, plain
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import Interrupted
from rnnsweep.sweep.grid import Grammar, Params, points
from rnnsweep.sweep.plan import Plan, Planned, Skip, configs
from rnnsweep.sweep.task import WorkTask


class StudySweeper:
    """A sweep is a set of runs in `multirun/<name>/`; the same command continues it, a larger grid extends it.

    Args:
        name: the study's directory below multirun/.
        params: key -> values or a text in Hydra's grammar; the command line's overrides come after and win.
        small: params that take the place of those of the same key under `size=small`.
        blocks: several sets of params; the sweep is the union of their grids, each with `params`.
        paired: sets of params whose values move together.
        skip: conditions over a run's settings; where one holds, there is no such run.
        workers: how many; auto: one a core, or one a GPU where there are.
        stack: runs of one shape that a worker trains as one program; auto: measured.
        on_error: continue with the other runs, or stop.
        plan: only tell what would be done.
    """

    def __init__(
        self,
        name: str,
        params: Params | None = None,
        small: Params | None = None,
        blocks: Sequence[Params] | None = None,
        paired: Sequence[Params] | None = None,
        skip: str | Sequence[str] | None = None,
        workers: int | Literal["auto"] = "auto",
        stack: int | Literal["auto"] = "auto",
        on_error: Literal["continue", "stop"] = "continue",
        plan: bool = False,
    ):
        self.name, self.workers, self.stack, self.on_error, self.plan_only = name, workers, stack, on_error, plan
        self.params, self.small = _plain(params) or {}, _plain(small) or {}
        self.blocks, self.paired = _plain(blocks) or [{}], _plain(paired) or []
        self.skip = Skip([skip] if isinstance(skip, str) else _plain(skip) or [])
        for key, value in (("workers", workers), ("stack", stack)):
            if value != "auto" and not (isinstance(value, int) and value >= 1):
                raise ConfigError(f"hydra.sweeper.{key}", f"expected auto or at least 1, got {value!r}")
        if on_error not in ("continue", "stop"):
            raise ConfigError("hydra.sweeper.on_error", f"expected continue or stop, got {on_error!r}")

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.config = hydra_context, config

    def sweep(self, arguments: list[str]) -> Any:
        """Plans, works, tells how it ended; exits with 1 where a run failed."""
        import torch

        torch.set_num_threads(1)  # before a worker is forked: torch must not have started threads
        plan = self._plan(arguments)
        if self.plan_only:
            from rnnsweep.sweep.forecast import forecast

            print(forecast(plan, self._count(), self.stack))
            return None
        return self._work(plan)

    # The plan ------------------------------------------------------------------------------------------------

    def _plan(self, arguments: list[str]) -> Plan:
        from rnnsweep.run import identify

        study = Path(self.config.hydra.sweep.dir) / self.name
        runs: dict[str, Planned] = {}
        for config, overrides in configs(self._compose, self._points(arguments)):
            run = identify(config | {"out": str(study)})
            if not self.skip(run.config):
                runs.setdefault(run.id, Planned(run.id, run.signature, run.config, overrides))
        if not runs:
            raise ConfigError("hydra.sweeper.skip", "leaves no run")
        return Plan(study, list(runs.values()))

    def _points(self, arguments: list[str]) -> Any:
        grammar = Grammar(self.hydra_context.config_loader)
        params = self.params | (self.small if self.config.get("size") == "small" else {})
        own = [axis for argument in arguments for axis in [grammar.axis(argument)]]
        together = [grammar.paired(paired) for paired in self.paired]
        return points([[*grammar.axes(params | dict(block)), *together, *own] for block in self.blocks])

    def _compose(self, overrides: list[str], resolve: bool) -> Config:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        choices = config.hydra.runtime.choices
        with open_dict(config):
            config.pop("hydra")
        return plain(OmegaConf.to_container(config, resolve=resolve), choices)

    # The work ------------------------------------------------------------------------------------------------

    def _work(self, plan: Plan) -> None:
        from rnnsweep.sweep.view import Progress, closing_table
        from rnnsweep.sweep.worker import WorkOptions

        count = self._count()
        self._forget_failures(plan)
        progress = Progress(plan)
        progress.look()
        print(f"{plan.study}: {progress.summary()}", flush=True)
        threads = int(self.config.train.threads) or max(1, (os.cpu_count() or 1) // count)
        task = WorkTask(plan.save(), WorkOptions(self.stack, threads, self.on_error))
        if len(progress.records) < len(plan.runs):
            self._launch(task, min(count, len(plan.runs) - len(progress.records)), plan)
        print(closing_table(progress), flush=True)
        if progress.failures():
            sys.exit(1)

    def _launch(self, task: WorkTask, count: int, plan: Plan) -> None:
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context, task_function=task, config=self.config
        )
        try:
            for result in launcher.launch([[] for _ in range(count)], initial_job_idx=0):
                _ = result.return_value  # raises what the worker raised
        except Interrupted:
            print(f"\nstopped; the runs in hand have checkpoints: the same command continues {plan.study}", flush=True)
            raise

    def _forget_failures(self, plan: Plan) -> None:
        """The same command tries failed runs again."""
        for run in plan.runs:
            store = plan.store(run)
            record = store.record()
            if record is not None and record.status == "failed" and store.claim():
                (store.path / "record.json").unlink(missing_ok=True)
                store.release()

    def _count(self) -> int:
        if self.workers != "auto":
            return int(self.workers)
        launcher = str(self.config.hydra.launcher.get("_target_", ""))
        if "rnnsweep" not in launcher:
            return int(max(1, self.config.hydra.launcher.get("n_jobs") or 1))
        import torch

        gpus = torch.cuda.device_count() if self.config.train.device != "cpu" else 0
        return gpus or os.cpu_count() or 1


def _plain(setting: Any) -> Any:
    """A setting of the sweeper without OmegaConf's containers."""
    return OmegaConf.to_container(setting, resolve=True) if OmegaConf.is_config(setting) else setting
