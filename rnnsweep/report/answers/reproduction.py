"""The published results that the studies were made to reproduce."""

from collections.abc import Iterator

from rnnsweep.report import published_findings, published_values
from rnnsweep.report.published_file import published_results
from rnnsweep.report.section import Answer, Section
from rnnsweep.report.table import anchor

RANK = 0


def answers(section: Section) -> Iterator[Answer]:
    """Published results beside ours. The validation loss chooses our settings, whatever the report's metric is."""
    runs, metric = section.runs, section.runs.metric(None)
    specs = [spec for spec in published_results(list(runs.frame["study"].unique())) if spec["metric"] in runs.frame]
    if not specs:
        return
    answer = Answer(anchor(runs.task, "published"), "Published and ours", "Are the published numbers reproduced?")
    for index, spec in enumerate(specs):
        if not runs.declared.says(spec["metric"]):
            problem = f"no record says which way `{spec['metric']}` is better"
            answer.sentences.append(f"{spec['source']} is not compared: {problem}.")
            continue
        answer.tables += [published_values.values_table(runs, metric, spec, index)] if spec["values"] else []
        answer.tables += published_findings.tables(runs, metric, spec, index)
        answer.sentences += published_values.orders(runs, metric, spec)
    yield answer
