"""What must stay as it is: the names of runs that exist, and the numbers of short runs.

`kept/ids.json` and `kept/losses.json` hold what the code gave when they were written. A difference is a fault of the
change at hand. New entries may be added; the values that are there do not change.
"""

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from conftest import ROOT, Compose
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from rnnsweep import run
from rnnsweep.config import Config
from rnnsweep.fingerprint import fingerprint, run_id, signature
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.train import Observer
from rnnsweep.types import LATER

KEPT = ROOT / "tests" / "kept"


def kept(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((KEPT / name).read_text())
    return content


# Names ---------------------------------------------------------------------------------------------------------


def settings_id(config: Config) -> str:
    """The id that the settings give, without the data: the text that comes with Python differs between its versions."""
    return run_id(*run.validated(config), "")


@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_ids_of_stored_configs_stay_what_they_are(half: int) -> None:
    """Every shipped task, cell, pooling and optimizer at its defaults, and many settings beside their defaults."""
    wrong = {}
    with initialize_config_dir(str(ROOT / "conf")):
        for overrides, name in list(kept("ids.json").items())[half::2]:
            composed = compose("config", overrides.split(), return_hydra_config=True)
            choices = {key: value for key, value in composed.hydra.runtime.choices.items() if "/" not in key}
            config: Config = OmegaConf.to_container(composed, resolve=False)  # type: ignore[assignment]
            del config["hydra"]
            found = settings_id(config | {"choices": choices})
            if found != name:
                wrong[overrides] = f"{name} became {found}"
    assert not wrong


def written(folder: Path) -> dict[str, tuple[str, ...]]:
    """Runs on files that are made here, by what they read."""
    letters = "the quick brown fox jumps over the lazy dog\n" * 300
    (folder / "text.txt").write_text(letters)
    (folder / "series.csv").write_text("day,level\n" + "".join(f"{n},{n * 7 % 31 / 4}\n" for n in range(300)))
    words = [f"{'abcdefghij'[n % 10]}{'aeiou'[n % 7 % 5]}{'klmnopqrst'[n % 9]}{n % 13}" for n in range(120)]
    (folder / "labels.csv").write_text("text,label\n" + "".join(f"{w},{'xy'[n % 2]}\n" for n, w in enumerate(words)))
    (folder / "classes").mkdir()
    for label in "xy":
        (folder / "classes" / f"{label}.txt").write_text("".join(f"{word}{label}\n" for word in words))
    return {
        "text": ("task=charlm", f"task.text={folder}/text.txt"),
        "series": ("task=sine", f"task.path={folder}/series.csv", "task.column=level"),
        "labelled table": ("task=names_class", f"task.path={folder}/labels.csv"),
        "folder of classes": ("task=sentiment_class", f"task.path={folder}/classes"),
    }


def test_the_ids_of_runs_on_files_stay_what_they_are(composed: Compose, tmp_path: Path) -> None:
    found = {what: run.identify(composed(*overrides)).id for what, overrides in written(tmp_path).items()}
    assert found == kept("ids_of_files.json")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Today:
    """A class as it is when its runs are made."""

    size: int = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tomorrow(Today):
    """The same class after two settings were added."""

    missing: Annotated[str, LATER] = "refuse"
    limits: Annotated[list[int] | None, LATER] = None


@pytest.mark.parametrize("identity", [fingerprint, signature])
def test_a_setting_that_is_added_later_renames_only_runs_that_use_it(identity: Any) -> None:
    def of(cls: type, **settings: Any) -> str:
        digest: str = identity({"seed": 0, "task": settings}, {"task": cls}, "")
        return digest

    before = of(Today, size=3)
    assert of(Tomorrow, size=3, missing="refuse", limits=None) == before
    others = [of(Tomorrow, size=3, missing="drop", limits=None), of(Tomorrow, size=3, missing="refuse", limits=[1])]
    assert len({before, of(Today, size=4), *others}) == 4


# Numbers -------------------------------------------------------------------------------------------------------

SHORT = (
    *("train.steps=20", "train.eval_every=10", "train.log_every=10", "train.batch_size=16", "train.threads=1"),
    *("cell.hidden_size=12", "train.device=cpu", "train.progress=false"),
)


def losses(config: Config, folder: Path) -> dict[str, Any]:
    """The losses of a run and its size."""
    prepared = run.prepare(copy.deepcopy(config))
    store = RunStore(folder / prepared.id)
    assert store.claim()
    (record,) = run.execute([(prepared, store)], Observer(), StopRequest())
    store.release()
    best = {name: value for name, value in record.best.items() if name != "train/loss"}  # came later
    found = record.metrics | best
    return {name: found[name] for name in found if name.endswith("/loss")} | {"parameters": record.parameters}


QUICK = [name for name in kept("losses.json") if not re.search("task=(copy|reverse|charlm) |curriculum|files}/s", name)]
LONGER = [pytest.param(name, marks=pytest.mark.slow) for name in kept("losses.json") if name not in QUICK]


@pytest.mark.parametrize("overrides", QUICK + LONGER)
def test_short_runs_give_the_stored_losses(overrides: str, composed: Compose, tmp_path: Path) -> None:
    """To 1e-5: another processor's matrix kernels sum in another order, so bits are not portable."""
    files = [text.format(**{"files": tmp_path}) for text in overrides.split()]
    written(tmp_path)
    assert losses(composed(*SHORT, *files), tmp_path / "out") == pytest.approx(kept("losses.json")[overrides], rel=1e-5)
