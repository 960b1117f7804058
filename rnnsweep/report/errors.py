"""What a report cannot be made of."""


class ReportError(Exception):
    """The message names what was asked for, what there is, and what to do."""
