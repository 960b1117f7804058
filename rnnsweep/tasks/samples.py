"""Samples of a language model, with measures of how diverse and how coherent they are."""

import collections
import dataclasses
import re
from collections.abc import Collection

import torch

from rnnsweep.models.decode import generate
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.types import Summary
from rnnsweep.vocab import Vocabulary

SETTINGS = ((0.5, 0), (0.8, 0), (1.0, 0), (0.8, 20), (1.0, 5))
"""(temperature, top_k) of the samples; top_k 0 admits every character."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """One text that a model wrote after `prompt`."""

    prompt: str
    temperature: float
    top_k: int
    text: str


def words(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits."""
    return re.findall(r"\w+", text.lower())


def openings(text: str, count: int = 4, length: int = 16) -> list[str]:
    """The first characters of `count` lines, spread evenly over a text. As prompts they suit any language."""
    lines = [line.strip()[:length] for line in text.split("\n") if len(line.strip()) >= length]
    return [lines[i * len(lines) // count] for i in range(count)] if len(lines) >= count else [text[:1]]


def draw(
    model: ManyToMany, vocab: Vocabulary, prompts: list[str], length: int, generator: torch.Generator
) -> list[Sample]:
    """A sample of `length` symbols for each prompt and each of SETTINGS."""
    device = next(model.parameters()).device
    temperature = torch.tensor([setting[0] for setting in SETTINGS], device=device)
    top_k = torch.tensor([setting[1] for setting in SETTINGS], device=device)
    drawn = []
    for prompt in prompts:
        start = vocab.encode(prompt).long().to(device).expand(len(SETTINGS), -1)
        symbols = generate(model, start, length, temperature, top_k, generator)
        texts = [vocab.decode(row) for row in symbols.tolist()]
        drawn += [Sample(prompt, *setting, text) for setting, text in zip(SETTINGS, texts, strict=True)]
    return drawn


def distinct(tokens: list[str], n: int) -> float:
    """Distinct n-grams over all n-grams (Li et al. 2016); 0 where there is no n-gram."""
    grams = list(zip(*(tokens[i:] for i in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else 0.0


def known_share(tokens: list[str], known: Collection[str]) -> float:
    """Share of the words that occur in the training text; 0 where there are none."""
    return sum(token in known for token in tokens) / len(tokens) if tokens else 0.0


def summary(drawn: list[Sample], known: Collection[str]) -> Summary:
    """The samples and, for each setting, diversity beside coherence."""
    by_setting = collections.defaultdict(list)
    for sample in drawn:
        by_setting[sample.temperature, sample.top_k].append(sample)
    measures = [
        {"temperature": setting[0], "top_k": setting[1], **_measures(samples, known)}
        for setting, samples in by_setting.items()
    ]
    data = {"samples": [dataclasses.asdict(sample) for sample in drawn], "measures": measures}
    return Summary(data, _page(by_setting, measures))


def _measures(samples: list[Sample], known: Collection[str]) -> dict[str, float]:
    texts = [words(sample.text)[:-1] for sample in samples]  # the last word may be incomplete
    mean = len(texts)
    scores = {f"distinct_{n}": sum(distinct(text, n) for text in texts) / mean for n in (1, 2, 3)}
    return scores | {"known_words": sum(known_share(text, known) for text in texts) / mean}


def _page(by_setting: dict[tuple[float, int], list[Sample]], measures: list[dict[str, float]]) -> str:
    lines = [
        "# Samples",
        "",
        "distinct-n: different n-grams of words over all of them. Known words: share of the words that occur in the",
        "training text.",
        "",
        "| temperature | top-k | distinct-1 | distinct-2 | distinct-3 | known words |",
        "|---|---|---|---|---|---|",
    ]
    for row in measures:
        scores = " | ".join(f"{row[name]:.2f}" for name in ("distinct_1", "distinct_2", "distinct_3", "known_words"))
        lines.append(f"| {row['temperature']} | {row['top_k'] or 'off'} | {scores} |")
    for (temperature, top_k), samples in by_setting.items():
        lines += ["", f"## Temperature {temperature}, top-k {top_k or 'off'}"]
        for sample in samples:
            # indented, so that Markdown shows the sample as it is
            block = [f"    {line}" for line in re.split("\r\n?|\n", sample.prompt + sample.text)]
            lines += ["", f"After {sample.prompt!r}:".replace("`", "'"), "", *block]
    return "\n".join(lines) + "\n"
