"""The short version of conf/study/state_tracking.yaml: who can follow a parity beyond the lengths of the training."""

from pathlib import Path

import pytest
from conftest import Compose, choices

from rnnsweep import run
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.train import Observer

pytestmark = pytest.mark.slow

TRACK = ["rnn", "lstm", "gru", "slstm"]
CANNOT = ["mingru", "minlstm", "mlstm", "conv", "mlp_window", "transformer"]


@pytest.mark.parametrize("cell", sorted({*TRACK, *CANNOT} & {*choices("cell")}))
def test_the_cells_whose_state_an_input_can_turn_around_track_it(cell: str, composed: Compose, tmp_path: Path) -> None:
    """Trained on 3 to 40 bits and tested on 40 to 256, as Beck et al. 2024; right after the last bit, 0.5 is chance."""
    shape = ("cell.hidden_size=48", "train.steps=600", "optimizer.lr=3e-3", "train.eval_every=200")
    made = run.prepare(composed("+study=state_tracking", f"cell={cell}", *shape))
    store = RunStore(tmp_path / made.id)
    assert store.claim()
    (record,) = run.execute([(made, store)], Observer(), StopRequest())
    right = {length: record.best[f"test/accuracy_{length}"] for length in (40, 64, 128, 256)}
    if cell in TRACK:
        assert min(right.values()) >= 0.99
    else:
        assert abs(right[256] - 0.5) < 0.08  # five standard deviations of a thousand guesses
