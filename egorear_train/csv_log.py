"""Numbers of a run as one CSV file that a resumed run continues."""

import csv
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

FILE = "metrics.csv"


class CsvLog(Logger):
    """Writes a row per log interval and one per epoch; new columns are added as they appear.

    Lightning's own CSV logger deletes the file of an earlier start in the same folder. This one cuts it
    off at the step from which the run goes on, so that the file is as if it had never stopped.
    """

    def __init__(self, folder: Path) -> None:
        """Write `metrics.csv` into a folder."""
        super().__init__()
        self.path = folder / FILE
        self._columns: list[str] = []
        self._rows: list[dict[str, str]] = []
        self._new: list[dict[str, str]] = []

    @property
    def name(self) -> str:
        """Not used."""
        return ""

    @property
    def version(self) -> str:
        """Not used."""
        return ""

    @property
    def save_dir(self) -> str:
        """The folder of the run."""
        return str(self.path.parent)

    @rank_zero_only
    def begin(self, step: int) -> None:
        """Keep of an existing file what was logged before a step."""
        self._columns, self._rows, self._new = [], [], []
        if self.path.is_file():
            with self.path.open(newline="") as file:
                reader = csv.DictReader(file)
                self._columns = list(reader.fieldnames or ())
                self._rows = [row for row in reader if (row.get("step") or "").isdigit() and int(row["step"]) < step]
            self._rewrite()

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's settings are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a row."""
        row = {"step": str(step or 0), **{name: f"{float(value):.6g}" for name, value in metrics.items()}}
        self._new.append(row)

    @rank_zero_only
    def save(self) -> None:
        """Write what is new."""
        if not self._new:
            return
        added = sorted({name for row in self._new for name in row} - set(self._columns))
        new, self._new = self._new, []
        self._rows += new
        if added:
            self._columns = ["step", *sorted({*self._columns, *added} - {"step"})]
            self._rewrite()
            return
        with self._named_errors(), self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerows(new)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is new."""
        self.save()

    def _rewrite(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.partial")
        try:
            with self._named_errors(), partial.open("w", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(self._rows)
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Say of which file an error is; a full disk's does not."""
        try:
            yield
        except OSError as error:
            error.filename = str(self.path)
            raise
