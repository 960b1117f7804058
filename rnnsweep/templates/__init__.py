"""What `python -m rnnsweep.new KIND NAME` writes: a class, its YAML and a test for each kind.

They are code that works. `new.py` puts the user's names in the place of theirs.
"""
