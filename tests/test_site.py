"""The site: its pages, its reference, and their links; MkDocs itself where it is installed."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from conftest import ROOT


@pytest.fixture(scope="module")
def site() -> ModuleType:
    path = list(sys.path)
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("site_pages")
    finally:
        sys.path[:] = path


def test_the_menu_names_every_page(site: ModuleType) -> None:
    text = re.sub(r"!!\S+", "", (ROOT / ".github" / "mkdocs.yml").read_text())
    menu = [page for entry in yaml.safe_load(text)["nav"] for page in entry.values()]
    assert sorted(menu) == sorted(site.pages())


def test_links_lead_to_pages_of_the_site(site: ModuleType) -> None:
    pages = site.pages()
    places = {*pages, *(site.moved(name) for name in site.pictures())}
    for name, text in pages.items():
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
            if "://" not in target:
                found = (Path("/") / name).parent.joinpath(target)
                inside = str(Path(*found.parts[1:]))
                assert _normal(inside) in places, f"{name}: {target}"


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def test_what_the_reference_documents_is_there(site: ModuleType) -> None:
    for name in re.findall(r"^::: (\S+)$", site.reference(), re.MULTILINE):
        module, _, last = name.rpartition(".")
        try:
            assert importlib.import_module(name).__doc__
        except ModuleNotFoundError:
            assert getattr(importlib.import_module(module), last).__doc__


@pytest.mark.slow
def test_the_site_is_built(site: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs mkdocs-material")
    pytest.importorskip("mkdocstrings", reason="needs mkdocstrings")
    done = subprocess.run([sys.executable, str(site.__file__)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
