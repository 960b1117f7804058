"""Teacher forcing."""

from rnnsweep.report.question import Question

RANK = 60

QUESTION = Question(
    name="teacher",
    title="Teacher forcing",
    asks="Does a lower ratio reduce exposure bias, and does it make training less stable?",
    keys=("task.teacher_forcing*",),
    metrics=("val/free*", "val/exact*"),
    views=("curves",),
)
