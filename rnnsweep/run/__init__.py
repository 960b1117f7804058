"""From a config to a run that is over.

validate.py     checks every setting                  objects.py      makes the task, the model and the optimizer
identity.py     a checked config, its name            devices.py      where a run trains, with how many threads
execution.py    trains a stack of runs                recording.py    the record of a run that was trained
environment.py  what repeats a number                 ending.py       the record of one that failed or was pruned
saved_model.py  the model of a run that is over       parent.py       the run that another one starts from
outline.py      models without numbers                unused.py       settings that do nothing in a run
trial.py        the user's classes on a batch
"""

from rnnsweep.run.devices import device, threads_of
from rnnsweep.run.ending import fail, prune
from rnnsweep.run.execution import execute, make_member
from rnnsweep.run.identity import PreparedRun, identify, prepare, refuse_repeats, refuse_unlike_parent
from rnnsweep.run.objects import make_model, make_optimizer, make_task
from rnnsweep.run.saved_model import saved
from rnnsweep.run.validate import settings, validated

__all__ = [
    "PreparedRun",
    "device",
    "execute",
    "fail",
    "identify",
    "make_member",
    "make_model",
    "make_optimizer",
    "make_task",
    "prepare",
    "prune",
    "refuse_repeats",
    "refuse_unlike_parent",
    "saved",
    "settings",
    "threads_of",
    "validated",
]
