"""The outputs of the selected model's best seed: confusions, predictions and pictures."""

from collections.abc import Iterator
from pathlib import Path

from rnnsweep.report.pictures import pictures
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.subject import Subject
from rnnsweep.report.summaries import read_summary
from rnnsweep.report.table import anchor

RANK = 40

DRAWN = ("predictions", "forecasts")  # series with their own figure
LARGEST = 2_000_000  # most bytes of an image on the page


def answers(section: Section) -> Iterator[Answer]:
    """The items of the record's summary, then the images in the run's directory."""
    seeds = section.seeds()
    if not seeds:
        return
    runs, path = section.runs, Path(section.runs.frame["path"].iloc[seeds[0]])
    data = read_summary(str(path)) if runs.frame["summary"].iloc[seeds[0]] else {}
    subject = Subject(runs, section.metric, row=seeds[0], summary=data)
    answer = Answer(anchor(runs.task, "shown"), "What the selected model shows", "What does it get wrong?")
    answer.pictures = pictures(["confusion", "attention", "by_length"], subject)
    if not any(picture.name.startswith("fit-") for a in section.answers for picture in a.pictures):
        answer.pictures += pictures(["fit"], Subject(runs, section.metric))
    answer.pictures += pictures(["forecasts"], subject)
    for name in data:
        if name not in DRAWN:
            answer.pictures += pictures(["series"], Subject(runs, section.metric, summary=data, name=name))
    section.images = _images(path, set(data))
    if answer or section.images:
        yield answer


def _images(path: Path, drawn: set[str]) -> list[tuple[str, Path]]:
    """The PNG files of a run, without those that the report draws itself."""
    return [
        (file.stem, file)
        for file in sorted(path.glob("*.png"))
        if file.stem not in {"curves", *drawn} and file.stat().st_size < LARGEST
    ]
