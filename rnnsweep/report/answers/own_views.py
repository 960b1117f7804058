"""The user's views that no question names: from `--view`, and from the user's packages."""

from collections.abc import Iterator
from types import ModuleType

from rnnsweep.own import ships
from rnnsweep.report.discovery import modules
from rnnsweep.report.pictures import drawn
from rnnsweep.report.question import questions
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import anchor

RANK = 75


def answers(section: Section) -> Iterator[Answer]:
    """Each view once, with all runs, the first factor and all effects as its input."""
    factor = next(iter(section.factors), None)
    of = Subject(section.runs, section.metric, factor, effects=tuple(section.effects), margin=section.margin)
    answer = Answer(anchor(section.task, "own views"), "Views of your own", "What do your own views show?")
    found = [drawn(name, view, of) for name, view in _views(section).items()]
    answer.pictures = [picture for picture in found if picture]
    yield answer


def _views(section: Section) -> dict[str, ModuleType]:
    packages = section.runs.packages
    named = {view for question in questions(packages) for view in question.views}
    theirs = {name: view for name, view in modules("views", packages).items() if name not in named}
    own = {name: view for name, view in theirs.items() if not ships(view.__name__)}
    return own | {view.__name__: view for view in section.views}
