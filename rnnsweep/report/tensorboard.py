"""Results of another program from TensorBoard's event files: a row for each folder with event files."""

from pathlib import Path
from typing import Any

import pandas as pd

from rnnsweep.errors import ReportError, listed

HPARAMS = "_hparams_/session_start_info"
SPLITS = ("val", "test", "train")

Series = dict[int, float]
"""Step -> value."""


def runs(folder: Path) -> pd.DataFrame:
    """The runs below a folder.

    The `cell`, `seed` and other settings of a run are those that it logged by `add_hparams`. A run without them has the
    name of its folder directly below `folder` as its cell. Values are those of the step with the lowest `val/loss`, or
    of the last step if a value was not logged there.

    Args:
        folder: The argument of `--add`.

    Raises:
        ReportError: tensorboard is not installed, there is no event file, or no run has a validation or test metric.
    """
    parts = sorted({file.parent for file in folder.rglob("*.tfevents.*")})
    if not parts:
        raise ReportError(
            f"--add {folder}: this folder holds no event file of TensorBoard (*.tfevents.*); give another, or a CSV"
        )
    rows: dict[Path, dict[str, Any]] = {}
    tags: set[str] = set()
    for part in parts:
        settings, scalars = _logged(folder, part)
        own = settings and part.parent in parts  # torch writes hparams into a folder inside the run's
        run = part.parent if own else part
        tags |= scalars.keys()
        at_best = {_metric(tag): series for tag, series in scalars.items()}
        rows[run] = _row(folder, run) | rows.get(run, {}) | settings | _values(at_best)
    found = pd.DataFrame(list(rows.values()))
    if not any("/" in name for name in found):
        names = listed(sorted(tags), form=str)
        raise ReportError(
            f"--add {folder}: its runs log {names}; expected val/loss, test/loss (or val_loss, test_loss)"
        )
    return found


def _row(folder: Path, run: Path) -> dict[str, Any]:
    inside = run.relative_to(folder).parts
    return {"run": "/".join(inside) or folder.name, "cell": inside[0] if inside else folder.resolve().name}


def _metric(tag: str) -> str:
    """Our name for a tag: Lightning's val_loss is val/loss."""
    split, _, name = tag.partition("_")
    return f"{split}/{name}" if split in SPLITS and name else tag


def _values(scalars: dict[str, Series]) -> dict[str, float]:
    """The value of each validation and test metric."""
    losses = scalars.get("val/loss", {})
    best = min(losses, key=lambda step: losses[step], default=-1)
    kept = {name: series for name, series in scalars.items() if name.startswith(("val/", "test/")) and series}
    return {name: series.get(best, series[max(series)]) for name, series in kept.items()}


def _logged(folder: Path, part: Path) -> tuple[dict[str, Any], dict[str, Series]]:
    """The hyperparameters and the scalars of one folder's files."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
        from tensorboard.util.tensor_util import make_ndarray
    except ModuleNotFoundError as error:
        raise ReportError(f"--add {folder}: needs {error.name}; pip install 'rnnsweep[tensorboard]'") from error
    events = EventAccumulator(str(part), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    scalars = {tag: {e.step: float(e.value) for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
    for tag in events.Tags()["tensors"]:  # TensorFlow 2 writes scalars as tensors
        each = {e.step: make_ndarray(e.tensor_proto) for e in events.Tensors(tag)}
        if each and all(value.size == 1 and value.dtype.kind in "fiu" for value in each.values()):
            scalars[tag] = {step: float(value.reshape(())) for step, value in each.items()}
    if HPARAMS not in events.summary_metadata:
        return {}, scalars
    content = HParamsPluginData.FromString(events.SummaryMetadata(HPARAMS).plugin_data.content)
    hparams = content.session_start_info.hparams
    return {key: getattr(value, value.WhichOneof("kind")) for key, value in hparams.items()}, scalars
