"""The questions that a report answers if the runs allow it, one in each file.

A file has `RANK`, its place among the questions, and `QUESTION`. A factor belongs to the first question about it.
"""
