"""`--help`: the settings with their defaults, from the YAML files, whose comments are the documentation."""

import argparse
import json
import re
from importlib.util import find_spec
from pathlib import Path

import yaml

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
    typed = dict(a.split("=", 1) for a in arguments if "=" in a)
    chosen = defaults | {group.lstrip("+"): a for group, a in typed.items() if group in defaults or "/" in group}
    parts = [USAGE, "\nGroups\n"]
    for group in defaults:
        names = sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
        parts.append(f"  {group + '=':<12}{', '.join(names)}  (default {defaults[group]})\n")
    top, train = config.split("\ntrain:\n")
    parts.append(_section("", top.split("\n\n", 1)[1], "General"))
    parts.append(_section("train.", train.split("\n\n", 1)[0], "Training"))
    for group, choice in chosen.items():
        for folder in folders:
            file, title = folder / group / f"{choice}.yaml", f"{group}={choice}"
            if file.exists():
                told = _section(f"{_place(file, group)}.", _whole(file, folders, group), title)
                ours = folder == conf  # what ships has comments where it has settings, and needs no torch
                parts.append(told if told or ours else _of_class(group, file, title, arguments))
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


def _place(file: Path, group: str) -> str:
    """Where a file's settings lie in the config."""
    package = re.match(r"# @package ([\w.]+)\n", file.read_text(encoding="utf-8"))
    return package[1] if package else group.replace("/", ".")


def _section(prefix: str, text: str, title: str) -> str:
    rows = re.findall(r"^ *(\w+): *(.*?) +# (.*)$", text, re.M)
    settings = {name: (value, comment) for name, value, comment in rows if name != "_target_"}
    lines = [f"  {f'{prefix}{name}={value}':<34} {comment}\n" for name, (value, comment) in settings.items()]
    return f"\n{title}\n{''.join(lines)}" if lines else ""


def _of_class(group: str, file: Path, title: str, arguments: list[str]) -> str:
    """The settings of a choice whose YAML has no comments, from the constructor of its class."""
    from rnnsweep.config import schema
    from rnnsweep.own import loaded

    prefix = _place(file, group)
    values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    named = next((a.partition("=")[2].strip("[]") for a in arguments if a.startswith("packages=")), "")
    packages = [name.strip() for name in named.split(",") if name.strip()]
    cls = loaded(f"{prefix}._target_", str(values.get("_target_")), packages)
    lines = []
    for name, field in schema(cls).model_fields.items():
        default = "" if field.is_required() else field.get_default(call_default_factory=True)
        kind = getattr(field.annotation, "__name__", str(field.annotation))
        lines.append(f"  {f'{prefix}.{name}={_shown(values.get(name, default))}':<34} {kind}\n")
    return f"\n{title}, from the constructor of {cls.__name__}\n{''.join(lines)}" if lines else ""


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
