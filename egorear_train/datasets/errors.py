"""What can be wrong with a data set, and with one of its frames."""


class DatasetError(ValueError):
    """A data set is not where or what it should be."""


class DamagedFrame(RuntimeError):
    """One frame cannot be read: names the file and what is wrong with it."""
