"""Walking: where each foot is at every moment of a closed path with stops on the way."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.figure import Foot, Limbs, ankle_position

RATE_HZ = 50
REACH_S = 0.06
"""The pelvis begins to sink this long before a leg would not reach."""

STEP_TIME_S = 0.55
SWING_SHARE = 0.8
"""Share of a step's time during which its foot is in the air: the rest is double support."""

HEEL_UP = 0.55
TOES_UP = 0.25
LIFT_M = 0.035
PUSH_OFF_S = 0.18
LANDING_S = 0.12


@dataclass(frozen=True)
class Step:
    """One foot's move along the path, from `begin_s` to `end_s`; lengths in m."""

    foot: int
    begin_s: float
    end_s: float
    begin_m: float
    end_m: float


class ClosedPath:
    """A figure of eight on the floor, by arc length.

    Args:
        rng: decides size and direction.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        angle = np.linspace(0.0, 2 * np.pi, 4001)
        width, height = rng.uniform(2.2, 3.0), rng.uniform(1.2, 1.6)
        turn = rng.uniform(0, 2 * np.pi)
        x, y = width * np.sin(angle), height * np.sin(2 * angle)
        self._x, self._y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
        lengths = np.hypot(np.diff(self._x), np.diff(self._y))
        self._along = np.concatenate([[0.0], np.cumsum(lengths)])
        heading = np.arctan2(np.gradient(self._y), np.gradient(self._x))
        self._heading = np.unwrap(heading)
        self.length_m = float(self._along[-1])

    def at(self, along_m: FloatArray | float, left_m: float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return x, y (m) and heading (rad) at a distance along the path, `left_m` beside it."""
        rounds, rest = np.divmod(along_m, self.length_m)
        whole_turn = self._heading[-1] - self._heading[0]
        heading = np.interp(rest, self._along, self._heading) + rounds * whole_turn
        x = np.interp(rest, self._along, self._x) - left_m * np.sin(heading)
        y = np.interp(rest, self._along, self._y) + left_m * np.cos(heading)
        return x, y, heading


