"""The state of a sweep that runs elsewhere: `python -m rnnsweep.status multirun/NAME`, with `--web` in a browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnsweep import planned, retired, study_folder
from rnnsweep.errors import ConfigError
from rnnsweep.terminal import Arguments, between, command

if TYPE_CHECKING:
    from rnnsweep.sweep.plan import Plan


@command("rnnsweep.status")
def main() -> None:
    parser = Arguments(prog="python -m rnnsweep.status", description=__doc__)
    parser.add_argument("study", type=Path, help="the directory of a study, such as multirun/default")
    parser.add_argument(
        "--web", action="store_true", help="show it in a browser of this machine, and keep it up to date"
    )
    parser.add_argument("--port", type=between(int, 0, 65535), help="the port of the page; 0: any free one")
    arguments = parser.parse_args()
    if arguments.web:
        serve(arguments.study, arguments.port)
    elif arguments.port is not None:
        parser.error("--port is for --web")
    else:
        show(arguments.study)


def serve(study: Path, port: int | None) -> None:
    """Serves the study's page until Ctrl-C.

    Raises:
        ConfigError: the directory is not that of a study, or the port is taken.
    """
    from rnnsweep.web.server import opened

    with opened(study, port) as server:
        print(f"{server.url} shows {study} to browsers of this machine; Ctrl-C ends it", flush=True)
        server.serve_forever()


def show(study: Path) -> None:
    """Prints how the study stands.

    Raises:
        ConfigError: the directory is not that of a study.
    """
    from rnnsweep.sweep.plan import plans
    from rnnsweep.sweep.search import searches
    from rnnsweep.sweep.trials import Trials
    from rnnsweep.sweep.tuned_table import closing
    from rnnsweep.sweep.view import Progress, closing_table, curve_lines, worker_lines

    found, searched = plans(study), searches(study)
    for search in searched:
        trials = Trials(search)
        print(trials.summary())
        print(trials.closing_table())
    if not found and not searched:
        raise ConfigError(str(study), study_folder.not_a_study(study))
    for level in retired.read(study):
        print(f"{level} is retired: its runs are not counted")
    for plan in whole([plan.counted() for plan in found if plan.title is None]):
        progress = Progress(plan)
        progress.look()
        print("\n".join([progress.summary(), *curve_lines(study, progress.best)]))
        print(closing_table(progress))
    stages = {plan.path.name: plan for plan in found if plan.title}
    for tuned in planned.tuned(study):
        for name in (name for name in tuned.stages if name in stages):
            progress = Progress(stages[name])
            progress.look()
            print(progress.summary())
        print(closing(tuned, study))
    if workers := worker_lines(planned.workers(study)):  # once, whatever the study holds
        print("", *workers, sep="\n")


def whole(found: Sequence["Plan"]) -> list["Plan"]:
    """The plans that have runs, without those of which another one has all the runs: each run is shown once."""
    names = [{run.id for run in plan.runs} for plan in found]
    within = [
        any(mine < other or (mine == other and index < place) for place, other in enumerate(names))
        for index, mine in enumerate(names)
    ]
    return [plan for plan, inside in zip(found, within, strict=True) if plan.runs and not inside]


if __name__ == "__main__":
    main()
