"""new_task trains, and the same seed gives the same numbers."""

from pathlib import Path

import rnnsweep
from rnnsweep.templates.task import NewTask

CHOSEN = ["GROUP=new_task", "packages=[PACKAGE]", f"hydra.searchpath=[file://{Path(__file__).parent}/conf]", "OTHER"]
QUICK = ["train.steps=20", "train.eval_every=10", "cell.hidden_size=8", "train.kernel=scan", "train.progress=false"]


def test_it_trains_and_repeats_its_numbers(tmp_path: Path) -> None:
    run = rnnsweep.train(*CHOSEN, *QUICK, f"out={tmp_path}/one")
    again = rnnsweep.train(*CHOSEN, *QUICK, f"out={tmp_path}/two")
    assert run.status == "complete"
    assert run.metrics == again.metrics


def test_no_example_of_the_test_is_trained_on() -> None:
    NewTask(seed=0, batch_size=32).refuse_repeats()  # as `task.check=true` does
