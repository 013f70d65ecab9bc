"""Small plots as inline SVG, whose colours come from the page's style, light or dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from egorear_eval.report.html import tag, text

WIDTH, HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 14, 12, 44


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Return round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten, about `count` of them."""
    span = high - low
    if not span > 0.0 or not math.isfinite(span):
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass
class Plot:
    """Axes to draw on, in units of the data.

    Attributes:
        x, y: first and last value of the axes.
        x_title, y_title: with units.
        width, height: of the picture, px.
        left, bottom: margins, px.
        parts: what was drawn.
        legend: (class, name) of what a reader must tell apart.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    x_title: str
    y_title: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = _BOTTOM
    parts: list[str] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge of the axes, px."""
        return self.left, _TOP, self.width - _RIGHT, self.height - self.bottom

    def u(self, x: ArrayLike) -> np.ndarray:
        """Return places along x, px."""
        left, _, right, _ = self.box
        return left + (np.asarray(x, dtype=np.float64) - self.x[0]) / (self.x[1] - self.x[0]) * (right - left)

    def v(self, y: ArrayLike) -> np.ndarray:
        """Return places along y, px."""
        _, top, _, bottom = self.box
        return bottom - (np.asarray(y, dtype=np.float64) - self.y[0]) / (self.y[1] - self.y[0]) * (bottom - top)

    def axes(self, x_ticks: Sequence[float] | None = None, x_names: Sequence[str] | None = None) -> None:
        """Draw grid, ticks and titles.

        Args:
            x_ticks: where; None: round numbers.
            x_names: what to write there; None: the numbers.
        """
        left, top, right, bottom = self.box
        for y in ticks(*self.y, 5):
            v = float(self.v(y))
            self.parts.append(f'<path class="grid" d="M{left} {v:.1f}H{right}"/>')
            self.write(left - 6, v + 4, _number(y), "end")
        places = ticks(*self.x) if x_ticks is None else x_ticks
        names = [_number(x) for x in places] if x_names is None else x_names
        for x, name in zip(places, names, strict=True):
            u = float(self.u(x))
            self.parts.append(f'<path class="grid" d="M{u:.1f} {top}V{bottom}"/>')
            self.write(u, bottom + 16, name, "middle")
        self.parts.append(f'<path class="axis" d="M{left} {top}V{bottom}H{right}"/>')
        self.write((left + right) / 2, bottom + 35, self.x_title, "middle", "title")
        middle = (top + bottom) / 2
        turned = f"rotate(-90 13 {middle:.0f})"
        self.parts.append(tag("text", text(self.y_title), x=13, y=round(middle), transform=turned, class_="title"))

    def line(self, x: ArrayLike, y: ArrayLike, class_: str, name: str = "") -> None:
        """Draw a line through points; it breaks where one is not finite."""
        runs: list[list[str]] = [[]]
        for u, v in zip(self.u(x).ravel(), self.v(y).ravel(), strict=True):
            if math.isfinite(u) and math.isfinite(v):
                runs[-1].append(f"{u:.1f} {v:.1f}")
            elif runs[-1]:
                runs.append([])
        path = "".join(f"M{'L'.join(run)}" for run in runs if run)
        self.parts.append(f'<path class="line {class_}" d="{path}"/>')
        self._note(class_, name)

    def dots(self, x: ArrayLike, y: ArrayLike, class_: str, radii: ArrayLike = 4.0, name: str = "") -> None:
        """Draw points of one size or each of its own, px."""
        us, vs = self.u(x).ravel(), self.v(y).ravel()
        for u, v, radius in zip(us, vs, np.broadcast_to(radii, us.shape), strict=True):
            self.parts.append(f'<circle class="dot {class_}" cx="{u:.1f}" cy="{v:.1f}" r="{radius:.1f}"/>')
        self._note(class_, name)

    def bars(self, edges: ArrayLike, heights: ArrayLike, class_: str) -> None:
        """Draw bars from the lower edge, each between two edges."""
        edges = self.u(edges)
        bottom = float(self.v(self.y[0]))
        for left, right, top in zip(edges[:-1], edges[1:], self.v(heights).ravel(), strict=True):
            if bottom - top > 0.05:
                size = f'width="{max(right - left - 0.6, 0.4):.1f}" height="{bottom - top:.1f}"'
                self.parts.append(f'<rect class="bar {class_}" x="{left:.1f}" y="{top:.1f}" {size}/>')

    def whisker(self, x: float, low: float, high: float) -> None:
        """Draw an interval at x."""
        u = float(self.u(x))
        top, bottom = float(self.v(high)), float(self.v(low))
        ends = f"M{u - 4:.1f} {top:.1f}h8M{u - 4:.1f} {bottom:.1f}h8"
        self.parts.append(f'<path class="whisker" d="M{u:.1f} {top:.1f}V{bottom:.1f}{ends}"/>')

    def upright(self, x: float, class_: str, name: str = "") -> None:
        """Draw a vertical line at x."""
        _, top, _, bottom = self.box
        self.parts.append(f'<path class="line {class_}" d="M{float(self.u(x)):.1f} {top}V{bottom}"/>')
        self._note(class_, name)

    def write(self, u: float, v: float, words: str, anchor: str = "start", class_: str = "") -> None:
        """Write words at a place, px."""
        attributes = {"x": f"{u:.1f}", "y": f"{v:.1f}", "text_anchor": anchor, "class_": class_ or None}
        self.parts.append(tag("text", text(words), **attributes))

    def svg(self, name: str, class_: str = "plot") -> str:
        """Return the picture, with its legend below.

        Args:
            name: of the plot, read out to those who do not see it.
            class_: of the picture.
        """
        drawing = tag(
            "svg", *self.parts, viewBox=f"0 0 {self.width} {self.height}", role="img", aria_label=name, class_=class_
        )
        entries = [
            tag(
                "span",
                f'<svg viewBox="0 0 22 10" class="key"><path class="line {style}" d="M1 5H21"/></svg>',
                text(said),
            )
            for style, said in self.legend
        ]
        return drawing + (tag("div", *entries, class_="legend") if entries else "")

    def _note(self, class_: str, name: str) -> None:
        if name:
            self.legend.append((class_, name))


def _number(value: float) -> str:
    return f"{value:.10g}".replace("-", "−")
