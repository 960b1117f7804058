"""The figures of the report, one view in each file.

A view is a module with the four functions `data`, `title`, `caption` and `draw`. `rnnsweep/report/view.py` says what
they take and return.
"""
