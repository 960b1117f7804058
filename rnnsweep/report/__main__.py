"""`python -m rnnsweep.report multirun/NAME`: what scripts/report.py does, where there is no checkout."""

from rnnsweep.report.cli import main

if __name__ == "__main__":
    main()
