"""What a sweep does about code that has changed since its runs were trained: it tells, refuses or starts over."""

from collections.abc import Callable, Iterable

from rnnsweep.provenance import changed_since_checkpoint, changed_since_start, in_words, refusal
from rnnsweep.record import RunStore

OF_A_GRID = "`rerun=true` trains every run of the sweep anew; to start over with these alone, delete their directories"
OF_STAGES = "another hydra.sweeper.name tunes anew"
OF_A_SEARCH = "another hydra.sweeper.name begins another search"


def refuse_interrupted(stores: Iterable[RunStore], remedy: str = OF_A_GRID) -> None:
    """Looks at interrupted runs before any of them goes on.

    Raises:
        ConfigError: the code of some changed since their last checkpoint.
    """
    names, files = _changed(stores, changed_since_checkpoint)
    if names:
        raise refusal(names, files, remedy)


def tell_finished(stores: Iterable[RunStore], remedy: str = "`rerun=true` trains anew") -> None:
    """Says in one line which finished runs were trained with other code."""
    names, files = _changed(stores, changed_since_start)
    if names:
        count = "1 finished run was" if len(names) == 1 else f"{len(names)} finished runs were"
        print(f"warning: {in_words(files)} changed since {count} trained; {remedy}", flush=True)


def retry_failed(stores: Iterable[RunStore], resume_changed: bool) -> None:
    """Removes the records of failed runs, so that they are tried again; with other code they start over."""
    failed = [store for store in stores if store.failed()]
    names, files = ([], []) if resume_changed else _changed(failed, changed_since_checkpoint)
    for store in failed:
        store.forget_failure(anew=store.path.name in names)
    if names:
        count = "1 failed run starts" if len(names) == 1 else f"{len(names)} failed runs start"
        print(f"{count} over, because code has changed: {in_words(files)}")


def _changed(
    stores: Iterable[RunStore], since: Callable[[RunStore, dict[str, object]], list[str]]
) -> tuple[list[str], list[str]]:
    """The names of the runs whose code changed, and the files."""
    changed = {store.path.name: since(store, config) for store in stores if (config := store.config()) is not None}
    files = dict.fromkeys(file for found in changed.values() for file in found)
    return [name for name, found in changed.items() if found], list(files)
