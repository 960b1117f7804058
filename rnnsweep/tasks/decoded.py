"""The answers of an encoder-decoder to the test: exact match, by source length, and the page of samples."""

from typing import Any

SHOWN = 10  # examples and mistakes on the page


def summarised(rows: list[dict[str, str]], beam_size: int) -> dict[str, Any]:
    """The share of right answers, also for each source length, and the first examples and mistakes.

    Args:
        rows: `source`, `target` and `answer` of each example of the test.
        beam_size: the beams that wrote the answers.
    """
    wrong = [row for row in rows if row["answer"] != row["target"]]
    return {
        "decoding": {"beam_size": beam_size, "exact": 1 - len(wrong) / len(rows), "test": len(rows)},
        "by_length": _by_length(rows),
        "examples": rows[:SHOWN],
        "mistakes": wrong[:SHOWN],
    }


def page(data: dict[str, Any]) -> str:
    """`samples.md` for what `summarised` returns."""
    decoding = data["decoding"]
    how = "greedy" if decoding["beam_size"] == 1 else f"a beam of {decoding['beam_size']}"
    lines = ["# Samples", "", f"Exact, free-running ({how}): {decoding['exact']:.4f} of {decoding['test']}.", ""]
    lines += ["| source length | exact | of |", "|---|---|---|"]
    lines += [f"| {row['length']} | {row['exact']:.3f} | {row['test']} |" for row in data["by_length"]]
    for title, rows in (("Examples", data["examples"]), ("Mistakes", data["mistakes"])):
        lines += ["", f"## {title}", ""]
        for row in rows:
            right = "" if row["answer"] == row["target"] else f"   should be {row['target']}"
            lines.append(f"    {row['source']} -> {row['answer']}{right}")
        lines += [] if rows else ["none"]
    return "\n".join(lines) + "\n"


def _by_length(rows: list[dict[str, str]]) -> list[dict[str, float]]:
    lengths = sorted({len(row["source"]) for row in rows})
    groups = [[row for row in rows if len(row["source"]) == length] for length in lengths]
    return [
        {"length": length, "exact": sum(r["answer"] == r["target"] for r in group) / len(group), "test": len(group)}
        for length, group in zip(lengths, groups, strict=True)
    ]
