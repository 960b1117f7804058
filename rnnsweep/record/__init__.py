"""The files of a run: one directory is one run. Nothing else knows them.

config.json     the resolved config, the code       metrics.jsonl   a row for each log and evaluation
best.pt         the weights of the best validation  last.pt         all that a resume needs
record.json     the outcome, written last           samples.md      what the model wrote, if it writes
curves.png      loss, perplexity, gradient norm
"""

from rnnsweep.record.data_sets import DataSet
from rnnsweep.record.evaluated import evaluated_on
from rnnsweep.record.outcome import Declaration, RunRecord
from rnnsweep.record.store import RunStore
from rnnsweep.shapes import Json

__all__ = ["DataSet", "Declaration", "Json", "RunRecord", "RunStore", "evaluated_on"]
