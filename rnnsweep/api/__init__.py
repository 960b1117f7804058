"""What `import rnnsweep` offers in Python; each name is imported when it is asked for.

overrides.py   a run's settings in Python, as words of the command line     compose.py   from them to a run
training.py    rnnsweep.train        sweeping.py   rnnsweep.sweep           trained.py   rnnsweep.load
writing.py     what a model writes   modules.py    torch's own modules      onnx.py      a file for other programs
"""
