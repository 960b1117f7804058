"""What is known of Hydra's launchers. One that is not in the table is taken for a cluster's."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Abilities:
    """What a launcher can do."""

    is_here: bool
    """Whether the workers are processes of this machine."""
    waits: bool
    """Whether `launch` returns when the workers have ended, and a signal reaches them. Else the runs' records say when
    the sweep is over."""
    counts: bool
    """Whether rnnsweep chooses the number of workers: one for each GPU or core."""


CLUSTER = Abilities(is_here=False, waits=False, counts=False)

KNOWN = {
    "rnnsweep.plugins.Local": Abilities(is_here=True, waits=True, counts=True),
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher": Abilities(is_here=True, waits=True, counts=False),
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher": Abilities(
        is_here=True, waits=False, counts=False
    ),
}
"""By the `_target_` of the launcher's config."""


def abilities(target: str) -> Abilities:
    """What a launcher can do.

    Args:
        target: the `_target_` of its config.
    """
    return KNOWN.get(target, CLUSTER)
