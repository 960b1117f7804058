"""What a worker checks in a run's directory that it has claimed, and what it clears there."""

import dataclasses

from rnnsweep import run
from rnnsweep.errors import ConfigError
from rnnsweep.provenance import changed_since_checkpoint, refusal
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.sweep.plan import Planned


def make_ready(planned: Planned, store: RunStore) -> None:
    """Clears a claimed directory whose run is to be trained anew.

    Raises:
        ConfigError: it is the directory of another run, which is not touched.
    """
    if planned.fingerprint and planned.fingerprint != store.about().get("fingerprint", planned.fingerprint):
        store.release()
        raise ConfigError(str(store.path), "another run has taken this name; the same command plans a longer one")
    if store.generation() < planned.generation:
        store.renew(planned.generation)


def identified(planned: Planned, store: RunStore, resume_changed: bool) -> PreparedRun:
    """The run of a plan's config.

    Args:
        planned: the run as the plan has it.
        store: the run's directory.
        resume_changed: whether an interrupted run goes on though its code has changed.

    Raises:
        ConfigError: the config cannot be used, or gives another run than the one that was planned, or the run was
            interrupted with other code.
    """
    found = run.identify(planned.config)
    if found.fingerprint != (planned.fingerprint or found.fingerprint) or not planned.id.startswith(found.id):
        problem = f"the config gives {found.id}, which is not the run that was planned"
        reason = "its files, environment variables or plan have changed since; plan again with the same command"
        raise ConfigError(planned.id, f"{problem}: {reason}")
    changed = [] if resume_changed else changed_since_checkpoint(store, found.config)
    if changed:
        raise refusal([planned.id], changed)
    return dataclasses.replace(found, id=planned.id)
