"""The chapters of a section, one in each file.

A file has `RANK`, its place among the chapters, and `answers(section) -> Iterator[Answer]`, which yields nothing if the
runs do not allow an answer.
"""
