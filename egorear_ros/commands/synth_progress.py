"""How far a data set is: a bar in a terminal, a line per sequence elsewhere."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from egorear_synth.dataset.plan import SequencePlan


class ProgressBar:
    """Shows a run of `egorear synth`; use it in a `with` block.

    Args:
        root: the data set, named at the end.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._console = Console(soft_wrap=True, highlight=False, markup=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} frames"),
            _Rate(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._total = self._frames = self._sequences = 0
        self._frames_each = 0
        self._begin_s = time.monotonic()

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._bar.stop()
        if kind is None or kind is KeyboardInterrupt:
            how = "Finished" if kind is None else "Stopped; what is finished is usable, the same command goes on"
            self._console.print(f"{how}: {self._root}")

    def clips(self, done: int, total: int) -> None:
        """Some of the clips are checked."""
        if self._task is None:
            self._task = self._bar.add_task("checking clips", total=total)
        self._bar.update(self._task, completed=done)
        if done == total:
            self._bar.remove_task(self._task)
            self._task = None
            self._say(f"{total} motion clips checked")

    def begin(self, plans: "list[SequencePlan]", finished: int, frames_each: int) -> None:
        """These sequences will be made; so many others are finished already."""
        self._say(f"{len(plans)} sequences to make" + (f", {finished} finished before" if finished else ""))
        self._total, self._frames_each = len(plans), frames_each
        self._begin_s = time.monotonic()
        self._task = self._bar.add_task(f"0/{len(plans)} sequences", total=len(plans) * frames_each)

    def frame(self, plan: "SequencePlan") -> None:
        """A frame of a sequence is written."""
        self._frames += 1
        if self._task is not None:
            self._bar.advance(self._task)

    def sequence(self, plan: "SequencePlan") -> None:
        """A sequence is finished."""
        self._sequences += 1
        if self._task is not None:
            self._bar.update(self._task, description=f"{self._sequences}/{self._total} sequences")
        if not self._console.is_terminal:
            rate = self._frames / max(time.monotonic() - self._begin_s, 1e-9)
            left_s = (self._total * self._frames_each - self._frames) / max(rate, 1e-9)
            to_go = f", about {_duration(left_s)} to go" if self._sequences < self._total else ""
            self._say(f"{self._sequences}/{self._total} sequences, {rate:.1f} framesets/s{to_go}")

    def card(self) -> None:
        """No more sequences are made; card and contact sheets come now."""
        self._say("Writing split files, card and contact sheets")

    def _say(self, text: str) -> None:
        self._console.print(text)


@contextmanager
def counted(what: str, unit: str) -> "Iterator[Callable[[int, int], None]]":
    """Show a bar in a terminal, and nothing elsewhere; yields what is told how many are done of how many.

    Args:
        what: is being done.
        unit: is counted.
    """
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} " + unit))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Rate(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        """Return the rate once it is known."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else "1 min"
