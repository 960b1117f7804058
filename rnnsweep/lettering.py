"""The text in figures: names are drawn as they are written, each character in a font that has it, without warnings."""

import functools
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

BASE = "DejaVu Sans"
"""Matplotlib brings it; it has Latin, Greek and Cyrillic, but neither Chinese nor Japanese."""

PLAIN: dict[str, Any] = {"text.parse_math": False, "text.usetex": False}
"""A dollar sign in a name is a dollar sign."""


def quiet() -> None:
    """Before matplotlib is imported: what it logs, such as a cache directory that it cannot write, is not printed."""
    for name in ("matplotlib", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def lettered(
    text: Iterable[str] = (), families: Sequence[str] = (BASE,), style: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[None]:
    """Within it, figures are drawn with fonts for all characters of the text, and matplotlib prints nothing.

    Args:
        text: Whatever the figure may show.
        families: The fonts to take first.
        style: Further settings of matplotlib.
    """
    quiet()
    import matplotlib

    settings: Any = PLAIN | dict(style) | {"font.family": [*families, *fallbacks(text)]}
    with warnings.catch_warnings(), matplotlib.rc_context(settings):
        warnings.simplefilter("ignore")
        yield


def fallbacks(text: Iterable[str]) -> list[str]:
    """Installed fonts that together have the characters of the text that the base font lacks."""
    import matplotlib
    from matplotlib import font_manager

    left = lacking(text)
    found: list[str] = []
    for font in sorted(font_manager.fontManager.ttflist, key=_plainness) if left else []:
        own = font.fname.startswith(matplotlib.get_data_path())  # beside the base font it brings mathematics and boxes
        if not own and (has := left & characters(font.fname)):
            found.append(font.name)
            left -= has
    return found


def lacking(text: Iterable[str], families: Sequence[str] = ()) -> set[str]:
    """The visible characters of the text that neither the base font nor these families have."""
    from matplotlib import font_manager

    every = (part for part in text if not part.isascii())
    shown = {character for part in every for character in part if character.isprintable() and not character.isascii()}
    for family in (BASE, *families) if shown else ():
        shown -= characters(font_manager.findfont(font_manager.FontProperties(family=[family])))
    return shown


@functools.cache
def characters(file: str) -> frozenset[str]:
    """The characters that a font's file has; none where it cannot be read."""
    from matplotlib.font_manager import get_font

    try:
        return frozenset(map(chr, get_font(file).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


def _plainness(font: Any) -> tuple[bool, bool, str]:
    """Upright fonts of normal weight come first."""
    return font.style != "normal", font.weight not in (400, "normal", "regular"), font.name
