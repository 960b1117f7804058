"""rnnsweep: compare recurrent networks, one composed run or hundreds at a time."""

__version__ = "0.1.0"
