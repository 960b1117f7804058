"""The questions that a report answers where the runs allow, one a file.

A file has `RANK`, its place among the others, and `QUESTION`. A factor answers the first question that asks for it.
"""
