"""rnnsweep: compare recurrent networks, one composed run or hundreds at a time.

train     trains a run, as `python -m rnnsweep` does         sweep     trains many, as `python -m rnnsweep -m` does
load      a trained model, to be used on new data            results   the runs of a study as a data frame
"""

import importlib
import os
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnsweep.api.sweeping import sweep
    from rnnsweep.api.trained import Trained, load
    from rnnsweep.api.training import Run, train
    from rnnsweep.errors import ConfigError
    from rnnsweep.report.results import results

__all__ = ["ConfigError", "Run", "Trained", "load", "results", "sweep", "train"]
__version__ = "0.1.0"

# A member's numbers must not depend on where in a stack it lies. Without this MKL, torch's BLAS on x86, may sum in an
# order that depends on a matrix's address. It is read at the first product, and costs nothing that can be measured.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

# Threads of torch that wait for each other sleep. Those that spin keep a core from the very thread they wait for as
# soon as another program runs beside them. It is read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_PLACES = {
    "ConfigError": "rnnsweep.errors",
    "Run": "rnnsweep.api.training",
    "Trained": "rnnsweep.api.trained",
    "load": "rnnsweep.api.trained",
    "results": "rnnsweep.report.results",
    "sweep": "rnnsweep.api.sweeping",
    "train": "rnnsweep.api.training",
}


def __getattr__(name: str) -> Any:
    """A function when it is asked for: torch and pandas take a while to import."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(types.ModuleType):
    """The folders rnnsweep/train and rnnsweep/sweep do not take the places of the functions of these names.

    Python sets a folder's module on the package when it is imported; `from rnnsweep.train import ...` does without.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _PLACES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
