"""The studies that ship: each is planned as its command plans it, in both sizes, and all settings are checked."""

from typing import Any

import pytest
from conftest import CONF, choices
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.sweeper import StudySweeper


def sweeper(*overrides: str) -> tuple[StudySweeper, list[str]]:
    """The sweeper as Hydra would make it for these words on the command line, and those that it would be given."""
    words = [word for word in overrides if not word.lstrip("+~").startswith("hydra.")]
    with initialize_config_dir(str(CONF)):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", list(overrides), RunMode.MULTIRUN)
    options = OmegaConf.to_container(config.hydra.sweeper)
    assert isinstance(options, dict)
    options.pop("_target_")
    made = StudySweeper(**{str(key): value for key, value in options.items()})
    made.setup(
        hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks()),
        task_function=lambda config: None,
        config=config,
    )
    return made, words


def plans(*overrides: str) -> list[Plan]:
    made, words = sweeper(*overrides)
    return [work for part, own in made._parts(words) if isinstance(work := part._prepared(own), Plan)]


def studies() -> list[Any]:
    """All studies; those that are made of others, which are planned here each by itself, for the slow pass."""
    made_of_others = [name for name in choices("study") if "  studies:" in (CONF / f"study/{name}.yaml").read_text()]
    return [pytest.param(n, marks=[pytest.mark.slow] if n in made_of_others else []) for n in choices("study")]


@pytest.mark.parametrize("name", studies())
def test_a_study_is_planned_in_both_sizes(name: str) -> None:
    for full, small in zip(plans(f"+study={name}"), plans(f"+study={name}", "size=small"), strict=True):
        assert name in (full.study.name, full.study.parent.name)
        assert 1 <= len(small.runs) <= len(full.runs)
        assert all(run.config["train"]["steps"] or run.config["train"]["epochs"] for run in full.runs)
    comment = (CONF / "study" / f"{name}.yaml").read_text().splitlines()[1]
    assert comment.startswith("# ")
