"""The same recording as another rig would have given it: cameras that fail, noisier ones, slower ones."""

import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from egorear_eval.clip import EvaluationError
from egorear_ros.bags.base import RawMessage
from egorear_ros.structures import Frame, FrameSet

NS_PER_S = 1e9
_DROP = re.compile(r"(?P<view>\w+?)(?:@(?P<begin>[\d.]+)s?(?:-(?P<end>[\d.]+)s?)?)?", re.ASCII)


@dataclass(frozen=True)
class Drop:
    """A camera that sends nothing for a while; times are since the first image of the recording, s."""

    view: str
    begin_s: float = 0.0
    end_s: float = float("inf")

    def __str__(self) -> str:
        """Return it as it is written on the command line."""
        end = "" if self.end_s == float("inf") else f"-{self.end_s:g}s"
        return f"{self.view}@{self.begin_s:g}s{end}"


@dataclass(frozen=True)
class WhatIf:
    """What is changed; nothing by default.

    Attributes:
        drops: cameras that fail.
        noise: standard deviation of what is added to every pixel of the recorded images, grey levels of 255.
        rate_hz: at most so many sets a second are used; 0: all.
    """

    drops: Sequence[Drop] = field(default=())
    noise: float = 0.0
    rate_hz: float = 0.0

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            EvaluationError: a number is negative or not finite.
        """
        for name, value, meaning in (
            ("--noise", self.noise, "grey levels of 255, for example 5"),
            ("--rate", self.rate_hz, "sets a second, for example 10"),
        ):
            if not 0.0 <= value < float("inf"):
                raise EvaluationError(f"{name} {value:g}: expected a number that is not negative: {meaning}.")

    def facts(self) -> dict[str, Any]:
        """Return what is changed as JSON values; empty if nothing is."""
        found: dict[str, Any] = {"drop": [str(drop) for drop in self.drops]} if self.drops else {}
        found |= {"noise": self.noise} if self.noise else {}
        return found | ({"rate_hz": self.rate_hz} if self.rate_hz else {})


def parse_drop(text: str, views: Sequence[str]) -> Drop:
    """Return what `VIEW[@BEGIN[-END]]` says, for example back_left@10s-20s.

    Raises:
        EvaluationError: it cannot be read, or the rig has no such view.
    """
    match = _DROP.fullmatch(text.replace(" ", ""))
    try:
        if match is None:
            raise ValueError
        begin_s, end_s = float(match["begin"] or 0.0), float(match["end"] or "inf")
    except ValueError:
        raise EvaluationError(
            f"--drop {text!r}: expected VIEW, VIEW@BEGIN or VIEW@BEGIN-END, for example back_left@10s-20s."
        ) from None
    if match["view"] not in views:
        raise EvaluationError(f"--drop {text!r}: the rig has no view {match['view']}; it has {', '.join(views)}.")
    if end_s <= begin_s:
        raise EvaluationError(f"--drop {text!r}: it ends at {end_s:g} s, before it begins. Write BEGIN-END in seconds.")
    return Drop(match["view"], begin_s, end_s)


class Losses:
    """Says of every image of a recording whether a rig with failing cameras would have had it."""

    def __init__(self, drops: Sequence[Drop]) -> None:
        """Begin with the first image that is asked about."""
        self._drops = drops
        self._begin_ns: int | None = None

    def keep(self, message: RawMessage, view: str) -> bool:
        """Return whether the camera worked when the recorder received this; see `FrameSets`."""
        if self._begin_ns is None:
            self._begin_ns = message.log_ns
        at_s = (message.log_ns - self._begin_ns) / NS_PER_S
        return not any(drop.view == view and drop.begin_s <= at_s < drop.end_s for drop in self._drops)


class Thinning:
    """Chooses sets so that there are at most some a second, evenly spaced."""

    def __init__(self, rate_hz: float) -> None:
        """Take every set if the rate is 0."""
        self._rate_hz = rate_hz
        self._first_ns: int | None = None
        self._period = -1

    def takes(self, stamp_ns: int) -> bool:
        """Return whether the set of this stamp is used: the first one of each period is."""
        if not self._rate_hz:
            return True
        if self._first_ns is None:
            self._first_ns = stamp_ns
        # Stamps jitter: one that comes a tenth of a period early belongs to the next period.
        period = int((stamp_ns - self._first_ns) / NS_PER_S * self._rate_hz + 0.1)
        if period == self._period:
            return False
        self._period = period
        return True


def noisy(frames: FrameSet, sigma: float) -> FrameSet:
    """Return a set whose images have the noise of a worse sensor: normal, by pixel and channel, the same every time.

    Args:
        frames: the recorded images.
        sigma: grey levels of 255; 0: the set itself.
    """
    if not sigma:
        return frames
    return replace(frames, frames={view: _noisy(frame, sigma) for view, frame in frames.frames.items()})


def _noisy(frame: Frame, sigma: float) -> Frame:
    data, encoding = frame.data, frame.encoding
    if isinstance(data, bytes):
        try:
            data, encoding = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), "rgb8"
        except (OSError, SyntaxError, ValueError):
            return frame  # the estimator says what is wrong with it
    seed = (frame.stamp_ns, zlib.crc32(frame.view.encode()))
    noise = np.random.default_rng(seed).standard_normal(data.shape, dtype=np.float32)
    pixels = np.clip(np.rint(data + np.float32(sigma) * noise), 0, 255).astype(np.uint8)
    return Frame(frame.view, frame.stamp_ns, encoding, pixels)
