"""The choice of the cell."""

from rnnsweep.report.question import Question

RANK = 10

QUESTION = Question(
    name="cell",
    title="The choice of the cell",
    asks="Which cell is best, and where do GRU and LSTM outperform the tanh RNN?",
    keys=("cell",),
    views=("curves", "fit"),
)
