"""Sweeps: a planned set of runs, and workers that pull from it."""

import warnings

# Optuna's warnings speak to who calls it; a user of a sweep has not.
warnings.filterwarnings("ignore", module=r"optuna(\.|$)")
warnings.filterwarnings("ignore", message=r".* is (an )?experimental ")
