"""The studies that ship: each is planned as its command plans it, in both sizes, and all settings are checked."""

import itertools
from typing import Any

import pytest
from conftest import CONF, choices
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from rnnsweep.errors import ConfigError
from rnnsweep.sweep import published
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.settings import read
from rnnsweep.sweep.sweeper import StudySweeper


def sweeper(*overrides: str) -> tuple[StudySweeper, list[str]]:
    """The sweeper as Hydra would make it for these words on the command line, and those that it would be given."""
    words = [word for word in overrides if not word.lstrip("+~").startswith("hydra.")]
    with initialize_config_dir(str(CONF)):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", list(overrides), RunMode.MULTIRUN)
    made = StudySweeper(read(config.hydra.sweeper))
    made.setup(
        hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks()),
        task_function=lambda config: None,
        config=config,
    )
    return made, words


def plans(*overrides: str) -> list[Plan]:
    made, words = sweeper(*overrides)
    return [work for part, own in made._parts(words) if isinstance(work := part._prepared(own), Plan)]


EVERYDAY = ("capacity", "chung2014_jsb", "parity")
"""What the quick pass plans: a question, published numbers, and settings that solve a task."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in EVERYDAY)) for name in choices("study")]
)
def test_a_study_is_planned_in_both_sizes(name: str) -> None:
    settings = []
    for full, small in zip(plans(f"+study={name}"), plans(f"+study={name}", "size=small"), strict=True):
        assert name in (full.study.name, full.study.parent.name)
        assert 1 <= len(small.runs) <= len(full.runs)
        assert all(run.config["train"]["steps"] or run.config["train"]["epochs"] for run in full.runs)
        settings += [flat(run.config) for run in full.runs]
    comment = (CONF / "study" / f"{name}.yaml").read_text().splitlines()[1]
    assert comment.startswith("# ")
    spec = OmegaConf.to_container(OmegaConf.load(CONF / "study" / f"{name}.yaml").hydra.sweeper).get("published", {})
    for where in [value["where"] for value in spec.get("values", [])] + list(itertools.chain(*spec.get("orders", []))):
        assert any(where.items() <= each.items() for each in settings), f"no run is about {where}"
    assert all(key in each for key in spec.get("needs", []) for each in settings)


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run as a study's `where` names them: groups by their choice, settings by dotted keys."""
    groups = {key: value for key, value in config.items() if isinstance(value, dict)}
    dotted = {f"{group}.{key}": value for group, values in groups.items() for key, value in values.items()}
    return {key: value for key, value in dotted.items() if not isinstance(value, list | dict)} | config["choices"]


def test_published_numbers_need_a_number_or_an_order() -> None:
    paper = {"source": "A. Paper", "metric": "test/loss"}
    assert published.read(paper | {"orders": [[{"cell": "gru"}, {"cell": "rnn"}]]})["values"] == []
    with pytest.raises(ConfigError, match="expected something published: values, ablations, shares or orders"):
        published.read(paper)
