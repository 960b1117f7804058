"""How a sweep stands that runs elsewhere: `python -m rnnsweep.status multirun/NAME`."""

from pathlib import Path

from rnnsweep import planned
from rnnsweep.errors import ConfigError
from rnnsweep.terminal import Arguments, command


@command("rnnsweep.status")
def main() -> None:
    parser = Arguments(prog="python -m rnnsweep.status", description=__doc__)
    parser.add_argument("study", type=Path, help="the directory of a study, such as multirun/default")
    study = parser.parse_args().study
    from rnnsweep.sweep.plan import plans
    from rnnsweep.sweep.search import searches
    from rnnsweep.sweep.trials import Trials
    from rnnsweep.sweep.tuned_table import closing
    from rnnsweep.sweep.view import Progress, closing_table, worker_lines

    found, searched = plans(study), searches(study)
    for search in searched:
        trials = Trials(search)
        print("\n".join(trials.lines()))
        print(trials.closing_table())
    if not found and not searched:
        raise ConfigError(str(study), "not the directory of a study: it has no plan")
    for plan in (plan for plan in found if plan.title is None):
        progress = Progress(plan)
        progress.look()
        print("\n".join(progress.lines()))
        print(closing_table(progress))
    stages = {plan.path.name: plan for plan in found if plan.title}
    for tuned in planned.tuned(study):
        for name in (name for name in tuned.stages if name in stages):
            progress = Progress(stages[name])
            progress.look()
            print(progress.summary())
        print("\n".join(worker_lines(study)))
        print(closing(tuned, study))


if __name__ == "__main__":
    main()
