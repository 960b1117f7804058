"""Teacher forcing."""

from rnnsweep.report.question import Question

RANK = 60

QUESTION = Question(
    name="teacher",
    title="Teacher forcing",
    asks="Does a lower ratio cure exposure bias, and what does it cost in stability?",
    keys=("task.teacher_forcing*",),
    metrics=("val/free*", "val/exact*"),
    views=("curves",),
)