class Walk:
    """Feet and pelvis of a walk around a closed path that repeats every `period_s`.

    Args:
        path: where to.
        limbs: of the walking body.
        stops: number of steps and seconds of standing after them, one pair per stretch.
    """

    def __init__(self, path: ClosedPath, limbs: Limbs, stops: list[tuple[int, float]]) -> None:
        self._path, self._limbs = path, limbs
        count = sum(steps for steps, _ in stops)
        rounds = max(1, round(count * 0.75 * limbs.leg / path.length_m))
        self.step_m = rounds * path.length_m / count
        self.distance_m = rounds * path.length_m
        self._beside = (0.5 * limbs.hip_width, -0.5 * limbs.hip_width)
        self.standing: list[tuple[float, float]] = []
        self.walking: list[tuple[float, float]] = []
        self._steps = self._plan(stops)
        times = np.arange(round(self.period_s * RATE_HZ)) / RATE_HZ
        self._times = times
        self._along = np.stack([self._progress(foot, times) for foot in (0, 1)])
        middle = self._along.mean(axis=0)
        ramp = times / self.period_s * self.distance_m
        self._pelvis_m = _smooth(middle - ramp, 0.16) + ramp
        self._stride = _smooth(self._along[0] - self._along[1], 0.06)
        self._height = self._pelvis_height()

    def _plan(self, stops: list[tuple[int, float]]) -> list[Step]:
        """Lay out the steps: alternate feet, at each stop the rear foot comes beside the front one."""
        # The first foot begins to roll before its step, and that too is within the period.
        steps, time_s, index, places = [], 2 * PUSH_OFF_S, 0, [0.0, 0.0]
        swing = SWING_SHARE * STEP_TIME_S
        for count, pause_s in stops:
            begin_s = time_s
            for _ in range(count):
                index += 1
                foot, target = index % 2, index * self.step_m
                steps.append(Step(foot, time_s, time_s + swing, places[foot], target))
                places[foot] = target
                time_s += STEP_TIME_S
            rear = 1 - index % 2
            steps.append(Step(rear, time_s, time_s + swing, places[rear], places[1 - rear]))
            places[rear] = places[1 - rear]
            time_s += STEP_TIME_S
            self.walking.append((begin_s, time_s))
            self.standing.append((time_s, time_s + pause_s))
            time_s += pause_s
        self.period_s = round(time_s * RATE_HZ) / RATE_HZ
        return steps

    def _progress(self, foot: int, times: FloatArray) -> FloatArray:
        along = np.zeros_like(times)
        for step in self._steps:
            if step.foot == foot:
                u = np.clip((times - step.begin_s) / (step.end_s - step.begin_s), 0.0, 1.0)
                along += (step.end_m - step.begin_m) * _ease(u)
        return along

    def _pelvis_height(self) -> FloatArray:
        """Highest pelvis that both legs reach the floor from, smoothed downwards."""
        px, py, heading = self._path.at(self._pelvis_m)
        limit = np.full(len(self._times), np.inf)
        for foot in (0, 1):
            hip_x = px - self._beside[foot] * np.sin(heading)
            hip_y = py + self._beside[foot] * np.cos(heading)
            ankles = np.stack([ankle_position(self._limbs, self.foot(foot, time_s)) for time_s in self._times])
            level = (ankles[:, 0] - hip_x) ** 2 + (ankles[:, 1] - hip_y) ** 2
            limit = np.minimum(limit, ankles[:, 2] + np.sqrt(np.maximum(self._limbs.leg**2 - level, 0.0)))
        samples = round(REACH_S * RATE_HZ)
        lowest = np.min([np.roll(limit, shift) for shift in range(-samples, samples + 1)], axis=0)
        return _smooth(lowest, 0.03)

    def foot(self, foot: int, time_s: float) -> Foot:
        """Return where a foot (0 left, 1 right) is at a time within the period."""
        along = float(np.interp(time_s, self._times, self._along[foot], period=None))
        x, y, heading = self._path.at(along, self._beside[foot])
        pitch, lift = self._roll(foot, time_s)
        return Foot(float(x), float(y), float(heading), pitch, lift)

    def _roll(self, foot: int, time_s: float) -> tuple[float, float]:
        """Return pitch and lift of a foot: off the ball, through the air, onto the heel."""
        for step in self._steps:
            if step.foot != foot or not step.begin_s - PUSH_OFF_S < time_s < step.end_s + LANDING_S:
                continue
            size = min((step.end_m - step.begin_m) / (2 * self.step_m), 1.0)
            up, land = HEEL_UP * size, -TOES_UP * size
            if time_s < step.begin_s:
                return up * _smoothstep(1.0 - (step.begin_s - time_s) / PUSH_OFF_S), 0.0
            if time_s > step.end_s:
                return land * _smoothstep(1.0 - (time_s - step.end_s) / LANDING_S), 0.0
            u = (time_s - step.begin_s) / (step.end_s - step.begin_s)
            return up + (land - up) * _smoothstep(u), LIFT_M * float(np.sin(np.pi * u)) ** 2
        return 0.0, 0.0

    def pelvis(self, time_s: float) -> tuple[FloatArray, float]:
        """Return the middle between the hips, (3,) world, m, and the heading, rad."""
        x, y, heading = self._path.at(self._at(self._pelvis_m, time_s, self.distance_m))
        return np.array([x, y, self._at(self._height, time_s)]), float(heading)

    def stride(self, time_s: float) -> float:
        """Return how far the left foot is ahead of the right, in steps."""
        return self._at(self._stride, time_s) / self.step_m

    def _at(self, table: FloatArray, time_s: float, increase: float = 0.0) -> float:
        """Interpolate a table that continues after the period, `increase` higher."""
        return float(np.interp(time_s, np.append(self._times, self.period_s), np.append(table, table[0] + increase)))


def _ease(u: FloatArray) -> FloatArray:
    return u * u * (3.0 - 2.0 * u)


def _smoothstep(u: float) -> float:
    u = min(max(u, 0.0), 1.0)
    return u * u * (3.0 - 2.0 * u)


def _smooth(values: FloatArray, sigma_s: float) -> FloatArray:
    """Return a periodic table convolved with a Gaussian."""
    frequency = np.fft.rfftfreq(len(values), 1.0 / RATE_HZ)
    return np.fft.irfft(np.fft.rfft(values) * np.exp(-2.0 * (np.pi * frequency * sigma_s) ** 2), len(values))
