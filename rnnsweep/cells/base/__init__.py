"""The families of cells. A family writes `forward` once; a cell supplies its mathematics."""

from rnnsweep.cells.base.abstract import AbstractCell, CellFactory, causal, head_size
from rnnsweep.cells.base.layer import Layer, RecurrentInit
from rnnsweep.cells.base.layered import LayeredCell
from rnnsweep.cells.base.recurrent import RecurrentCell
from rnnsweep.cells.base.window import WindowCell, windows

__all__ = [
    "AbstractCell",
    "CellFactory",
    "Layer",
    "LayeredCell",
    "RecurrentCell",
    "RecurrentInit",
    "WindowCell",
    "causal",
    "head_size",
    "windows",
]
