"""Runs from Python, for notebooks and tests; the overrides are those of the command line.

    from rnnsweep.notebook import train
    store = train("task=parity", "cell=lstm_scratch", "train.steps=500")
    store.record().best["test/accuracy"], store.rows(), store.path      # rnnsweep/record says what there is
    _, model = rnnsweep.run.saved(store.path)                           # the weights of the best validation

A sweep is started by its command, as in a terminal: its workers are processes.
"""

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnsweep.cli import CONF
from rnnsweep.config import plain
from rnnsweep.errors import ConfigError
from rnnsweep.interpolation import settled
from rnnsweep.mistakes import admit, told
from rnnsweep.naming import named
from rnnsweep.record import RunStore
from rnnsweep.run import Run, prepare
from rnnsweep.single import train as train_single


def composed(*overrides: str) -> Run:
    """The run that the overrides describe. Nothing is written.

    Args:
        overrides: as on the command line, such as "task=parity".

    Raises:
        ConfigError: a setting or its value is wrong, an override cannot be read, or a group has no such choice.
    """
    with initialize_config_dir(str(CONF)):
        config = _admitting([*overrides])
    choices = config.hydra.runtime.choices
    with open_dict(config):
        config.pop("hydra")
    return prepare(settled(plain(OmegaConf.to_container(config), choices)))


def _admitting(overrides: list[str]) -> DictConfig:
    try:
        return compose("config", overrides, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        admitted = admit(error, overrides) if isinstance(error, ConfigCompositionException) else None
        if admitted is None:
            raise ConfigError("the overrides", str(told(error, overrides))) from None
        return _admitting(admitted)


def train(*overrides: str) -> RunStore:
    """Trains a run as `python -m rnnsweep` does. An interrupted run continues; a finished one stays as it is.

    Args:
        overrides: as on the command line, such as "task=parity".

    Returns:
        The files of the run.

    Raises:
        ConfigError: a setting or its value is wrong, an override cannot be read, or a group has no such choice.
    """
    run = composed(*overrides)
    out = Path(run.config["out"])
    run = named(run, out)
    store = RunStore(out / run.id)
    train_single(run, store)
    return store
