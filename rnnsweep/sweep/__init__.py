"""Sweeps: a planned set of runs, and workers that pull from it."""
