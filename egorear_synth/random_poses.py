"""Random poses one after the other, smoothly: all that joints allow, not what people often do."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import FloatArray
from egorear_synth.arm_targets import sample_arms
from egorear_synth.articulation import articulate, place_bones
from egorear_synth.body import Body
from egorear_synth.figure import measure_limbs
from egorear_synth.floor_contact import ContactPoints
from egorear_synth.joint_limits import INDEX, NAMES, angles_from_shares, shares_from_angles
from egorear_synth.postures import POSTURES, ROOT, Draw, root_rotations
from egorear_synth.self_intersection import BodyShapes
from egorear_synth.skinning import Pose

KEYS = 16
"""Poses until the movement turns back."""

BLEND_S = (0.8, 2.0)
"""Time from one pose to the next; longer where the way is long."""

FASTEST_JOINT, FASTEST_ROOT = 7.0, 2.5
"""Bounds of the angular speed of joints and pelvis, rad/s."""

PEAK = 1.875
"""Greatest speed of a minimum-jerk movement over its mean speed (Flash and Hogan, 1985)."""

CANDIDATES, ROUNDS = 12, 5
WAY_SAMPLES = 9
"""Moments of a blend at which the body must not go through itself."""

SUPPORT_M = 0.035
"""What carries the body is no higher than this above the floor."""

RATE_HZ = 60.0
SMOOTHING_S = 0.06
"""Of the height, where another part of the body comes to carry it."""

SINK_M = 0.005
"""What touches the floor yields by this much; deeper than that the body is raised."""

SETTLING_DEG = np.arange(-28.0, 29.0, 4.0)


@dataclass(frozen=True, eq=False)
class Key:
    """A pose: what kind, (D,) shares of the joints' ranges, (4,) angles of the pelvis (`postures.ROOT`)."""

    posture: str
    shares: FloatArray
    root: FloatArray


