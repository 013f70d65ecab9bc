"""How the rig sits on the head: where, how it slips, and what carries it."""

from dataclasses import dataclass, field

import numpy as np

from egorear_ros.geometry.transforms import invert_transform
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.body import Body
from egorear_synth.clearance import LENS_CLEARANCE_M, lens_distances
from egorear_synth.helmet import RIG_PARTS, Shell, wear_rig
from egorear_synth.person import Person
from egorear_synth.placement import place_on_head
from egorear_synth.renderer import Scene
from egorear_synth.rotations import rotmat_from_rotvec
from egorear_synth.skinning import vertex_normals
from egorear_synth.slip import Slip, make_slip

OFFSET_M = 0.015
"""The rig sits up to this far, along each axis, from where `placement.place_on_head` puts it."""

TILT_DEG = 4.0
"""And is turned by up to this angle about each axis through the head's centre."""

SLIP_M, SLIP_DEG = 0.005, 1.5
"""Bounds of the slip in the course of a sequence."""

LIFT_M = 0.012
"""How much higher a rig is put when something sits too near a lens, each time."""

TRIES = 6

# Linear RGB reflectances.
SHELLS = (
    (0.70, 0.70, 0.72),
    (0.03, 0.03, 0.035),
    (0.75, 0.45, 0.02),
    (0.05, 0.12, 0.40),
    (0.45, 0.03, 0.03),
    (0.10, 0.28, 0.12),
)
CAMERAS = (0.02, 0.02, 0.02)
STRAPS = ((0.02, 0.02, 0.02), (0.12, 0.12, 0.13), (0.30, 0.28, 0.24))


class MountError(ValueError):
    """A rig cannot be worn."""


@dataclass(frozen=True, eq=False)
class Mount:
    """The rig on a head.

    Attributes:
        T_rest_device: (4, 4) on the resting head, before it slips.
        pivot: (3,) the head's centre at rest, which tilt and slip turn about, m.
        tilt: (3, 3) how far the rig is turned from sitting straight.
        shell: what carries it.
        part_colours: (3, 3) linear RGB of `helmet.RIG_PARTS`.
        slip: its movement on the head; None: it does not move.
        facts: what is written about this mount into a data set, JSON values only.
    """

    T_rest_device: FloatArray
    pivot: FloatArray
    tilt: FloatArray
    shell: Shell
    part_colours: FloatArray
    slip: Slip | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def T_head_device(self, time_s: float) -> FloatArray:  # noqa: N802
        """Return (4, 4) the device on the head at a time, s.

        The head's frame is that of the resting body (x forward, y left, z up, soles on z = 0), carried
        along by the head bone: `T_world_device = T_world_rest[head] @ T_head_device`.
        """
        if self.slip is None:
            return self.T_rest_device
        shift, rotvec = self.slip.at(time_s)
        return turn_about(self.pivot, rotmat_from_rotvec(rotvec), shift) @ self.T_rest_device

    def rig_bone(self, T_world_head: FloatArray, time_s: float) -> FloatArray:
        """Return (4, 4) from rest to the world of the rig's bone, given that of the head's bone."""
        return T_world_head @ self.T_head_device(time_s) @ invert_transform(self.T_rest_device)

    def wear(self, person: Person, rig: Rig) -> Body:
        """Return the person's body with the rig on."""
        return wear_rig(person.body, rig, self.T_rest_device, self.shell, self.tilt)

    def face_colours(self, person: Person, worn: Body) -> FloatArray:
        """Return the (F, 3) linear RGB of all faces of a person who wears the rig."""
        rig_parts = worn.face_parts[len(person.face_colours) :].astype(int) - len(person.body.part_names)
        return np.concatenate([person.face_colours, self.part_colours[rig_parts]])


def neutral_mount(rig: Rig, person: Person, rng: np.random.Generator) -> Mount:
    """Return the rig, in random colours, where `placement.place_on_head` puts it; it does not slip."""
    colours = _colours(rng)
    T_rest_device = place_on_head(rig, person.body, person.vertices)
    return Mount(T_rest_device, person.body.head_joint.copy(), np.eye(3), Shell(), colours)


