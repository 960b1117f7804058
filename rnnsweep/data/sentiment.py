"""Short opinions from a small grammar in which the order of the words decides: negation and contrast."""

from collections.abc import Iterator

import torch

from rnnsweep import rng
from rnnsweep.errors import ConfigError

THINGS = ["film", "book", "song", "meal", "hotel", "phone", "game", "play", "story", "soup", "room", "lamp", "garden"]
GOOD = ["good", "great", "lovely", "fine", "splendid", "charming", "clever", "superb", "pleasant", "brilliant", "fresh"]
BAD = ["bad", "awful", "dull", "poor", "dreadful", "boring", "clumsy", "terrible", "tiresome", "bland", "weak"]
VERY = ["", "", "very", "really", "quite", "so"]
NEGATIONS = ["not", "hardly", "never", "by no means"]
PARTS = ["start", "middle", "end", "idea", "price", "look", "sound", "pace", "taste", "colour"]

WORDS = " ".join(
    [*THINGS, *GOOD, *BAD, *VERY, *NEGATIONS, *PARTS, "the was , but i found it although even though at all"]
)
"""All that an opinion may be written with, so that the vocabulary is that of every seed."""

Opinion = tuple[str, str]
"""Words separated by spaces, and `positive` or `negative`."""


def opinions(count: int, seed: int) -> list[Opinion]:
    """`count` different opinions, half of them positive; a function of the seed.

    Raises:
        ConfigError: more are asked for than the grammar comfortably has.
    """
    if count > 200_000:
        raise ConfigError("task.examples", f"the grammar has too few opinions for {count} different ones; lower it")
    draws, made = rng.uniform(seed, "data"), dict[str, str]()
    while len(made) < count:
        positive = len(made) % 2 == 0
        made.setdefault(_opinion(positive, draws), "positive" if positive else "negative")
    pairs = list(made.items())
    order = torch.randperm(len(pairs), generator=rng.generator(seed, "data", "order")).tolist()
    return [pairs[index] for index in order]


def _opinion(positive: bool, draws: Iterator[float]) -> str:
    """What is said after `but`, and beside `although`, decides; each clause may be negated."""
    thing, decides, other = _one(THINGS, draws), _clause(positive, draws), _clause(not positive, draws)
    part = _one(PARTS, draws)
    one, two = f"the {part} was", f"the {_one([each for each in PARTS if each != part], draws)} was"
    forms = [
        f"the {thing} was {decides}",
        f"{one} {other} , but {two} {decides}",
        f"the {thing} was {other} , but i found it {decides}",
        f"although {one} {other} , {two} {decides}",
        f"{one} {decides} , although {two} {other}",
        f"{one} {decides} even though {two} {other}",
    ]
    return _one(forms, draws)


def _clause(positive: bool, draws: Iterator[float]) -> str:
    negated = next(draws) < 0.5
    said = f"{_one(VERY, draws)} {_one(GOOD if positive != negated else BAD, draws)}".strip()
    if not negated:
        return said
    return f"{_one(NEGATIONS, draws)} {said}{' at all' if next(draws) < 0.3 else ''}"


def _one(choices: list[str], draws: Iterator[float]) -> str:
    return choices[int(next(draws) * len(choices))]
