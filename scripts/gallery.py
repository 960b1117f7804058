"""A figure for each study, made by its command: `python scripts/gallery.py [NAME ...] [OVERRIDE ...] [--out gallery]`.

    python scripts/gallery.py size=small                # all studies, in their small sizes
    python scripts/gallery.py capacity clip_lr seed=0   # two of them, with an override for both

Runs what is left of each study, writes its report into OUT/NAME, and into OUT/index.md the figure that answers the
study's question, with the study's words and the command.
"""

import argparse
import fnmatch
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnsweep.report import cli

STUDIES = Path(__file__).parent.parent / "conf" / "study"

FIGURES = {
    "baseline": "effect-*-cell",
    "bidirectional": "levels-*-cell_bidirectional",
    "capacity": "levels-*-cell_hidden_size",
    "cell": "curves-*-cell",
    "clip_lr": "gradients-*",
    "conditioning": "levels-*-task_condition",
    "decoding": "levels-*-task_beam_size",
    "depth": "levels-*-cell_num_layers",
    "greff": "effect-*-cell",
    "layer_norm": "heat-*",
    "length": "context-*-task_seq_len",
    "parity": "curves-*",
    "pooling": "levels-*-pooling",
    "seq2seq": "levels-*-task_attention",
    "seqmean": "fit-*-cell_num_layers",
    "sine": "fit-*",
    "teacher_forcing": "levels-*-task_teacher_forcing",
    "tying": "effect-*-task_tie_weights",
}
"""The figures that answer a study's question, by name; of others those that show answers, else the report's first."""


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    made.add_argument("words", nargs="*", help="names of studies, all without; overrides, as in size=small")
    made.add_argument("--root", type=Path, default=Path("multirun"), help="where the studies' directories are")
    made.add_argument("--out", type=Path, default=Path("gallery"))
    options = made.parse_args()
    overrides = [word for word in options.words if "=" in word]
    names = [word for word in options.words if "=" not in word] or studies()
    parts = ["# Gallery", "", "A figure for each study, by its command."]
    for name in names:
        words = ["-m", "rnnsweep", f"+study={name}", f"hydra.sweep.dir={options.root}", *overrides]
        command = shlex.join(["python", *(word for word in words if word != "hydra.sweep.dir=multirun")])
        subprocess.run([sys.executable, *words], check=True)
        parts += ["", *section(name, command, options.root / name, options.out)]
        (options.out / "index.md").write_text("\n".join(parts) + "\n", encoding="utf-8")
    print(options.out / "index.md")


def studies() -> list[str]:
    """All that are not made of others."""
    return sorted(
        file.stem for file in STUDIES.glob("*.yaml") if "    studies:" not in file.read_text(encoding="utf-8")
    )


def section(name: str, command: str, study: Path, out: Path) -> list[str]:
    """The lines of one study's section of the index, with its report written."""
    cli.main([str(study), "--out", str(out / name)])
    drawn = re.findall(r"\]\(figures/(.+?)\.png\)", (out / name / "report.md").read_text(encoding="utf-8"))
    figures = [f"![{figure}]({name}/figures/{figure}.png)" for figure in chosen(name, drawn)]
    told = f"```sh\n{command}\n```"
    return [f"## {name}", "", words(name), "", told, "", *figures, "", f"[The whole report]({name}/report.html)"]


def chosen(name: str, drawn: Sequence[str]) -> list[str]:
    """Of the figures of a study's report those that answer its question: one for each of its tasks."""
    for pattern in (FIGURES.get(name, "fit-*"), "fit-*", "*"):
        if found := fnmatch.filter(drawn, pattern):
            return list({figure.split("-")[1]: figure for figure in reversed(found)}.values())[::-1]
    return []


def words(name: str) -> str:
    """What the study's YAML says of it."""
    lines = (STUDIES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[1:]
    said = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    return " ".join(said)


if __name__ == "__main__":
    main()
