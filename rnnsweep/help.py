"""`--help`: the settings with their defaults, from the YAML files, whose comments are the documentation."""

import argparse
import re
from importlib.util import find_spec
from pathlib import Path

USAGE = """rnnsweep: train one recurrent network, or compare many

  python -m rnnsweep [GROUP=CHOICE] [KEY=VALUE] ...        train one run; the same command again continues it
  python -m rnnsweep -m KEY=VALUE,VALUE ...                a run for each combination
  python -m rnnsweep.sample RUN_DIRECTORY --prompt TEXT    write with a trained model

  --cfg job            print the composed config and stop
  --config-dir DIR     add your own config groups
  --hydra-help         Hydra's own options
  -sc install=bash     shell completion: eval "$(rnnsweep -sc install=bash)"
"""


def page(conf: Path, arguments: list[str]) -> str:
    """The whole help; a `group=choice` among the arguments shows the settings of that choice."""
    folders = [conf, *own_folders(arguments)]
    config = (conf / "config.yaml").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"^  - (\w+): (\w+)$", config, re.M))
    chosen = defaults | dict(a.split("=", 1) for a in arguments if a.split("=", 1)[0] in defaults and "=" in a)
    parts = [USAGE, "\nGroups\n"]
    for group in defaults:
        names = sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
        parts.append(f"  {group + '=':<12}{', '.join(names)}  (default {defaults[group]})\n")
    top, train = config.split("\ntrain:\n")
    parts.append(_section("", top.split("\n\n", 1)[1], "General"))
    parts.append(_section("train.", train.split("\n\n", 1)[0], "Training"))
    for group, choice in chosen.items():
        for file in [folder / group / f"{choice}.yaml" for folder in folders if (folder / group).is_dir()]:
            if file.exists():
                parts.append(_section(f"{group}.", _whole(file, folders, group), f"{group}={choice}"))
    return "\n".join("".join(parts).splitlines())


def own_folders(arguments: list[str]) -> list[Path]:
    """The user's folders of config groups: those after --config-dir or -cd, and those in hydra.searchpath."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config-dir", "-cd", type=Path, action="append", default=[])
    folders: list[Path] = parser.parse_known_args(arguments)[0].config_dir
    searched = " ".join(argument for argument in arguments if argument.startswith("hydra.searchpath="))
    packages = [find_spec(name) for name in re.findall(r"pkg://([\w.]+)", searched)]
    return [
        *folders,
        *(Path(name) for name in re.findall(r"file://([^],'\"]+)", searched)),
        *(Path(folder) for found in packages if found for folder in found.submodule_search_locations or ()),
    ]


def _whole(file: Path, folders: list[Path], group: str) -> str:
    """The text of a YAML file, after the texts of the files in its defaults: the last line of a setting counts."""
    text = file.read_text(encoding="utf-8")
    parts = []
    for name in re.findall(r"^  - ([\w/]+)(?:@_here_)?$", text.split("_target_:")[0], re.M):
        for base in (place / f"{name}.yaml" for place in (file.parent, *(folder / group for folder in folders))):
            if base.exists():
                parts.append(_whole(base, folders, group))
                break
    return "\n".join([*parts, text])


def _section(prefix: str, text: str, title: str) -> str:
    rows = re.findall(r"^ *(\w+): *(.*?) +# (.*)$", text, re.M)
    settings = {name: (value, comment) for name, value, comment in rows if name != "_target_"}
    lines = [f"  {f'{prefix}{name}={value}':<34} {comment}\n" for name, (value, comment) in settings.items()]
    return f"\n{title}\n{''.join(lines)}" if lines else ""
