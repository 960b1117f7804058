"""The answers of a classifier to the test: a confusion matrix, a table of the classes, mistakes, and their page."""

from collections.abc import Sequence
from typing import Any

SHOWN = 20  # mistakes on the page


def summarised(names: list[str], texts: list[str], labels: Sequence[int], answers: Sequence[int]) -> dict[str, Any]:
    """The confusion matrix of the test, a table of the classes, and mistakes.

    Args:
        names: of the classes.
        texts: the examples for a person to read.
        labels: the number of each example's true class.
        answers: the number of the class that the model gives each example.
    """
    counts = [[0] * len(names) for _ in names]  # a row for each true class
    for label, answer in zip(labels, answers, strict=True):
        counts[label][answer] += 1
    every = zip(texts, labels, answers, strict=True)
    wrong = list(dict.fromkeys(each for each in every if each[1] != each[2]))
    return {
        "confusion": {"labels": names, "counts": counts},
        "by_class": _table(names, counts),
        "mistakes": [
            {"text": text, "class": names[label], "answer": names[answer]}
            for text, label, answer in wrong[:: max(1, -(-len(wrong) // SHOWN))]  # spread over the test
        ],
    }


def page(data: dict[str, Any]) -> str:
    """`samples.md` for what `summarised` returns."""
    lines = ["# Samples", "", "| class | test | precision | recall | F1 |", "|---|---|---|---|---|"]
    for row in data["by_class"]:
        shares = " | ".join("-" if row[k] is None else f"{row[k]:.3f}" for k in ("precision", "recall", "f1"))
        lines.append(f"| {row['class'].replace('|', ' ')} | {row['test']} | {shares} |")
    lines += ["", "## Mistakes", ""]
    lines += [f"    {row['text']} -> {row['answer']}   should be {row['class']}" for row in data["mistakes"]]
    return "\n".join(lines) + "\n"


def _table(classes: list[str], matrix: list[list[int]]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class; None where the divisor is 0."""
    rows = []
    for index, name in enumerate(classes):
        right, wanted, given = matrix[index][index], sum(matrix[index]), sum(row[index] for row in matrix)
        rows.append(
            {
                "class": name,
                "test": wanted,
                "precision": right / given if given else None,
                "recall": right / wanted if wanted else None,
                "f1": 2 * right / (wanted + given) if wanted + given else None,
            }
        )
    return rows
