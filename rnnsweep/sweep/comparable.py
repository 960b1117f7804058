"""Settings of a task that change what a loss is of: a search or a tuning by the loss would take the easiest one."""

import contextlib
from collections.abc import Iterable

from rnnsweep.config import Config
from rnnsweep.errors import ConfigError, listed, tell_once
from rnnsweep.record import DataSet, evaluated_on
from rnnsweep.record.data_sets import differ
from rnnsweep.run import identify
from rnnsweep.tasks.base import declared


def tell_different(keys: Iterable[str], configs: Iterable[Config]) -> None:
    """Says where runs that are chosen from are evaluated on different data or symbols.

    Args:
        keys: what is searched over or tuned. Data are read only if the task or a setting of it is among them.
        configs: of runs with different values of these, and one seed. One that cannot be trained is left out here.
    """
    asked = sorted(key for key in keys if key == "task" or key.startswith("task."))
    found = []
    for config in configs if asked else ():
        with contextlib.suppress(ConfigError):
            task = identify(config).task
            found.append(evaluated_on(DataSet(None, None, task.data_hash), declared(task)))
    if differ(found):
        problem = "runs are chosen by losses on different data or symbols, and the easiest ones may win"
        tell_once(f"{listed(asked, form=str)}: {problem}; compare such settings by another metric, or fix them")
