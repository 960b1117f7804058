"""Ray Tune over the grid: two trials at a time, a core each.   ray_tune.py TASK STEPS GRID"""

import json
import sys
from pathlib import Path

import plain
import ray
from ray import tune

task, steps, grid = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])


def trial(point: dict) -> None:
    tune.report(plain.train(task, **point, steps=steps))


here = Path.cwd()
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=str(here / "ray"))
tuner = tune.Tuner(
    tune.with_resources(trial, {"cpu": 1}),
    param_space={name: tune.grid_search(values) for name, values in grid.items()},
    # a trial takes seconds: without reuse each would also pay for a process that imports torch
    tune_config=tune.TuneConfig(max_concurrent_trials=2, reuse_actors=True),
    run_config=tune.RunConfig(storage_path=str(here / "runs"), verbose=0),
)
failed = tuner.fit().num_errors
ray.shutdown()
sys.exit(1 if failed else 0)
