"""One report of any set of runs: tables, figures and sentences. `python scripts/report.py --help`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its own pool costs more than these small matrices gain

from rnnsweep.report.cli import main

if __name__ == "__main__":
    main()
