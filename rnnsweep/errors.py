"""What a user did that cannot be done."""


class ConfigError(Exception):
    """A setting that cannot be used: `key` names it as in `task.text`, `problem` says why and what to do.

    `others` are settings that may be at fault in its place; the message names the one that the user typed.
    """

    def __init__(self, key: str, problem: str, others: tuple[str, ...] = ()):
        super().__init__(f"{key}: {problem}")
        self.keys, self.problem = (key, *others), problem
