"""What can go wrong while a data set is made or read."""


class SynthError(RuntimeError):
    """A data set cannot be made, continued or read: says what, and what to do next."""
