"""Single against stacked."""

from rnnsweep.report.question import Question

RANK = 30

QUESTION = Question(
    name="stacked",
    title="Single against stacked",
    asks="Does a second layer help a regression?",
    keys=("cell.num_layers",),
    metrics=("val/gap",),
    views=("fit", "gradients"),
    tasks=("seqmean*", "sine*"),
)
