"""The best setting of a sweep, by its mean over seeds: `python -m rnnsweep.best multirun/NAME`.

With `--write conf/study/best.yaml` it becomes a study that trains it with fresh seeds.
"""

import argparse
import math
import shlex
from pathlib import Path

from rnnsweep.errors import ConfigError, ReportError, many
from rnnsweep.ranking import RankedSetting, Ranking, ranked
from rnnsweep.terminal import Arguments, between, command

SHOWN = 3
"""Settings that are printed of a task."""


@command("rnnsweep.best")
def main() -> None:
    options = _options()
    from rnnsweep.api.best_setting import BestSetting
    from rnnsweep.record import RunStore
    from rnnsweep.report.results import results

    try:
        paths = [Path(path) for path in results(options.study)["path"]]
    except ReportError as error:
        place, _, problem = str(error).partition(": ")
        raise ConfigError(place, problem) from None
    stores = [RunStore(path) for path in paths]
    records = [record for store in stores if (record := store.record())]
    found = ranked(records)
    chosen = _of_task(found, options.task, options.study)
    if options.write is not None and len(chosen) > 1:
        raise ConfigError("--write", f"{options.study} has several tasks; choose one: --task {next(iter(chosen))}")
    for task, ranking in chosen.items():
        print("\n".join(lines(task, ranking)))
        start = 1 + max(int(run.config["seed"]) for run in records if run.config["choices"]["task"] == task)
        best = BestSetting.of(options.study, ranking.settings[0], range(start, start + options.seeds))
        if options.write is None:
            print(f"\nwith fresh seeds: {shlex.join(best.command())}\n")
        else:
            best.write(options.write, lines(task, ranking)[:2])
            print(f"\nwritten: {options.write}\nwith fresh seeds: {shlex.join(best.study_command(options.write))}\n")


def lines(task: str, ranking: Ranking) -> list[str]:
    """The lines about a task's settings."""
    first = ranking.settings[0]
    count = len(ranking.settings)
    seeds = f"seed {first.seeds[0]}"
    if len(first.seeds) > 1:
        seeds = f"mean over seeds {', '.join(map(str, first.seeds))} ± standard deviation"
    said = [f"{task}: the best of {many(count, 'setting')} by {first.metric}, {seeds}"]
    said += [f"  {_value(each)}  {each.words or 'the only setting'}" for each in ranking.settings[:SHOWN]]
    if count > SHOWN:
        said.append(f"  and {count - SHOWN} more")
    said += [f"  {note}" for note in ranking.notes]
    if ranking.left_out:
        verb = "is" if ranking.left_out == 1 else "are"
        problem = "a run diverged, failed, was pruned or is missing"
        said.append(f"  {ranking.left_out} of {ranking.left_out + count} settings {verb} not ranked: {problem}")
    return said


def _value(setting: RankedSetting) -> str:
    spread = "" if math.isnan(setting.deviation) else f" ± {setting.deviation:.2g}"
    return f"{setting.mean:.5g}{spread}"


def _of_task(found: dict[str, Ranking], task: str | None, study: Path) -> dict[str, Ranking]:
    if not found:
        raise ConfigError(str(study), "holds no complete run")
    if task is None:
        return found
    if task not in found:
        raise ConfigError("--task", f"there is no complete run of `{task}`; there is {', '.join(found)}")
    return {task: found[task]}


def _options() -> argparse.Namespace:
    parser = Arguments(prog="python -m rnnsweep.best", description=__doc__)
    parser.add_argument("study", type=Path, metavar="DIR", help="the directory of a study, such as multirun/mine")
    parser.add_argument("--task", help="of a study with several tasks: only this one")
    parser.add_argument("--seeds", type=between(int, 1), default=5, help="fresh seeds (5)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a study: conf/study/NAME.yaml")
    return parser.parse_args()


if __name__ == "__main__":
    main()
