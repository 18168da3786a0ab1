"""What can go wrong with what is remembered."""


class BadStore(Exception):
    """The state folder cannot be used as it is: end the program and tell the operator what to do."""


class NoRoom(BadStore):
    """A ceiling is reached and nothing may be let go: trying again does not help."""
