"""Optimizers on a (member, parameter) matrix. A rule that torch.optim has gives the same numbers to rounding.

The rules in this list are named `rnnsweep.optim.AdamW` in configs and in records. A rule that is added later needs no
place in it: its YAML names its file, as in `_target_: rnnsweep.optim.lion.Lion`.
"""

from rnnsweep.optim.adam import Adam, AdamW
from rnnsweep.optim.base import AbstractOptimizer, Column, Hyperparameters, Rows, Slots
from rnnsweep.optim.clipping import clip_
from rnnsweep.optim.ntasgd import NTASGD
from rnnsweep.optim.rmsprop import RMSprop
from rnnsweep.optim.sgd import SGD

__all__ = [
    "NTASGD",
    "SGD",
    "AbstractOptimizer",
    "Adam",
    "AdamW",
    "Column",
    "Hyperparameters",
    "RMSprop",
    "Rows",
    "Slots",
    "clip_",
]
