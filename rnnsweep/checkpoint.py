"""The checkpoints of a run, `best.pt` and `last.pt`: written whole, and checked before they are used."""

import functools
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnnsweep import files, shapes
from rnnsweep.errors import ConfigError, MachineError, tell_once
from rnnsweep.record import RunStore

Content = dict[str, Any]

OPTIONAL = ("kernel", "code", "parameters")
"""What checkpoints of earlier versions lack."""

ROWS_REMEDY = "bring the file back; or delete last.pt, and the same command starts this run over"
"""What to do about a metrics.jsonl that is not what it was when last.pt was written."""

REMEDY = "delete best.pt and record.json: the command that trained the run then writes both again, from last.pt"
"""What to do about a damaged best.pt."""

DAMAGED = "is damaged (cut short, changed, or of another program)"


def save(store: RunStore, name: str, content: Content) -> None:
    """Writes a checkpoint; the old or the new one is there at any time."""
    store.write(name, functools.partial(torch.save, content))


def last(store: RunStore, like: Content, steps: int) -> Content | None:
    """The checkpoint that a run goes on from; None where there is none.

    A damaged one is set aside with a warning, and the run starts over.

    Args:
        store: the run's files.
        like: a checkpoint of the same run at its first step: what there is to find, with its types and shapes.
        steps: the number of the run's last step.

    Raises:
        ConfigError: the checkpoint is beyond the last step, or metrics.jsonl has lost rows that it counts on.
    """
    path = store.path / "last.pt"
    content, problem = _read(path, {name: value for name, value in like.items() if name not in OPTIONAL})
    if content is not None and not _is_sound(content):
        content, problem = None, DAMAGED
    if problem:
        aside = path.with_name("last.pt.damaged")
        with files.faults(path):
            path.replace(aside)
        tell_once(f"{files.shown(path)} {problem}; it is now {aside.name}, and the run starts over")
    if content is not None:
        _check(store, content, steps)
    return content


def inherited(parent: RunStore, like: Content) -> Content:
    """The checkpoint that a run starts with which goes on from another one: its weights, its optimizer, its step.

    Args:
        parent: the files of the run to start from.
        like: a checkpoint of the new run at its first step.

    Raises:
        ConfigError: the checkpoint is not there, damaged, or of another model or optimizer.
    """
    needed = {name: like[name] for name in ("weights", "slots", "step", "standing")}
    content, problem = _read(parent.path / "last.pt", needed | {"run": parent.path.resolve().name})
    if content is None:
        problem = problem or "is not there"
        raise ConfigError("from", f"{parent.path / 'last.pt'} {problem}, or its model or optimizer differ")
    taken = {name: content[name] for name in ("weights", "slots", "step", "state")}
    begun = {"first": content["standing"]["first"]}
    return (
        like
        | taken
        | {
            "best_weights": content["weights"],
            "logged_at": content["step"],
            "rows": 0,
            "standing": like["standing"] | begun,
            "kernel": content.get("kernel"),
        }
    )


def best(store: RunStore) -> Content:
    """The weights of the best validation, by the name of the run's directory.

    Raises:
        ConfigError: there is none yet, or it is damaged.
    """
    path, name = store.path / "best.pt", store.path.resolve().name
    content, problem = _read(path, {"run": name, "step": 0, "weights": {}, "assets": {}})
    if content is not None and not all(isinstance(weight, Tensor) for weight in content["weights"].values()):
        problem = DAMAGED
    if problem:
        raise ConfigError(str(path), f"{problem}; {REMEDY}")
    if content is None:
        raise ConfigError(str(store.path), "has no best.pt yet: the run has not been validated")
    return content


def has_best(store: RunStore, like: Content) -> bool:
    """Whether `best.pt` is there and holds what it should."""
    content, _ = _read(store.path / "best.pt", like)
    return content is not None and content["step"] == like["step"]


def step(store: RunStore) -> int:
    """The step that a run would go on from; 0 where there is no checkpoint, or a damaged one."""
    content = _glance(store).get("step")
    return content if isinstance(content, int) else 0


