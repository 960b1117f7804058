"""Builds the site: collects the pages of the folders and the reference into build/pages, and runs MkDocs on them.

pip install -e '.[docs]' && python scripts/site_pages.py     # then open build/site/index.html
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ABOUT = ".github/"  # MkDocs leaves hidden folders out: these pages go to about/

REFERENCE = {
    "From Python": ["rnnsweep.results", "rnnsweep.report.results.Results"],
    "Cells": ["rnnsweep.cells.base", "rnnsweep.cells.scan"],
    "Tasks": ["rnnsweep.tasks.base", "rnnsweep.types"],
    "Poolings and attention": ["rnnsweep.pooling", "rnnsweep.attention"],
    "Optimizers and schedules": ["rnnsweep.optim", "rnnsweep.schedules"],
}
"""What the reference documents: modules and objects that an author of an extension uses."""


def pages() -> dict[str, str]:
    """The text of each page by its path in the site. Links to what is no page lead to nothing and become plain text."""
    paths = sorted(path for path in ROOT.rglob("*.md") if _is_page(path.relative_to(ROOT).as_posix()))
    found = {moved(path.relative_to(ROOT).as_posix()): path.read_text(encoding="utf-8") for path in paths}
    places = {*found, *(moved(name) for name in pictures())}
    return {name: _linked(name, text.replace(f"({ABOUT}", "(about/"), places) for name, text in found.items()} | {
        "reference.md": reference()
    }


def pictures() -> list[str]:
    """The pictures of the pages."""
    return [path.relative_to(ROOT).as_posix() for path in (ROOT / ".github").glob("*.svg")]


def reference() -> str:
    """The page of the reference, for mkdocstrings."""
    parts = [f"## {title}\n\n" + "\n\n".join(f"::: {name}" for name in names) for title, names in REFERENCE.items()]
    return "# Reference\n\n" + "\n\n".join(parts) + "\n"


def _is_page(path: str) -> bool:
    first = path.split("/")[0]
    return path == "README.md" or first in ("conf", "rnnsweep", "scripts", "tests") or path.startswith(ABOUT)


def moved(path: str) -> str:
    """Where a file of the repository stands in the site."""
    return "about/" + path.removeprefix(ABOUT) if path.startswith(ABOUT) else path


def _linked(page: str, text: str, places: set[str]) -> str:
    """The page with those links alone that lead somewhere in the site, or out of it."""
    here = (ROOT / page).parent

    def link(found: re.Match[str]) -> str:
        target = found["target"].split("#")[0]
        if not target or "://" in target:
            return found[0]
        path = (here / target).resolve()
        inside = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
        return found[0] if inside in places else found["text"]

    return re.sub(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)", link, text)


def main() -> None:
    """Collects and builds."""
    folder = ROOT / "build" / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in pages().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name in pictures():
        shutil.copy(ROOT / name, folder / moved(name))
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", ".github/mkdocs.yml"]
    sys.exit(subprocess.run(command, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
