"""Composes runs from overrides with Hydra, also inside another program of Hydra."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnsweep.api.overrides import Overrides, words
from rnnsweep.cli import CONF
from rnnsweep.command_words import refuse_unread, tell_of_sweeps, tell_repeated
from rnnsweep.config import Config, plain
from rnnsweep.errors import ConfigError
from rnnsweep.extensions import extended
from rnnsweep.interpolation import settled
from rnnsweep.mistakes import admit, told
from rnnsweep.run import PreparedRun, prepare


def composed(*overrides: Overrides) -> PreparedRun:
    """The run that the overrides describe. Nothing is written.

    Args:
        overrides: as on the command line, such as "task=parity", or dictionaries of settings.

    Raises:
        ConfigError: a setting or its value is wrong, an override cannot be read, or a group has no such choice.
    """
    return prepare(described(*overrides))


def described(*overrides: Overrides) -> Config:
    """The config that the overrides describe, before its settings are checked.

    Raises:
        ConfigError: an override cannot be read, or a group has no such choice.
    """
    typed = words(overrides)
    tell_of_sweeps(typed)
    config = whole(typed)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        config.pop("hydra")
    return settled(plain(OmegaConf.to_container(config), choices))


def whole(typed: Sequence[str]) -> DictConfig:
    """The config that the words compose, Hydra's own part included.

    Raises:
        ConfigError: they cannot be composed.
    """
    refuse_unread(typed)
    tell_repeated(typed)
    with _apart(), initialize_config_dir(str(CONF)):
        return _admitting(extended(typed))


@contextmanager
def _apart() -> Iterator[None]:
    """Inside the block the calling program's own Hydra is set aside: a process has one Hydra."""
    before, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = before


def _admitting(overrides: list[str]) -> DictConfig:
    try:
        return compose("config", overrides, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, TypeError, ValueError) as error:
        admitted = admit(error, overrides) if isinstance(error, ConfigCompositionException) else None
        if admitted is not None:
            return _admitting(admitted)
        if (said := told(error, overrides)) is None:
            raise
        raise ConfigError("the overrides", said) from None
