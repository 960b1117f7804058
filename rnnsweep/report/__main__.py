"""`python -m rnnsweep.report multirun/NAME` does the same as scripts/report.py, also without a checkout."""

from rnnsweep.report.cli import main

if __name__ == "__main__":
    main()
