"""A bare loop over the grid, in one process.   loop.py TASK STEPS GRID"""

import itertools
import json
import sys
from pathlib import Path

import plain

task, steps, grid = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
for number, values in enumerate(itertools.product(*grid.values())):
    point = dict(zip(grid, values, strict=True))
    plain.keep(Path(f"runs/{number}"), plain.train(task, **point, steps=steps))
