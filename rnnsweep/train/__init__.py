"""Training: the loop in `loop.py`, and a file for each of its parts."""

from rnnsweep.train.config import TrainConfig
from rnnsweep.train.loop import Trainer
from rnnsweep.train.member import Member
from rnnsweep.train.observer import Observer
from rnnsweep.train.stopping import ShouldPrune, never

__all__ = ["Member", "Observer", "ShouldPrune", "TrainConfig", "Trainer", "never"]
