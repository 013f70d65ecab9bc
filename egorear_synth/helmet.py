"""The rig itself: what holds it on the head, a housing behind every lens and a frame that carries them."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from egorear_ros.geometry.transforms import transform_points
from egorear_ros.structures import Camera, FloatArray, Rig
from egorear_synth.body import Body
from egorear_synth.hull import hull_radius, sphere_directions
from egorear_synth.shapes import Mesh, box, grid, join, rod

RIG_PARTS = ("helmet", "cameras", "straps")
RIG_BONE = "rig"

SHELL_GAP_M = 0.009
"""Between hair and shell: what the rig may slip before the shell meets the head."""

LINING_M = 0.001
"""The inner edge of shells and bands, where they close the gap to the hair."""

SHELL_ROWS, SHELL_COLUMNS = 8, 28

HOUSING_M = (0.012, 0.035, 0.004)
"""Half width and length of a housing, and its least distance behind the camera centre."""

FRAME_M = 0.005
"""Half thickness of the frame."""

STRAP_M = 0.003
"""Of a strap above the skin."""

_NORMALS = sphere_directions(400)


@dataclass(frozen=True)
class Shell:
    """The shape of what the rig is carried by.

    Attributes:
        kind: a helmet's dome, or a headset's visor with a halo around the head.
        thickness_m: of the dome or band.
        rim_front, rim_back: elevation of the dome's rim seen from the head's centre, rad.
        brim_m: length of the dome's brim over the forehead; 0: none.
        straps: a strap under the chin.
    """

    kind: Literal["helmet", "halo"] = "helmet"
    thickness_m: float = 0.006
    rim_front: float = 0.30
    rim_back: float = -0.15
    brim_m: float = 0.0
    straps: bool = True


@dataclass(frozen=True, eq=False)
class _Skull:
    """The head as what sits on it sees it: the hull of points around a centre, and the rig's tilt."""

    points: FloatArray
    centre: FloatArray
    tilt: FloatArray

    def surface(self, directions: FloatArray, gap: FloatArray | float) -> FloatArray:
        """Return the (..., 3) points at some distance from the hull in (..., 3) directions of the rig."""
        turned = (directions @ self.tilt.T).reshape(-1, 3)
        radius = hull_radius(self.points - self.centre, turned, _NORMALS).reshape(directions.shape[:-1])
        return self.centre + (radius + gap)[..., None] * turned.reshape(directions.shape)


def wear_rig(body: Body, rig: Rig, T_rest_device: FloatArray, shell: Shell, tilt: FloatArray) -> Body:
    """Return the body with the rig as further parts, `RIG_PARTS`, on a further last bone, `RIG_BONE`.

    Args:
        body: who wears it, dressed.
        rig: the cameras.
        T_rest_device: where the rig sits.
        shell: what carries it.
        tilt: (3, 3) how it is turned from sitting straight.
    """
    skull = _skull(body, tilt)
    carriers = _dome(skull, shell) if shell.kind == "helmet" else _halo(skull, shell)
    cameras = _cameras(rig, T_rest_device, join(carriers).vertices)
    straps = _straps(skull) if shell.straps else []
    meshes = carriers + cameras + straps
    parts = np.repeat(
        len(body.part_names) + np.repeat(range(3), [len(carriers), len(cameras), len(straps)]),
        [len(mesh.faces) for mesh in meshes],
    )
    added = join(meshes, len(body.vertices))
    count = len(body.bone_names)
    weights = np.zeros((len(added.vertices), count + 1))
    weights[:, count] = 1.0
    for_straps = slice(len(added.vertices) - sum(len(mesh.vertices) for mesh in straps), None)
    held = _strap_shares(skull, added.vertices[for_straps])
    weights[for_straps, body.bone("head")], weights[for_straps, count] = held, 1.0 - held
    head = body.bone("head")
    return replace(
        body,
        vertices=np.concatenate([body.vertices, added.vertices]),
        faces=np.concatenate([body.faces, added.faces]).astype(np.int32),
        face_parts=np.concatenate([body.face_parts, parts.astype(np.uint8)]),
        part_names=(*body.part_names, *RIG_PARTS),
        skin_weights=np.concatenate([np.pad(body.skin_weights, ((0, 0), (0, 1))), weights]),
        bone_names=(*body.bone_names, RIG_BONE),
        bone_parents=(*body.bone_parents, head),
        bone_heads=np.concatenate([body.bone_heads, T_rest_device[None, :3, 3]]),
        bone_tails=np.concatenate([body.bone_tails, T_rest_device[None, :3, 3]]),
        alignment=np.concatenate([body.alignment, np.eye(3)[None]]),
    )


def _skull(body: Body, tilt: FloatArray) -> _Skull:
    hair, head = body.part_vertices("scalp"), body.part_vertices("head", "scalp")
    # Hair that hangs down is not what a helmet sits on.
    head = head[head[:, 2] > body.part_vertices("head")[:, 2].min()]
    middle = 0.5 * (hair[:, 0].min() + hair[:, 0].max())
    return _Skull(head, np.array([middle, 0.0, body.head_joint[2]]), tilt)


def _directions(azimuth: FloatArray, elevation: FloatArray) -> FloatArray:
    flat = np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=-1)


