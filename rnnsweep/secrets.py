"""Passwords in addresses: what is shown or kept of a text that may hold one."""

import re

_PASSWORD = re.compile(r"(://[^\s:/@]*):[^\s'\"]*@")
_QUERY = re.compile(r"(://[^\s'\"?]*\?)[^\s'\"`]+")


def redacted(text: str) -> str:
    """The text with asterisks for the password and the query of each address in it.

    Example:
        >>> redacted("postgresql://me:pass@host/studies?sslkey=k")
        'postgresql://me:***@host/studies?***'
    """
    return _QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text)) if "://" in text else text
