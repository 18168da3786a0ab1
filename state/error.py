"""Errors of the state and its store."""


class BadStore(Exception):
    """The state folder cannot be used as it is: end the program and tell the operator what to do."""


class NoMemory(BadStore):
    """The memory that processes share is full: wait for room, or tell the operator where to make some."""


class NoRoom(BadStore):
    """A ceiling is reached and nothing may be evicted: trying again does not help."""
