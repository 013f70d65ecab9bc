"""Linear blend skinning and vertex normals, as kernels: what `Skin.posed` does."""

import warp as wp

wp.set_module_options({"enable_backward": False})


@wp.kernel
def pose_vertices(
    rest: wp.array[wp.vec3],
    bones: wp.array2d[wp.int32],
    weights: wp.array2d[wp.float32],
    transforms: wp.array2d[wp.vec4],
    posed: wp.array[wp.vec3],
) -> None:
    """Move (N,) vertices.

    Args:
        rest: (N,) at rest, m.
        bones: (K, N) of each vertex.
        weights: (K, N) their shares.
        transforms: (B, 3) rows of the transform of each bone.
        posed: (N,) world, m.
    """
    vertex = wp.tid()
    x = wp.vec4(0.0)
    y = wp.vec4(0.0)
    z = wp.vec4(0.0)
    for k in range(bones.shape[0]):
        bone = bones[k, vertex]
        weight = weights[k, vertex]
        x += weight * transforms[bone, 0]
        y += weight * transforms[bone, 1]
        z += weight * transforms[bone, 2]
    point = wp.vec4(rest[vertex][0], rest[vertex][1], rest[vertex][2], 1.0)
    posed[vertex] = wp.vec3(wp.dot(x, point), wp.dot(y, point), wp.dot(z, point))


@wp.kernel
def vertex_normals(
    vertices: wp.array[wp.vec3],
    faces: wp.array[wp.int32],
    adjoining: wp.array[wp.int32],
    starts: wp.array[wp.int32],
    normals: wp.array[wp.vec3],
) -> None:
    """Find (N,) normals: the mean of the adjoining faces, weighted by their area.

    Args:
        vertices: (N,) m.
        faces: (3 F,) corners.
        adjoining: faces around each vertex, vertex by vertex.
        starts: (N + 1,) where those of each vertex begin.
        normals: (N,) unit; zero where no face adjoins.
    """
    vertex = wp.int32(wp.tid())
    total = wp.vec3(0.0)
    for place in range(starts[vertex], starts[vertex + 1]):
        first = 3 * adjoining[place]
        corner = vertices[faces[first]]
        total += wp.cross(vertices[faces[first + 1]] - corner, vertices[faces[first + 2]] - corner)
    normals[vertex] = total / wp.max(wp.length(total), 1.0e-12)
