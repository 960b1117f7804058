"""Names of artificial languages: each language has its own sounds, its own build of a syllable and its own endings."""

import dataclasses
from collections.abc import Iterator

import torch

from rnnsweep import rng
from rnnsweep.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Language:
    """A language, whose names are one to three syllables of onset, nucleus and coda, and an ending.

    Each field lists its choices, separated by spaces; `-` stands for nothing.
    """

    share: float
    """Of all names: the classes are of unequal size, as in real data."""
    onsets: str
    nuclei: str
    codas: str
    endings: str
    syllables: tuple[int, int]


LANGUAGES = {
    "Aluvian": Language(0.34, "l m n r v s - el al", "a e i o ia ea", "- - - n l r", "ra na lis vel - -", (2, 3)),
    "Brokash": Language(0.20, "b k g kr br gr d z sh", "a o u", "k g sh rk zg - d", "ash ok uz - -", (1, 2)),
    "Cemerin": Language(0.14, "c m p t r n s f", "e i a o", "- - r n s", "in ero elli ato - ini", (2, 3)),
    "Drovan": Language(0.11, "d dr v st l n m zv pr r", "o a e i", "v n - m l j", "ov evic an ski ova -", (1, 3)),
    "Eshari": Language(0.08, "sh h z kh q j y r b d", "a i u aa", "- - d r m b h", "ari i an ullah - een", (2, 2)),
    "Fynnur": Language(0.06, "f th h v s k j sk g", "y i u a oe", "nn ll r rn lf - s", "ur son is ar - dottr", (1, 2)),
    "Gwaeth": Language(0.04, "gw ll rh c b dd pr t m", "ae y wy e o", "th dd n - r ll", "eth wen og - ion", (1, 2)),
    "Haomi": Language(0.03, "h m k t s n y ch r", "a o i u ao ai", "- - - n", "mi ko to - ru shi", (1, 2)),
}


SOUNDS = "".join(f"{each.onsets}{each.nuclei}{each.codas}{each.endings}" for each in LANGUAGES.values())
SYMBOLS = "".join(sorted(set(SOUNDS + SOUNDS.upper()) - set(" -")))
"""All that a name may be written with, so that the vocabulary is that of every seed."""

PATIENCE = 2000  # draws in a row without a new name


def names(count: int, max_len: int, seed: int) -> list[tuple[str, str]]:
    """`count` pairs of (name, language), a function of the seed; names are different within a language.

    Raises:
        ConfigError: the languages have not comfortably as many names of at most `max_len` characters.
    """
    draws = rng.uniform(seed, "data")
    found: list[tuple[str, str]] = []
    for name, language in LANGUAGES.items():
        wanted, made, vain = max(2, round(count * language.share)), dict[str, None](), 0
        while len(made) < wanted:
            word = _name(language, draws)
            fresh = len(word) <= max_len and word not in made
            vain = 0 if fresh else vain + 1
            if fresh:
                made[word] = None
            if vain == PATIENCE:
                problem = f"{name} has fewer than {wanted} different names of at most {max_len} characters"
                raise ConfigError(
                    "task.examples", f"{problem}; lower `task.examples` or raise `task.max_len`", ("task.max_len",)
                )
        found += [(word, name) for word in made]
    order = torch.randperm(len(found), generator=rng.generator(seed, "data", "order")).tolist()
    return [found[index] for index in order]


def _name(language: Language, draws: Iterator[float]) -> str:
    least, most = language.syllables
    count = least + int(next(draws) * (most + 1 - least))
    parts = [*(language.onsets, language.nuclei, language.codas) * count, language.endings]
    return "".join(_sound(choices, draws) for choices in parts).capitalize()


def _sound(choices: str, draws: Iterator[float]) -> str:
    options = choices.split()
    drawn = options[int(next(draws) * len(options))]
    return "" if drawn == "-" else drawn
