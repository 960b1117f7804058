"""The chapters of a section, one a file.

A file has `RANK`, its place among the others, and `answers(section) -> Iterator[Answer]`; it yields nothing where the
runs do not allow an answer.
"""
