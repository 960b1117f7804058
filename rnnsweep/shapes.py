"""What the JSON of a run's files must look like inside; what does not is damaged. A name that is not listed is free."""

from typing import Any

Json = dict[str, Any]

CODE: Json = {"rnnsweep": str, "files": dict, "commits": {"rnnsweep": dict, "working directory": dict}, "before": list}
"""Types by name, at each depth."""
CONFIG: Json = {
    **dict.fromkeys(("task", "cell", "pooling", "optimizer", "train", "choices"), dict),
    "seed": int,
    "packages": list,
    "fingerprint": str,
    "code": CODE,
}
ENVIRONMENT: Json = {"versions": dict, "execution": list, "command": list, "stack": int, "code": CODE}


def holds(content: Any, kinds: Json) -> bool:
    """Whether all that `kinds` names has the type that stands there, or is not there."""
    return isinstance(content, dict) and all(
        name not in content
        or (holds(content[name], kind) if isinstance(kind, dict) else isinstance(content[name], kind))
        for name, kind in kinds.items()
    )
