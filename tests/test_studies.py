"""The studies that ship: each is planned as its command plans it, in both sizes, and all settings are checked."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import CONF, choices
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext
from omegaconf import OmegaConf

from rnnsweep.errors import ConfigError
from rnnsweep.sweep import published
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.sweeper import StudySweeper


@contextlib.contextmanager
def planner(*overrides: str) -> Iterator[StudySweeper]:
    """The sweeper of a command that has these overrides."""
    with initialize_config_dir(str(CONF)):
        config = compose("config", list(overrides), return_hydra_config=True)
        options = OmegaConf.to_container(config.hydra.sweeper)
        assert isinstance(options, dict)
        options.pop("_target_")
        sweeper = StudySweeper(**{str(key): value for key, value in options.items()})
        loader = GlobalHydra.instance().config_loader()
        sweeper.setup(
            hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks()),
            task_function=lambda config: None,
            config=config,
        )
        yield sweeper


def plan(*overrides: str) -> Plan:
    with planner(*overrides) as sweeper:
        return sweeper._plan(list(overrides))


EVERYDAY = ("capacity", "chung2014_jsb", "parity")
"""What the quick pass plans: a question, published numbers, and settings that solve a task."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in EVERYDAY)) for name in choices("study")]
)
def test_a_study_is_planned_in_both_sizes(name: str) -> None:
    full, small = plan(f"+study={name}"), plan(f"+study={name}", "size=small")
    assert full.study.name == name
    assert 1 <= len(small.runs) <= len(full.runs) > 1
    assert all(run.config["train"]["steps"] or run.config["train"]["epochs"] for run in full.runs)
    comment = (CONF / "study" / f"{name}.yaml").read_text().splitlines()[1]
    assert comment.startswith("# ")
    spec = OmegaConf.to_container(OmegaConf.load(CONF / "study" / f"{name}.yaml").hydra.sweeper).get("published", {})
    settings = [flat(run.config) for run in full.runs]
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