class RandomPoses:
    """Random poses and the way between them; a function of body, seed and time.

    Joint angles keep to `joint_limits`, no part goes through another one (`self_intersection`), the lowest part of the
    body is on the floor, and what is there does not slide on the whole. After `KEYS` poses the movement goes back the
    way it came, so that it never ends and never jumps. From pose to pose it is a straight line in shares of the
    joints' ranges, at the speed of a minimum-jerk movement, which stands still at both ends.

    Attributes:
        keys: the poses.
        key_times: (KEYS,) when they are reached, s.

    Args:
        body: who moves.
        seed: decides everything.
    """

    def __init__(self, body: Body, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 2])
        self._body, self._limbs = body, measure_limbs(body)
        self._contacts = ContactPoints(body)
        relaxed = _relaxed()
        self._shapes = BodyShapes(body, relaxed_bones(body))
        self.keys = self._make_keys(relaxed)
        self._shares = np.stack([key.shares for key in self.keys])
        self._root = np.stack([key.root for key in self.keys])
        self.key_times = np.concatenate([[0.0], np.cumsum(self._durations())])
        self._path_times, self._path = self._make_path()

    @property
    def period_s(self) -> float:
        """Time after which the movement repeats: there and back."""
        return 2.0 * float(self.key_times[-1])

    @property
    def facts(self) -> dict[str, object]:
        """What a data set says about this movement, JSON values only."""
        return {
            "period_s": round(self.period_s, 3),
            "poses": len(self.keys),
            "postures": dict(sorted(Counter(key.posture for key in self.keys).items())),
        }

    def pose_at(self, time_s: float) -> Pose:
        """Return the pose at a time, s, of any size and sign."""
        end_s = float(self.key_times[-1])
        time_s = time_s % (2 * end_s)
        moment = np.array([min(time_s, 2 * end_s - time_s)])
        shares, root = self._at(moment)
        rotations = articulate(self._body, angles_from_shares(shares), root_rotations(root))[0]
        position = np.array([np.interp(moment[0], self._path_times, axis) for axis in self._path.T])
        return Pose(position, rotations)

    def joint_angles(self, time_s: FloatArray) -> FloatArray:
        """Return (T, D) the joint angles at times between 0 and half the period, rad, as `joint_limits.NAMES`."""
        return angles_from_shares(self._at(np.asarray(time_s))[0])

    def self_intersection(self, time_s: FloatArray) -> FloatArray:
        """Return (T,) how deep the body is in itself, beyond touching, m, at times as for `joint_angles`."""
        return self._shapes.excess(self._bones(*self._at(np.asarray(time_s))))

    def _at(self, time_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (T, D) shares and (T, 4) angles of the pelvis between the poses before and after."""
        index = np.clip(np.searchsorted(self.key_times, time_s, side="right") - 1, 0, len(self.keys) - 2)
        u = np.clip((time_s - self.key_times[index]) / (self.key_times[index + 1] - self.key_times[index]), 0.0, 1.0)
        way = minimum_jerk(u)[:, None]
        return tuple(table[index] + way * (table[index + 1] - table[index]) for table in (self._shares, self._root))  # type: ignore[return-value]

    def _bones(self, shares: FloatArray, root: FloatArray) -> FloatArray:
        return _bones(self._body, shares, root)

    def _durations(self) -> FloatArray:
        # How an arm turns about itself is no straight line, so speeds are those on the way.
        way = np.linspace(0.0, 1.0, 193)[:, None, None]
        angles = angles_from_shares(self._shares[:-1] + way * np.diff(self._shares, axis=0))
        joints = PEAK * np.abs(np.diff(angles, axis=0)).max(axis=(0, 2)) * (len(way) - 1) / FASTEST_JOINT
        pelvis = PEAK * np.abs(np.diff(self._root, axis=0)).sum(axis=1) / FASTEST_ROOT
        return np.maximum(self._rng.uniform(*BLEND_S, len(self.keys) - 1), np.maximum(joints, pelvis))

    def _make_keys(self, relaxed: Key) -> list[Key]:
        """Go from posture to posture, beginning anywhere."""
        names = list(POSTURES)
        first = names[self._rng.integers(len(names))]
        keys = [self._next_key(None, (first,)) or relaxed]
        while len(keys) < KEYS:
            following = self._next_key(keys[-1], POSTURES[keys[-1].posture].next)
            # Where no way out is found the pose is held, and the next attempt draws other poses.
            keys.append(following or keys[-1])
        return keys

    def _next_key(self, before: Key | None, postures: tuple[str, ...]) -> Key | None:
        """Return a pose of one of some postures, in random order; rare ones are tried as often as easy ones."""
        for index in self._rng.permutation(len(postures)):
            for _ in range(ROUNDS):
                for key in self._candidates(postures[index], before):
                    if before is None or self._free_way(before, key):
                        return key
        return None

    def _candidates(self, name: str, before: Key | None) -> list[Key]:
        """Return random poses of one posture that are possible, without regard to the way there."""
        posture, draw = POSTURES[name], Draw(self._rng, CANDIDATES, self._body, self._limbs)
        posture.sample(draw)
        if posture.arms_free:
            T_bones = place_bones(self._body, articulate(self._body, draw.angles, draw.pelvis()))
            sample_arms(self._rng, self._body, draw.angles, T_bones)
        shares = shares_from_angles(draw.angles)
        within = ((shares > -1e-9) & (shares < 1 + 1e-9)).all(axis=1)
        shares = shares.clip(0.0, 1.0)
        if posture.settles:
            self._settle(draw, shares, posture.supports)
        draw.root[:, ROOT["yaw"]] = self._rng.uniform(-0.7, 0.7, CANDIDATES)
        if before is not None:
            draw.root[:, ROOT["yaw"]] += before.root[ROOT["yaw"]]
        T_bones = self._bones(shares, draw.root)
        possible = within & (self._shapes.excess(T_bones) <= 0.0) & self._supported(T_bones, posture.supports)
        return [Key(name, shares[index], draw.root[index]) for index in np.flatnonzero(possible)]

    def _settle(self, draw: Draw, shares: FloatArray, supports: tuple[tuple[str, ...], ...]) -> None:
        """Pitch the pelvis so that the highest of the supports is as low as it can be."""
        best = np.full(CANDIDATES, np.inf)
        pitch = draw.root[:, ROOT["pitch"]].copy()
        points = self._contacts.positions(self._bones(shares, np.zeros_like(draw.root)))
        for offset in np.deg2rad(SETTLING_DEG):
            root = draw.root.copy()
            root[:, ROOT["pitch"]] = pitch + offset
            heights = np.einsum("ki,kmi->km", root_rotations(root)[:, 2], points)
            highest = self._support_heights(heights, supports).max(axis=1)
            better = highest < best
            best[better], draw.root[better] = highest[better], root[better]

    def _support_heights(self, heights: FloatArray, supports: tuple[tuple[str, ...], ...]) -> FloatArray:
        """Return (K, S) how far each support is above the lowest point, m, from heights (K, M) of all points."""
        groups = [np.concatenate([self._contacts.groups[name] for name in names]) for names in supports]
        return np.stack([heights[:, group].min(axis=1) for group in groups], axis=1) - heights.min(axis=1)[:, None]

    def _supported(self, T_bones: FloatArray, supports: tuple[tuple[str, ...], ...]) -> NDArray[np.bool_]:
        heights = self._contacts.positions(T_bones)[..., 2]
        return np.logical_and.reduce(self._support_heights(heights, supports) < SUPPORT_M, axis=1)

    def _free_way(self, before: Key, key: Key) -> bool:
        way = np.linspace(0.0, 1.0, WAY_SAMPLES + 2)[1:-1, None]
        shares = before.shares + way * (key.shares - before.shares)
        return bool((self._shapes.excess(self._bones(shares, np.zeros((len(way), len(ROOT))))) <= 0.0).all())

    def _make_path(self) -> tuple[FloatArray, FloatArray]:
        """Return times (N,), s, and the pelvis' positions (N, 3), m: on the floor, and not sliding there."""
        count = int(np.ceil(self.key_times[-1] * RATE_HZ)) + 1
        times = np.linspace(0.0, self.key_times[-1], count)
        points = np.concatenate(
            [self._contacts.positions(self._bones(*self._at(part))) for part in np.array_split(times, count // 256 + 1)]
        )
        lowest = points[..., 2].min(axis=1)
        above = points[..., 2] - lowest[:, None]
        weights = np.exp(-above / 0.01)
        weights = weights[1:] + weights[:-1]
        slid = (np.diff(points[..., :2], axis=0) * weights[..., None]).sum(axis=1) / weights.sum(axis=1)[:, None]
        path = np.zeros((count, 3))
        path[1:, :2] = -np.cumsum(slid, axis=0)
        path[:, 2] = _heights(lowest)
        return times, path


def relaxed_bones(body: Body) -> FloatArray:
    """Return (B, 4, 4) transforms from rest of the bones of a body that stands relaxed."""
    relaxed = _relaxed()
    bones: FloatArray = _bones(body, relaxed.shares[None], relaxed.root[None])[0]
    return bones


def minimum_jerk(u: FloatArray) -> FloatArray:
    """Return the share of the way at the share `u` of the time."""
    return u * u * u * (10.0 - 15.0 * u + 6.0 * u * u)


def _bones(body: Body, shares: FloatArray, root: FloatArray) -> FloatArray:
    return place_bones(body, articulate(body, angles_from_shares(shares), root_rotations(root)))


def _relaxed() -> Key:
    angles = np.zeros((1, len(NAMES)))
    for side in ("left", "right"):
        angles[0, INDEX[f"{side}_shoulder_raise"]] = 0.15
        angles[0, INDEX[f"{side}_elbow_flex"]] = 0.3
    return Key("stand", shares_from_angles(angles)[0], np.zeros(len(ROOT)))


def _heights(lowest: FloatArray) -> FloatArray:
    """Return (N,) heights of the pelvis, m, that bring the lowest points (N,), over the pelvis, to the floor.

    A foot that comes down fast would sink into the floor by as much as the smoothing rounds off. Around such
    moments the body is raised: by the deepest value within the reach of the second smoothing, which therefore
    leaves nothing out.
    """
    sigma = SMOOTHING_S * RATE_HZ
    heights = -_smooth(lowest, sigma)
    sunk = np.maximum(-(lowest + heights) - SINK_M, 0.0)
    reach = _reach(0.5 * sigma)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(sunk, reach, mode="reflect"), 2 * reach + 1)
    return heights + _smooth(around.max(axis=1), 0.5 * sigma)


def _reach(sigma: float) -> int:
    """Return how many samples to either side a smoothing by `sigma` samples looks."""
    return max(1, round(3 * sigma))


def _smooth(values: FloatArray, sigma: float) -> FloatArray:
    """Return values convolved with a Gaussian of `sigma` samples, mirrored at the ends."""
    reach = _reach(sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(values, reach, mode="reflect"), kernel / kernel.sum(), mode="valid")
