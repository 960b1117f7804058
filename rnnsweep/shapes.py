"""What the JSON of a run's files must look like inside; what does not is damaged. A name that is not listed is free."""

from typing import Any

Json = dict[str, Any]
Kinds = dict[Any, Any]

CODE: Kinds = {
    "rnnsweep": str,
    "files": {...: str},
    "commits": {"rnnsweep": dict, "working directory": dict},
    "before": list,
}
"""Types by name, at each depth; `...` stands for all names."""
CONFIG: Kinds = {
    **dict.fromkeys(("task", "cell", "pooling", "optimizer", "train", "choices"), dict),
    "seed": int,
    "packages": list,
    "fingerprint": str,
    "code": CODE,
}
ENVIRONMENT: Kinds = {"versions": dict, "execution": list, "command": list, "stack": int, "code": CODE}


def holds(content: Any, kinds: Kinds) -> bool:
    """Whether all that `kinds` names has the type that stands there, or is not there."""
    if not isinstance(content, dict):
        return False
    named = [(content[name], kind) for name, kind in kinds.items() if name in content]
    named += [(value, kinds[...]) for value in content.values() if ... in kinds]
    return all(holds(value, kind) if isinstance(kind, dict) else isinstance(value, kind) for value, kind in named)