def _dome(skull: _Skull, shell: Shell) -> list[Mesh]:
    """Return a dome around the hair, above a rim that falls to the back, and its brim."""
    azimuth = np.linspace(0, 2 * np.pi, SHELL_COLUMNS, endpoint=False)
    rim = shell.rim_back + (shell.rim_front - shell.rim_back) * (0.5 + 0.5 * np.cos(azimuth))
    shares = np.concatenate([[0.0], np.linspace(0, 1, SHELL_ROWS + 1)[:-1], [0.995]])
    elevation = rim + shares[:, None] * (np.pi / 2 - rim)
    gap = np.full(elevation.shape, SHELL_GAP_M + shell.thickness_m)
    gap[0] = LINING_M
    outside = skull.surface(_directions(np.broadcast_to(azimuth, elevation.shape), elevation), gap)
    meshes = [grid(outside, wrap_columns=True)]
    if shell.brim_m:
        across = np.linspace(-0.9, 0.9, 9)
        low = shell.rim_back + (shell.rim_front - shell.rim_back) * (0.5 + 0.5 * np.cos(across))
        reach = SHELL_GAP_M + shell.brim_m * np.cos(across / 0.9 * np.pi / 2)
        gaps = np.stack([np.full(9, LINING_M), reach, np.full(9, LINING_M)])
        heights = low + np.array([[0.0], [0.02], [0.06]])
        meshes.append(grid(skull.surface(_directions(np.broadcast_to(across, heights.shape), heights), gaps)))
    return meshes


def _halo(skull: _Skull, shell: Shell) -> list[Mesh]:
    """Return a band around the head, one over the crown, and a visor before the eyes."""
    outer = SHELL_GAP_M + shell.thickness_m
    gaps = np.array([LINING_M, outer, outer, LINING_M])[:, None]
    azimuth = np.linspace(0, 2 * np.pi, SHELL_COLUMNS, endpoint=False)
    rim = 0.05 + 0.25 * (0.5 + 0.5 * np.cos(azimuth))
    around = rim + np.array([-0.13, -0.11, 0.11, 0.13])[:, None]
    band = skull.surface(
        _directions(np.broadcast_to(azimuth, around.shape), around), np.broadcast_to(gaps, around.shape)
    )
    # Over the crown from ear to ear: elevation counts from the left ear.
    over = np.linspace(0.1, np.pi - 0.1, 15)
    sideways = np.array([0.16, 0.14, -0.14, -0.16])[:, None] + 0 * over
    arch = np.stack([np.sin(sideways), np.cos(sideways) * np.cos(over), np.cos(sideways) * np.sin(over)], axis=-1)
    crown = skull.surface(arch, np.broadcast_to(gaps, sideways.shape))
    across = np.linspace(-1.0, 1.0, 11)
    heights = np.array([-0.22, -0.18, 0.18, 0.22])[:, None] + 0 * across
    depth = np.broadcast_to(np.array([0.0, 0.035, 0.035, 0.0])[:, None], heights.shape).copy()
    depth[:, [0, -1]] = 0.0
    visor = skull.surface(_directions(np.broadcast_to(across, heights.shape), heights), LINING_M + depth)
    return [grid(band, wrap_columns=True), grid(crown), grid(visor)]


def _straps(skull: _Skull) -> list[Mesh]:
    """Return two ribbons that run from the temples, before and behind the ears, under the chin."""
    meshes = []
    for ahead, forward in ((0.025, 0.20), (-0.045, 0.55)):
        around = np.linspace(-0.35, np.pi + 0.35, 25)
        down = np.array([np.sin(forward), 0.0, -np.cos(forward)])
        plane = np.cos(around)[:, None] * np.array([0.0, 1.0, 0.0]) + np.sin(around)[:, None] * down
        normal = np.array([np.cos(forward), 0.0, np.sin(forward)])
        beside = np.array([-0.08, -0.07, 0.07, 0.08])[:, None, None]
        directions = plane + beside * normal
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        shifted = replace(skull, centre=skull.centre + np.array([ahead, 0.0, 0.0]), tilt=np.eye(3))
        gaps = np.broadcast_to(np.array([0.0, STRAP_M, STRAP_M, 0.0])[:, None], directions.shape[:-1])
        meshes.append(grid(shifted.surface(directions, gaps)))
    return meshes


def _strap_shares(skull: _Skull, points: FloatArray) -> FloatArray:
    """Return how much straps follow the head and not the rig: all under the chin, nothing at the temples."""
    lowest = skull.points[:, 2].min()
    return np.clip((skull.centre[2] - points[:, 2]) / (skull.centre[2] - lowest), 0.0, 1.0)


def _cameras(rig: Rig, T_rest_device: FloatArray, shell: FloatArray) -> list[Mesh]:
    """Return the housings, and a frame behind the lenses, where they do not see it, on one post."""
    meshes, backs = [], []
    for camera in rig.cameras:
        T_rest_camera = T_rest_device @ camera.T_device_camera
        width, length, _ = HOUSING_M
        gap = _housing_gap(camera)
        meshes.append(box(T_rest_camera, (0.0, 0.0, -gap - 0.5 * length), (width, width, 0.5 * length)))
        backs.append(transform_points(T_rest_camera, np.array([[0.0, 0.0, -gap - 0.7 * length]]))[0])
    hub = np.mean(backs, axis=0)
    upper = shell[shell[:, 2] > 0.5 * (shell[:, 2].min() + shell[:, 2].max())]
    crown = upper[np.linalg.norm(upper - hub, axis=1).argmin()]
    return meshes + [rod(back, hub, FRAME_M) for back in backs] + [rod(hub, crown, FRAME_M)]


def _housing_gap(camera: Camera) -> float:
    """Return how far behind the lens its housing begins, so that a lens beyond 180 degrees does not see it."""
    width, _, least = HOUSING_M
    beyond = min(max(camera.lens.max_theta - np.pi / 2, 0.0), 1.2)
    return float(max(least, 1.5 * width * np.tan(beyond) + 0.001))
