"""rnnsweep: compare recurrent networks, one composed run or hundreds at a time."""

import os

__version__ = "0.1.0"

# A member's numbers must not depend on where in a stack it lies. Without this MKL, torch's BLAS on x86, may sum in an
# order that depends on a matrix's address. It is read at the first product, and costs nothing that can be measured.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
