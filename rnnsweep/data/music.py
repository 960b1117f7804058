"""Polyphonic music as piano rolls: which of 88 keys sound at each step; from a file, or chorales of our own."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnsweep import rng
from rnnsweep.data import splits
from rnnsweep.data.user_files import File, kept, read
from rnnsweep.errors import tell_once
from rnnsweep.types import HELD_OUT, Split

KEYS = 88
LOWEST = 21  # the MIDI number of the first key

Roll = np.ndarray
"""(time, KEYS) of uint8: 1 where a key sounds."""

NAMES: dict[Split, str] = {"train": "traindata", "val": "validdata", "test": "testdata"}


@kept(2)
def rolls(path: str) -> tuple[dict[Split, list[Roll]], str]:
    """The sequences of a .mat file of the usual layout (Boulanger-Lewandowski et al. 2012), and its SHA-256.

    Each part is a cell array of piano rolls, or one roll. Rolls of less than two steps have nothing to predict and are
    left out.

    Raises:
        ConfigError: names `task.path` where the file is not there or is not such a file, or where a part has nothing to
            predict.
    """
    from scipy.io import loadmat

    file = read(path, "task.path")
    try:
        content = loadmat(io.BytesIO(file.content))
    except Exception as error:  # scipy raises whatever the bytes lead it to
        raise file.wrong(f"cannot read `{path}` as a .mat file: {error}") from None
    if missing := [name for name in NAMES.values() if name not in content]:
        raise file.wrong(f"`{path}` has no `{missing[0]}`; expected {', '.join(NAMES.values())}")
    parts = {split: _part(file, name, content[name]) for split, name in NAMES.items()}
    known = {roll.tobytes() for roll in parts["train"]}
    for split in HELD_OUT:
        if seen := sum(roll.tobytes() in known for roll in parts[split]):
            tell_once(f"`{path}`: {splits.trained_on(seen, len(parts[split]), f'pieces of the {split} part')}")
    return parts, file.sha256


def _part(file: File, name: str, content: Any) -> list[Roll]:
    """The rolls of one part that have something to predict."""
    rolls = [_roll(file, place, piece) for place, piece in _pieces(name, content)]
    kept = [roll for roll in rolls if len(roll) > 1]
    if kept and len(kept) < len(rolls):
        count = f"{len(rolls) - len(kept):,} of {len(rolls):,} sequences of `{name}`"
        tell_once(f"`{file.path}`: {count} have fewer than two steps and are left out")
    if not kept:
        raise file.wrong(f"`{name}` of `{file.path}` has nothing to predict: no sequence has two steps or more")
    return kept


def _pieces(name: str, content: Any) -> list[tuple[str, Any]]:
    """The sequences of one part with their names: those of a cell array or of a block (piece, time, key), or one."""
    if isinstance(content, np.ndarray) and (content.dtype == object or content.ndim == 3):
        every = content.flat if content.dtype == object else content
        return [(f"{name}{{{number}}}", piece) for number, piece in enumerate(every, 1)]
    return [(name, content)]


def _roll(file: File, place: str, piece: Any) -> Roll:
    from scipy.sparse import issparse

    values = piece.toarray() if issparse(piece) else np.asarray(piece)
    if values.size == 0:
        return np.zeros((0, KEYS), np.uint8)
    wanted = f"expected (time, {KEYS}) of zeros and ones"
    if values.ndim != 2 or values.shape[1] != KEYS:
        raise file.wrong(f"`{place}` of `{file.path}` is a sequence of shape {values.shape}; {wanted}")
    strange = values[~np.isin(values, (0, 1))]
    if strange.size:
        problem = f"`{place}` of `{file.path}` holds values other than 0 and 1, such as {strange[0]}"
        raise file.wrong(f"{problem}; {wanted}: 1 where a key sounds, however loud")
    return values.astype(np.uint8)


# Chorales of our own ---------------------------------------------------------------------------------------------

TRIADS = {"I": (0, 4, 7), "ii": (2, 5, 9), "IV": (5, 9, 0), "V": (7, 11, 2), "vi": (9, 0, 4)}
"""Semitones above the tonic, the root first."""
NEXT = {
    "I": ["IV", "IV", "V", "V", "vi", "ii"],
    "ii": ["V", "V", "V", "vi"],
    "IV": ["V", "V", "I", "ii"],
    "V": ["I", "I", "I", "vi"],
    "vi": ["ii", "ii", "IV", "V"],
}
"""What may follow a chord; twice is twice as likely."""
VOICES = ((72, 81), (65, 74), (57, 67))  # soprano, alto and tenor: the MIDI notes that they sing


def chorales(count: int, longest: int, seed: int) -> list[Roll]:
    """Different pieces of `longest` / 2 to `longest` steps in four voices, in any of twelve major keys.

    Chords follow one another by NEXT and last two to four steps; each voice takes the nearest note of the chord.
    """
    draws, found = rng.uniform(seed, "data"), dict[bytes, Roll]()
    while len(found) < count:
        roll = _chorale(longest // 2 + int(next(draws) * (longest - longest // 2 + 1)), draws)
        found.setdefault(roll.tobytes(), roll)
    return list(found.values())


def _chorale(steps: int, draws: Iterator[float]) -> Roll:
    roll, tonic, chord = np.zeros((steps, KEYS), np.uint8), int(next(draws) * 12), "I"
    notes = [sum(span) // 2 + int(next(draws) * 5) - 2 for span in VOICES]
    start = 0
    while start < steps:
        end = min(steps, start + 2 + int(next(draws) * 3))
        tones = [(tonic + tone) % 12 for tone in TRIADS[chord]]
        taken: list[int] = []
        for note, span in zip(notes, VOICES, strict=True):
            taken.append(_nearest(note, span, tones, taken))
        notes = taken
        bass = 40 + (tones[0] - 40) % 12
        for note in (*notes, bass):
            roll[start:end, note - LOWEST] = 1
        if next(draws) < 0.3:  # the soprano passes a note of the scale on the last step
            roll[end - 1, notes[0] - LOWEST] = 0
            roll[end - 1, notes[0] + (1 if (notes[0] + 1 - tonic) % 12 in (0, 5) else 2) - LOWEST] = 1
        start, chord = end, NEXT[chord][int(next(draws) * len(NEXT[chord]))]
    return roll


def _nearest(note: int, span: tuple[int, int], tones: list[int], taken: list[int]) -> int:
    """The note of the chord within the voice's span that is nearest to its last one, and no other voice's."""
    free = (n for n in range(span[0], span[1] + 1) if n % 12 in tones and n not in taken)
    return min(free, key=lambda n: (abs(n - note), n))
