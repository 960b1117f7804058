"""Data as the text of a JSON file."""

import json
import math
from typing import Any

from rnnsweep.shapes import Json


def finite(value: Any) -> Any:
    """The same data with None for numbers that are not finite, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_text(content: Json) -> str:
    """Indented JSON that ends with a new line."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
