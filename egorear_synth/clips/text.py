"""Reading text files line by line, with errors that say where."""

from collections.abc import Iterator
from pathlib import Path

from egorear_synth.clips.clip import ClipError


class Lines:
    """The non-empty lines of a text file, comments removed, as lists of words.

    Args:
        path: the file.
        comment: what comments begin with; empty: the format has none.

    Raises:
        ClipError: the file is missing or no text.
    """

    def __init__(self, path: Path, comment: str = "") -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ClipError(f"cannot read the motion file {path}: {error.strerror}. Correct the path.") from error
        except UnicodeDecodeError as error:
            raise ClipError(f"{path} is no text file; expected a motion clip in ASF, AMC or BVH format.") from error
        self._lines: list[tuple[int, list[str]]] = []
        for number, line in enumerate(text.splitlines(), start=1):
            words = (line.split(comment, 1)[0] if comment else line).split()
            if words:
                self._lines.append((number, words))
        self._next = 0

    def __iter__(self) -> Iterator[list[str]]:
        while self._next < len(self._lines):
            yield self.take()

    @property
    def at_end(self) -> bool:
        """Whether there are no more lines."""
        return self._next >= len(self._lines)

    def peek(self) -> list[str]:
        """Return the next line's words without going on; empty at the end."""
        return [] if self.at_end else self._lines[self._next][1]

    def take(self, expected: str = "") -> list[str]:
        """Return the next line's words.

        Raises:
            ClipError: the file ends, or the line does not begin with `expected`.
        """
        if self.at_end:
            raise ClipError(
                f"{self.path} ends too early{f'; expected {expected}' if expected else ''}. Is the file complete?"
            )
        words = self._lines[self._next][1]
        self._next += 1
        if expected and words[0] != expected:
            raise self.error(f"expected {expected!r}, found {words[0]!r}")
        return words

    def numbers(self, words: list[str], count: int | None = None) -> list[float]:
        """Return words of the line just taken as finite numbers.

        Raises:
            ClipError: one is no number, or there are not `count`.
        """
        if count is not None and len(words) != count:
            raise self.error(f"expected {count} numbers, found {len(words)}")
        try:
            values = [float(word) for word in words]
        except ValueError as error:
            raise self.error(str(error)) from error
        if not all(abs(value) < float("inf") for value in values):
            raise self.error("a number is not finite")
        return values

    def error(self, message: str) -> ClipError:
        """Return an error that names file and line of the line just taken."""
        end = "" if message.endswith("?") else "."
        return ClipError(f"{self.path}, line {self._lines[max(self._next - 1, 0)][0]}: {message}{end}")
