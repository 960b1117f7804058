"""new_view is drawn into a report of two runs."""

from pathlib import Path

import rnnsweep
from rnnsweep.report.cli import main

VIEW = Path(__file__).parent / "FILE"
QUICK = ["task=parity", "train.steps=20", "cell.hidden_size=8", "train.kernel=scan", "train.progress=false"]


def test_it_is_drawn(tmp_path: Path) -> None:
    for cell in ("gru", "lstm"):
        rnnsweep.train(f"cell={cell}", *QUICK, f"out={tmp_path}/study")
    main([f"{tmp_path}/study", "--view", str(VIEW), "--out", f"{tmp_path}/report"])
    drawn = {path.suffix for path in (tmp_path / "report" / "figures").glob("new-view-*")}
    assert drawn == {".csv", ".svg", ".png", ".pdf"}
