"""A class of your own to begin with: `python -m rnnsweep.new KIND NAME`.

Writes NAME.py, test_NAME.py and conf/GROUP/NAME.yaml (a view has no YAML) into the current directory, or into the one
that --into names. If that has an __init__.py, the files become part of your package. In a clone, `--into rnnsweep` adds
a cell, a task or an optimizer to those that ship, where the tests find it. The new files work at once; no file of
rnnsweep needs an edit.
"""

import argparse
import dataclasses
import importlib.util
import keyword
import os
import shlex
import sys
from pathlib import Path

from rnnsweep.errors import ConfigError
from rnnsweep.terminal import Arguments, command

OURS = Path(__file__).parent
TEMPLATES = OURS / "templates"
SEARCH = "task=parity", "optimizer.lr=tag(log, interval(1e-4,1e-1))"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What can be written."""

    group: str
    """The config group of its YAML; empty where it has none."""
    others: tuple[str, ...]
    """What the printed command has beside the choice."""
    test: str = "test_run"
    """The template of its test."""
    home: str = ""
    """The folder of this package in which its files are, where it has one."""


KINDS = {
    "cell": Kind("cell", ("task=parity",), home="cells"),
    "task": Kind("task", ("cell=gru",), "test_task", home="tasks"),
    "optimizer": Kind("optimizer", ("task=parity",), home="optim"),
    "pooling": Kind("pooling", ("task=sentiment_class",)),
    "schedule": Kind("train/schedule", ("task=parity",)),
    "metric": Kind("train/metrics", ("task=charlm",)),
    "tracker": Kind("train/tracker", ("task=parity",)),
    "sampler": Kind("hydra/sweeper/search", SEARCH, "test_search"),
    "pruner": Kind("hydra/sweeper/pruner", ("hydra.sweeper.search=tpe", *SEARCH), "test_search"),
    "view": Kind("", (), "test_view"),
}


@dataclasses.dataclass(frozen=True)
class NewFiles:
    """Where the files go, and how the class is then named."""

    source: Path
    yaml: Path | None
    test: Path | None
    """None within this package, whose tests find what ships."""
    module: str

    @classmethod
    def of(cls, kind: str, name: str, into: Path) -> "NewFiles":
        """In `into`: this package itself, a package of the user's, or any other directory."""
        group, home = KINDS[kind].group, KINDS[kind].home
        if into.resolve() == OURS:
            conf = _shipped()
            if not home:
                problem = f"a {kind} has no folder of its own here; write it into your package"
                raise ConfigError("--into rnnsweep", problem)
            return cls(into / home / f"{name}.py", conf / group / f"{name}.yaml", None, f"rnnsweep.{home}.{name}")
        package = f"{into.resolve().name}." if (into / "__init__.py").exists() else ""
        test = into / f"test_{name}.py"
        if not group:  # a view, which a package has in a folder
            return cls(into / ("report/views" if package else "") / f"{name}.py", None, test, f"{package}{name}")
        return cls(into / f"{name}.py", into / "conf" / group / f"{name}.yaml", test, f"{package}{name}")

    @property
    def package(self) -> str:
        """The first part of the module's name: the module itself where it is alone."""
        return self.module.split(".")[0]

    @property
    def owned(self) -> bool:
        """Whether it is part of a package of the user's."""
        return "." in self.module and self.package != "rnnsweep"

    def texts(self, kind: str, name: str) -> dict[Path, str]:
        """The files and what they hold: the templates, with the user's names."""
        test, template = KINDS[kind].test, f"rnnsweep.templates.{kind}"
        below = self.source.relative_to(self.test.parent).as_posix() if self.test else ""
        names = {
            "FILE": below,
            template: self.module,
            f"New{kind.capitalize()}": "".join(part.capitalize() for part in name.split("_")),
            f"new_{kind}": name,
            f"new-{kind}": name.replace("_", "-"),
            test.replace("test_", "new_"): name,
            "GROUP": KINDS[kind].group,
            "PACKAGE": self.package,
            '"OTHER"': ", ".join(f'"{word}"' for word in KINDS[kind].others),
        }
        files = {self.source: f"{kind}.py", self.yaml: f"{kind}.yaml", self.test: f"{test}.py"}
        found = {path: (TEMPLATES / file).read_text(encoding="utf-8") for path, file in files.items() if path}
        return {path: _renamed(text, names) for path, text in found.items()}

    def command(self, kind: str, name: str, into: Path) -> str:
        """What uses it."""
        if not KINDS[kind].group:
            return shlex.join(["rnnsweep-report", "multirun/default", "--view", str(self.source)])
        words = ["-m"] * (KINDS[kind].test == "test_search") + [f"{KINDS[kind].group}={name}"]
        if self.package == "rnnsweep":
            return shlex.join(["python", "-m", "rnnsweep", *words, *KINDS[kind].others])
        folder = Path(os.path.relpath(into.resolve().parent)) if self.owned else into
        where = "" if folder == Path() else f"PYTHONPATH={shlex.quote(str(folder))} "
        groups = (
            [f"hydra.searchpath=[pkg://{self.package}.conf]"] if self.owned else ["--config-dir", str(into / "conf")]
        )
        own = ["python", "-m", "rnnsweep", *groups, *words, f"packages=[{self.package}]"]
        return where + shlex.join([*own, *KINDS[kind].others])


def _shipped() -> Path:
    """The config groups of this package: a wheel's, or a clone's."""
    return OURS / "conf" if (OURS / "conf").exists() else OURS.parent / "conf"


def _renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def write(kind: str, name: str, into: Path) -> list[Path]:
    """Writes the files.

    Raises:
        ConfigError: one of them is there already; nothing is written then.
        OSError: the system does not let us write.
    """
    place = NewFiles.of(kind, name, into)
    texts = place.texts(kind, name)
    if there := [path for path in texts if path.exists()]:
        raise ConfigError(str(there[0]), "exists already; choose another name, or delete it")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if place.owned and place.yaml:
        (into / "conf" / "__init__.py").touch()  # Hydra finds no pkg:// without it
    return list(texts)


def possible(name: str, place: NewFiles) -> bool:
    """Whether a module can have this name, where it is to be: a lone file's must hide no other module."""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
        return False
    alone = place.module == name
    taken = name in sys.stdlib_module_names or (not place.source.exists() and importlib.util.find_spec(name))
    return not (alone and taken)


@command("rnnsweep.new")
def main() -> None:
    parser = Arguments(
        prog="python -m rnnsweep.new", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("name", help="of the file and the choice, in small letters: my_cell")
    parser.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to write (default: here)")
    options = parser.parse_args()
    kind, name, into = options.kind, options.name, options.into
    place = NewFiles.of(kind, name, into)
    if not possible(name, place):
        parser.error(
            f"`{name}` cannot be the name of a new module; use small letters, digits and _, and not an existing name"
        )
    if KINDS[kind].group and (_shipped() / KINDS[kind].group / f"{name}.yaml").exists():
        parser.error(f"a {kind} `{name}` ships, and its YAML would be read in place of yours; choose another name")
    print(*write(kind, name, into), "", place.command(kind, name, into), sep="\n")


if __name__ == "__main__":
    main()
