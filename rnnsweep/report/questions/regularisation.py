"""Weight tying, layer norm, dropout."""

from rnnsweep.report.question import Question

RANK = 130

QUESTION = Question(
    name="regularisation",
    title="Weight tying, layer norm, dropout",
    asks="What do these regularisers change?",
    keys=(
        "*.tie_weights",
        "*.layer_norm",
        "*dropout*",
        "cell.variational",
        "cell.zoneout",
        "optimizer.weight_decay",
        "task.embedding_size",
    ),
    metrics=("val/gap",),
)
