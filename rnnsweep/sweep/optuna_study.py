"""The Optuna study of a search: opened, or made when it does not exist."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsweep import files
from rnnsweep.errors import ConfigError, MachineError
from rnnsweep.secrets import redacted
from rnnsweep.sweep.objective import Objective
from rnnsweep.sweep.storage import whole

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage


def opened(
    name: str, objectives: Sequence[Objective], pruner: "BasePruner", storage: str | None, journal: Path
) -> "Study":
    """The study of that name.

    Args:
        name: the study's name in its storage.
        objectives: what the search makes better.
        pruner: what decides which trials are pruned.
        storage: what files hold of a database's address; None: a journal.
        journal: the journal's file.

    Raises:
        ConfigError: the storage cannot be reached.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        try:
            return _loaded_or_made(name, objectives, pruner, _storage(storage, journal))
        except Exception:  # each storage raises its driver's own
            # of two processes that make an empty database's tables at once one is refused; then they are there
            if storage is None:
                raise
            time.sleep(1)
            return _loaded_or_made(name, objectives, pruner, _storage(storage, journal))
    except (ConfigError, MachineError):
        raise
    except Exception as error:
        said = redacted((str(error).splitlines() or [type(error).__name__])[0])
        raise ConfigError("hydra.sweeper.storage", f"cannot open {storage or journal}: {said}") from None


def _loaded_or_made(
    name: str, objectives: Sequence[Objective], pruner: "BasePruner", storage: "BaseStorage"
) -> "Study":
    import optuna

    up, down = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    directions = [up if objective.maximised else down for objective in objectives]
    try:
        return optuna.load_study(study_name=name, storage=storage, pruner=pruner)  # writes nothing
    except KeyError:
        return optuna.create_study(
            study_name=name, storage=storage, directions=directions, pruner=pruner, load_if_exists=True
        )


def _storage(storage: str | None, journal: Path) -> "BaseStorage":
    from optuna.storages import JournalStorage, get_storage

    from rnnsweep.sweep.journal import Journal

    if storage is not None:
        return get_storage(whole(storage))
    files.make(journal.parent)
    return JournalStorage(Journal(journal))
