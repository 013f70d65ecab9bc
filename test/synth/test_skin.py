from dataclasses import replace

import numpy as np
import pytest

from egorear_synth.skin import Skin
from egorear_synth.skinning import skin, vertex_normals
from egorear_synth.wearer import Wearer


def test_skin_and_normals_agree_with_all_bones_and_float64(wearer: Wearer) -> None:
    body = wearer.body
    for time_s in (0.0, 7.3, 21.0):
        T_world_rest = wearer.pose_at(time_s).T_world_rest
        vertices, normals = Skin(body).posed(T_world_rest, body.vertices)
        expected = skin(body, T_world_rest, body.vertices)
        np.testing.assert_allclose(vertices, expected, atol=5e-6)
        # Normals of slivers turn with the rounding of their corners.
        np.testing.assert_allclose(normals, vertex_normals(expected, body.faces), atol=2e-2)
        assert np.mean(np.abs(normals - vertex_normals(expected, body.faces))) < 1e-4
        assert vertices.dtype == normals.dtype == np.float32


def test_vertices_without_faces_stay_finite(wearer: Wearer) -> None:
    body = replace(wearer.body, faces=wearer.body.faces[:10])
    vertices, normals = Skin(body).posed(wearer.pose_at(0.0).T_world_rest, body.vertices)
    used = np.unique(body.faces)
    assert np.isfinite(vertices).all()
    np.testing.assert_allclose(np.linalg.norm(normals[used], axis=1), 1.0, atol=1e-5)
    assert not np.delete(normals, used, axis=0).any()


def test_too_many_bones_are_named(wearer: Wearer) -> None:
    weights = wearer.body.skin_weights.copy()
    weights[3, :5] = 0.2
    with pytest.raises(ValueError, match="follows [5-9] bones; expected 4"):
        Skin(replace(wearer.body, skin_weights=weights))
