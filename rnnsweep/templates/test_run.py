"""new_run trains, and the same seed gives the same numbers."""

from pathlib import Path

import rnnsweep

CHOSEN = ["GROUP=new_run", "packages=[PACKAGE]", f"hydra.searchpath=[file://{Path(__file__).parent}/conf]", "OTHER"]
QUICK = ["train.steps=20", "train.eval_every=10", "cell.hidden_size=8", "train.kernel=scan", "train.progress=false"]


def test_it_trains_and_repeats_its_numbers(tmp_path: Path) -> None:
    run = rnnsweep.train(*CHOSEN, *QUICK, f"out={tmp_path}/one")
    again = rnnsweep.train(*CHOSEN, *QUICK, f"out={tmp_path}/two")
    assert run.status == "complete"
    assert run.metrics == again.metrics
