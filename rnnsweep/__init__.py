"""rnnsweep: compare recurrent networks, one composed run or hundreds at a time."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnsweep.report.results import results

__all__ = ["results"]
__version__ = "0.1.0"

# A member's numbers must not depend on where in a stack it lies. Without this MKL, torch's BLAS on x86, may sum in an
# order that depends on a matrix's address. It is read at the first product, and costs nothing that can be measured.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

# Threads of torch that wait for each other sleep. Those that spin keep a core from the very thread they wait for as
# soon as another program runs beside them. It is read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    """`results` when it is asked for: pandas takes a while to import, and most commands do without."""
    if name != "results":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from rnnsweep.report.results import results

    return results
