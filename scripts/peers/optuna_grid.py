"""Optuna's own loop over the grid, in one process.   optuna_grid.py TASK STEPS GRID"""

import json
import sys
from pathlib import Path

import optuna
import plain

task, steps, grid = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])


def objective(trial: optuna.Trial) -> float:
    point = {name: trial.suggest_categorical(name, values) for name, values in grid.items()}
    result = plain.train(task, **point, steps=steps)
    plain.keep(Path(f"runs/{trial.number}"), result)
    return result["loss"]


optuna.create_study(sampler=optuna.samplers.GridSampler(grid)).optimize(objective)
