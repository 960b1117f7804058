"""Says that a new run differs only in its length from one that is there, which could be continued."""

from rnnsweep.config import GROUPS, marked
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.types import EXECUTION

LENGTH = ("train.steps", "train.epochs")


def tell_other_length(run: PreparedRun, store: RunStore) -> None:
    """Prints a line for each run beside this one that has its settings and another length; before it begins."""
    if store.path.exists() or run.parent is not None or not store.path.parent.exists():
        return
    for path in sorted(store.path.parent.glob(f"{run.id.rpartition('-')[0]}-*")):
        other = RunStore(path)
        if (lengths := _other_length(run, other)) and (record := other.record()):
            whole = record.status == "complete"
            remedy = f"`from={path}` would continue the other one" if whole else f"the other one is {record.status}"
            print(f"{path} differs from this run only in {lengths}. This run starts at its first step; {remedy}")


def _other_length(run: PreparedRun, other: RunStore) -> str:
    """The other run's length in words where nothing else differs; else empty."""
    theirs = other.config()
    if theirs is None or theirs.get("from") is not None:
        return ""
    found = {}
    for group in (*GROUPS, "train"):
        for name, value in run.config[group].items():
            there = theirs.get(group, {}).get(name, value)
            if there != value and name not in marked(run.classes[group], EXECUTION):
                found[f"{group}.{name}"] = there
    return ", ".join(f"{key}={value}" for key, value in found.items()) if set(found) <= set(LENGTH) else ""
