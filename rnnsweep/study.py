"""What a study holds, and what of it counts: `python -m rnnsweep.study multirun/NAME`.

Without an option it lists the plans, the levels of each setting, and the runs by state.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsweep import planned, retired
from rnnsweep.errors import ConfigError, ReportError, listed, many
from rnnsweep.terminal import Arguments, command

if TYPE_CHECKING:
    from rnnsweep.record import Json

SHOWN = 8
"""Levels of a setting that are printed."""


@command("rnnsweep.study")
def main() -> None:
    options = _options()
    study: Path = options.study
    if options.merge is not None:
        merge(options.merge, study)
    elif options.retire or options.restore:
        change(study, options.retire, options.restore)
    elif options.only:
        print("\n".join(runs_in(rows(study), options.only)))
    else:
        print("\n".join(overview(study)))


def rows(study: Path) -> list["Json"]:
    """All runs of a study, those of retired levels included.

    Raises:
        ConfigError: it is not there, or holds no run.
    """
    from rnnsweep.report import data_sets
    from rnnsweep.report.collect import collect

    try:
        frame = collect([study], retiring=False).drop(columns=data_sets.COLUMN, errors="ignore")  # it is no setting
        found: list[Json] = frame.to_dict("records")
    except ReportError as error:
        place, _, problem = str(error).partition(": ")
        raise ConfigError(place, problem) from None
    return found


def overview(study: Path) -> list[str]:
    """Its plans, the levels of each setting that differs, and what is retired."""
    found, gone = rows(study), retired.read(study)
    states = Counter(str(row["state"]) for row in found)
    lines = [
        f"{study}: {many(len(found), 'run')}  "
        + "  ".join(f"{states[name]} {name}" for name in planned.STATES if states[name])
    ]
    for path in planned.plans(study):
        runs = planned.read(path) or []
        lines.append(f"  {path.name}: {many(len(runs), 'run')}  {planned.title(path) or ''}".rstrip())
    lines += ["", "levels, with the number of runs"]
    for key, counts in levels(found).items():
        several = [f"{key}={text} ({count})" for text, count in counts.items()]
        lines.append("  " + listed(several, SHOWN, str))
    for level in gone:
        count = sum(level.holds(row) for row in found)
        kept = f"{many(count, 'run', 'is', 'are')} kept on disk and not counted"
        lines.append(f"\n{level} is retired: {kept}; --restore {level} counts it again")
    return lines


def levels(found: Sequence["Json"]) -> dict[str, Counter[str]]:
    """Of each setting that differs between the runs, its values and how many runs have them."""
    from rnnsweep.report.collect import UNSET, is_setting

    keys = [key for key in found[0] if is_setting(key) or key == "task"]
    counted = {key: Counter(retired.level_text(row[key]) for row in found if row[key] != UNSET) for key in keys}
    return {key: counts for key, counts in counted.items() if len(counts) > 1}


def runs_in(found: Iterable["Json"], state: str) -> list[str]:
    """The runs in a state, each with its error and the command that trains it alone."""
    chosen = [row for row in found if row["state"] == state]
    lines = [f"{many(len(chosen), 'run', 'is', 'are')} {state}"]
    for row in chosen:
        error = str(row["error"] or row["problem"] or "").strip().splitlines()
        lines.append(row["run"] + (f": {error[-1].strip()}" if error else ""))
        lines.append(f"  {row['command']}")
    return lines


def change(study: Path, retire: Sequence[str], restore: Sequence[str]) -> None:
    """Retires levels, or counts them again.

    Raises:
        ConfigError: no run has such a level, none would be left, or it is not retired.
    """
    found, gone = rows(study), retired.read(study)
    for level in map(retired.Level.of, restore):
        if level not in gone:
            raise ConfigError(f"--restore {level}", f"is not retired{_named(gone)}")
        gone.remove(level)
    for level in map(retired.Level.of, retire):
        if not any(level.holds(row) for row in found):
            raise ConfigError(f"--retire {level}", _unknown(level, found))
        gone += [level] if level not in gone else []
    left = sum(not any(level.holds(row) for level in gone) for row in found)
    if left == 0:
        raise ConfigError(f"--retire {' '.join(retire)}", "would leave no run in the report; retire less")
    retired.write(study, gone)
    print(f"{left} of {len(found)} runs of {study} are counted; the others are kept on disk")


def merge(source: Path, study: Path) -> None:
    """Copies the runs of another study into this one, and says how many."""
    from rnnsweep import merging

    copied, there = merging.merge(source, study)
    said = f"; {many(len(there), 'run', 'was', 'were')} there already" if there else ""
    print(f"{many(len(copied), 'run')} of {source} copied to {study}{said}; {source} stays as it is")


def _named(gone: Sequence[retired.Level]) -> str:
    return f"; retired are {', '.join(map(str, gone))}" if gone else "; this study has no retired level"


def _unknown(level: retired.Level, found: Sequence["Json"]) -> str:
    if level.key not in found[0]:
        return f"no run has a setting `{level.key}`; `python -m rnnsweep.study {found[0]['study']}` lists what differs"
    texts = dict.fromkeys(retired.level_text(row[level.key]) for row in found)
    return f"no run has this level; `{level.key}` is {listed(list(texts), SHOWN, str)}"


def _options() -> argparse.Namespace:
    parser = Arguments(prog="python -m rnnsweep.study", description=__doc__)
    parser.add_argument("study", type=Path, metavar="DIR", help="the directory of a study, such as multirun/mine")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--only", choices=planned.STATES, help="list the runs in this state, each with its command")
    doing.add_argument("--merge", type=Path, metavar="DIR", help="copy the runs of another study into this one")
    parser.add_argument("--retire", nargs="+", default=[], metavar="KEY=VALUE", help="count these levels no longer")
    parser.add_argument("--restore", nargs="+", default=[], metavar="KEY=VALUE", help="count them again")
    options = parser.parse_args()
    if (options.retire or options.restore) and (options.merge or options.only):
        parser.error("--retire and --restore are commands of their own; leave out --merge and --only")
    return options


if __name__ == "__main__":
    main()
