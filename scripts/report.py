"""One report of any set of runs: tables, figures and sentences. `python scripts/report.py --help`."""

from rnnsweep.report.cli import main

if __name__ == "__main__":
    main()
