"""Sweeps: a planned set of runs, and workers that pull from it."""

import warnings

# Optuna's warnings are for programs that call it, not for the user of a sweep
warnings.filterwarnings("ignore", module=r"optuna(\.|$)")
warnings.filterwarnings("ignore", message=r".* is (an )?experimental ")
