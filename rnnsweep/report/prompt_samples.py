"""Texts that the selected model writes after fixed prompts: its best, median and worst seed side by side."""

import json

from rnnsweep.report.section import PromptSamples, Section
from rnnsweep.report.summaries import read_summary


def samples(section: Section) -> list[PromptSamples]:
    """The texts after each prompt, at temperature 0.8 without top-k; if there is no such text, at another setting."""
    seeds = section.seeds()
    if not seeds or not section.has_item("samples"):
        return []
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for which, row in _chosen(seeds).items():
        shown = read_summary(section.runs.frame["path"].iloc[row]).get("samples", [])
        settings = {(s.get("temperature"), s.get("top_k")) for s in shown}
        wanted = (0.8, 0) if (0.8, 0) in settings else next(iter(settings), (None, None))
        name = f"{which} ({section.runs.frame['run'].iloc[row]})"
        for sample in shown:
            if (sample.get("temperature"), sample.get("top_k")) == wanted:
                setting = f"temperature {wanted[0]}" + (f", top-k {wanted[1]:g}" if wanted[1] else "")
                text = str(sample.get("text", json.dumps(sample)))
                found.setdefault((str(sample.get("prompt", "")), setting), []).append((name, text))
    return [PromptSamples(prompt, setting, tuple(texts)) for (prompt, setting), texts in found.items()]


def _chosen(seeds: list[int]) -> dict[str, int]:
    """The best, the median and the worst seed; with fewer than three seeds, all of them."""
    if len(seeds) > 2:
        return {"best seed": seeds[0], "median seed": seeds[len(seeds) // 2], "worst seed": seeds[-1]}
    return dict(zip(("best seed", "worst seed"), seeds, strict=False))
