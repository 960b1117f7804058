"""The address of a database that holds the trials of a search, and what files hold of it.

No file holds a password or a query. A search's file has the address with asterisks in their place, or the
`${oc.env:NAME}` that was typed. Workers take the whole address from the environment, which they inherit.
"""

import os

from rnnsweep.errors import ConfigError
from rnnsweep.interpolation import resolved
from rnnsweep.secrets import redacted

KEY = "hydra.sweeper.storage"
VARIABLE = "RNNSWEEP_STORAGE"
"""The environment variable with whole addresses, the newest first, separated by spaces."""


def kept(typed: str, address: str) -> str:
    """What files hold of an address: the text where it names environment variables, else what is no secret of it."""
    return typed if "${oc.env:" in typed else redacted(address)


def hand_over(address: str) -> None:
    """Gives a whole address to this process and to those that it starts."""
    if redacted(address) != address:
        os.environ[VARIABLE] = f"{address} {os.environ.get(VARIABLE, '')}".strip()


def whole(kept: str) -> str:
    """The address of which files hold this.

    Raises:
        ConfigError: no environment variable has it.
    """
    if "${" in kept:
        values, _ = resolved({KEY: kept})
        return str(values[KEY])
    if "***" not in kept:
        return kept
    for address in os.environ.get(VARIABLE, "").split():
        if redacted(address) == kept:
            return address
    problem = f"{kept} has a password or a query, which no file holds; set {VARIABLE} to the whole address"
    raise ConfigError(KEY, f"{problem}, or type it as '${{oc.env:NAME}}'")