def make_mount(rig: Rig, person: Person, rng: np.random.Generator) -> Mount:
    """Return the rig as somebody put it on: off its place, tilted, slipping, with a random shell.

    Args:
        rig: the cameras.
        person: who wears it.
        rng: decides everything.

    Raises:
        MountError: a lens is inside the head or the rig itself, however high it sits.
    """
    shell, colours = make_shell(rng), _colours(rng)
    offset = rng.uniform(-OFFSET_M, OFFSET_M, 3)
    tilt_deg = rng.uniform(-TILT_DEG, TILT_DEG, 3)
    slip = make_slip(rng, SLIP_M, np.deg2rad(SLIP_DEG))
    tilt = rotmat_from_rotvec(np.deg2rad(tilt_deg))
    neutral, pivot = place_on_head(rig, person.body, person.vertices), person.body.head_joint.copy()
    for lifts in range(TRIES):
        shift = offset + np.array([0.0, 0.0, lifts * LIFT_M])
        facts = _facts(shell, shift, tilt_deg, slip)
        mount = Mount(turn_about(pivot, tilt, shift) @ neutral, pivot, tilt, shell, colours, slip, facts)
        nearest = resting_clearance(mount, rig, person)
        # What slips may come nearer by as much.
        if nearest.min() > LENS_CLEARANCE_M + SLIP_M:
            return mount
    view = rig.views[int(nearest.argmin())]
    raise MountError(
        f"rig {rig.name!r}: something is {1000 * nearest.min():.0f} mm from the lens of {view} on a person's head; "
        f"expected more than {1000 * LENS_CLEARANCE_M:.0f} mm. Check T_device_camera: the device frame has x to the "
        "right, y to the rear and z down, and cameras are placed around a head 20 cm long."
    )


def make_shell(rng: np.random.Generator) -> Shell:
    """Return a random shape: three of four are helmets."""
    if rng.random() < 0.25:
        return Shell("halo", float(rng.uniform(0.004, 0.012)), straps=bool(rng.random() < 0.3))
    return Shell(
        "helmet",
        thickness_m=float(rng.uniform(0.003, 0.018)),
        rim_front=float(rng.uniform(0.2, 0.45)),
        rim_back=float(rng.uniform(-0.35, 0.1)),
        brim_m=float(rng.uniform(0.015, 0.04)) if rng.random() < 0.3 else 0.0,
        straps=bool(rng.random() < 0.8),
    )


def resting_clearance(mount: Mount, rig: Rig, person: Person) -> FloatArray:
    """Return (V,) distances from each lens to what it sees nearest on the resting wearer, m."""
    worn = mount.wear(person, rig)
    normals = vertex_normals(worn.vertices, worn.faces)
    scene = Scene(worn.vertices, normals, worn.faces, mount.face_colours(person, worn).astype(np.float32))
    return lens_distances(rig, scene, worn.faces, mount.T_rest_device)


def turn_about(pivot: FloatArray, rotation: FloatArray, shift: FloatArray) -> FloatArray:
    """Return the (4, 4) rotation about a point, followed by a shift."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rotation, pivot + shift - rotation @ pivot
    return T


def _colours(rng: np.random.Generator) -> FloatArray:
    shell = np.array(SHELLS[rng.integers(len(SHELLS))]) * rng.uniform(0.85, 1.15)
    straps = STRAPS[rng.integers(len(STRAPS))]
    colours = {"helmet": shell, "cameras": CAMERAS, "straps": straps}
    return np.array([colours[name] for name in RIG_PARTS])


def _facts(shell: Shell, shift: FloatArray, tilt_deg: FloatArray, slip: Slip) -> dict[str, object]:
    return {
        "shell": shell.kind,
        "chin_strap": shell.straps,
        "offset_m": shift.round(5).tolist(),
        "tilt_deg": tilt_deg.round(4).tolist(),
        "slip_bound_m": round(float(np.linalg.norm(slip.shifts_m, axis=1).sum()), 5),
        "slip_bound_deg": round(float(np.rad2deg(np.linalg.norm(slip.rotvecs, axis=1).sum())), 4),
    }
