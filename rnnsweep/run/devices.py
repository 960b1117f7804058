"""Where a run trains, and with how many threads."""

from contextlib import AbstractContextManager

import torch

from rnnsweep.errors import ConfigError
from rnnsweep.kernels import fused, threads
from rnnsweep.train import TrainConfig


def device(train: TrainConfig) -> torch.device:
    """The device of a run.

    Raises:
        ConfigError: a GPU is asked for, or CUDA is needed, and is not there; or the fused kernel is, and cannot run.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    name = train.device if train.device != "auto" else "cuda" if there["cuda"] else "cpu"
    if not there[name]:
        raise ConfigError(
            "train.device", f"torch finds no {name.upper()} device here; use `train.device=auto` or `cpu`"
        )
    if train.kernel == "fused":
        _refuse_fused(name)
    if train.precision != "float32" and name != "cuda":
        raise ConfigError("train.precision", "mixed precision needs CUDA; use `train.precision=float32`")
    return torch.device(name)


def _refuse_fused(name: str) -> None:
    """Raises ConfigError where the fused kernel cannot run."""
    if name != "cpu":
        hint = "use `train.kernel=auto`, or `train.device=cpu`"
        raise ConfigError("train.kernel", f"the fused kernel is for the CPU; {hint}")
    if not fused.available():
        hint = "install it with `pip install 'rnnsweep[fused]'`, or use `train.kernel=auto`"
        raise ConfigError("train.kernel", f"the fused kernel needs Numba and a BLAS that shows its functions; {hint}")


def threads_of(train: TrainConfig) -> AbstractContextManager[None]:
    """A block in which runs of these settings are computed, with at most so many threads; see train/pace.py.

    Threads do not change a number. Only where torch's own kernels are asked for by name, and threads too, torch uses
    these in its own way, which may change numbers.
    """
    on_cpu, by_name = device(train).type == "cpu", train.kernel in ("library", "scan")
    most = 1 if on_cpu and by_name else threads.count()
    return threads.using(train.threads or most, in_torch=by_name or not on_cpu)