def code(store: RunStore) -> Content:
    """The code that the run's checkpoint was computed with; empty where there is none, or it is not known."""
    content: Content = _glance(store).get("code", {})
    return content


def standing(store: RunStore) -> tuple[Content, int]:
    """How a run stood when its checkpoint was written, and its number of parameters; empty and 0 without one."""
    content = _glance(store)
    if not all(isinstance(content.get(name), dict) for name in ("standing", "weights")):
        return {}, 0
    count = content.get("parameters", sum(weight.numel() for weight in content["weights"].values()))
    return content["standing"], count


def _glance(store: RunStore) -> Content:
    """The small entries of last.pt, without its weights; nothing where it is not there or damaged."""
    path = store.path / "last.pt"
    if not path.exists():
        return {}
    try:
        with zipfile.ZipFile(path) as packed:
            packed.read(next(name for name in packed.namelist() if name.endswith("data.pkl")))  # compares its checksum
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # torch.load raises whatever the bytes lead it to
        return {}
    return content if shapes.holds(content, {"step": int, "code": shapes.CODE, "parameters": int}) else {}


def _read(path: Path, like: Content) -> tuple[Content | None, str]:
    """A checkpoint, and what is wrong with it; neither where there is no file."""
    if not path.exists():
        return None, ""
    try:
        with zipfile.ZipFile(path) as packed:
            torn = packed.testzip()
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise MachineError(path, error, "read") from error
    except MemoryError:
        raise
    except Exception:  # torch.load raises whatever the bytes lead it to
        torn, content = "all of it", None
    content = _renewed(content)
    if torn or not isinstance(content, dict) or not _fits({name: content.get(name) for name in like}, like):
        return None, DAMAGED
    if content["run"] != like["run"]:
        return None, f"is a checkpoint of another run, {content['run']}"
    return content, ""


def _renewed(content: Any) -> Any:
    """The content with the names of this version: earlier ones called the snapshots glimpses, and counted less."""
    standing = content.get("standing") if isinstance(content, dict) else None
    if not isinstance(standing, dict):
        return content
    standing = {"snapshots" if name == "glimpses" else name: value for name, value in standing.items()}
    lacking = {"first": 1.0, "share_seconds": standing.get("seconds")}
    return content | {"standing": lacking | standing}


def _fits(content: Any, like: Any) -> bool:
    """Whether a value has the type, names and shapes of another one, whose empty parts allow anything."""
    if isinstance(like, Tensor):
        return isinstance(content, Tensor) and content.shape == like.shape and content.dtype == like.dtype
    if isinstance(like, dict):
        named = isinstance(content, dict) and (not like or content.keys() == like.keys())
        return named and all(_fits(content[name], like[name]) for name in like)
    return isinstance(content, type(like)) and type(content) is not bool


def _is_sound(content: Content) -> bool:
    """Whether the parts of last.pt that are empty at a run's first step, or may be missing, hold what they should."""
    standing = content["standing"]
    numbers = (*standing["last"].values(), *standing["best"].values())
    tensors = (*content["tally"].values(), *content["state"])
    return (
        isinstance(content.get("kernel"), str | None)
        and shapes.holds(content, {"code": shapes.CODE})
        and all(isinstance(number, int | float) for number in numbers)
        and all(isinstance(tensor, Tensor) for tensor in tensors)
        and all(isinstance(snapshot, dict) for snapshot in standing["snapshots"])
    )


def _check(store: RunStore, content: Content, steps: int) -> None:
    path = store.path / "last.pt"
    if not 0 <= content["step"] <= steps:
        problem = f"stands at step {content['step']:,} of a run of {steps:,} steps: something has changed it"
        raise ConfigError(str(path), f"{problem}; delete it, and the same command starts this run over")
    if store.size < content["rows"]:
        problem = f"has {store.size:,} bytes, but last.pt expects {content['rows']:,}: rows are lost"
        raise ConfigError(str(store.path / "metrics.jsonl"), f"{problem}; {ROWS_REMEDY}")
    if not store.are_whole(content["rows"]):
        raise ConfigError(str(store.path / "metrics.jsonl"), f"holds damaged rows; {ROWS_REMEDY}")
