"""Deformable attention that samples before it projects."""

import torch
from torch import Tensor, nn

from egorear_ros.models.deformable_attention import DeformableAttention
from egorear_ros.models.fast.sampling import Taps, bilinear_taps, gather


class FastDeformableAttention(nn.Module):
    """Does what `DeformableAttention` does on `memory = features @ projection + bias + position`.

    For each head, the samples of the features are summed first and multiplied by one composed matrix
    (value after projection). What does not depend on the image, position and biases, is a map of its
    own, computed once and sampled at the same places: at the border, where samples fall outside and
    count as zero, biases fade as well.
    """

    matrix: Tensor
    constant: Tensor

    def __init__(self, attention: DeformableAttention, projection: Tensor, bias: Tensor, position: Tensor) -> None:
        """Compose the matrices.

        Args:
            attention: trained.
            projection: (D, C) from features to memory.
            bias: (D,).
            position: (V, H * W, D) added to the memory of each view; (1, 1, D) if it has none.
        """
        super().__init__()
        heads = attention.heads
        self.heads, self.points, self.size = heads, attention.points, attention.map_size
        self.offsets, self.weights = attention.sampling_offsets, attention.attention_weights
        self.output = attention.output_proj
        value, value_bias = attention.value_proj.weight.double(), attention.value_proj.bias.double()
        composed = (value @ projection.double()).unflatten(0, (heads, -1))
        constant = (position.double() + bias.double()) @ value.T + value_bias
        self.register_buffer("matrix", composed.mT.float().contiguous(), persistent=False)
        # (V, H * W, D) becomes (V * heads, H * W, D / heads)
        constant = constant.unflatten(-1, (heads, -1)).transpose(1, 2).flatten(0, 1)
        self.register_buffer("constant", constant.float().contiguous(), persistent=False)

    def forward(self, query: Tensor, rows: Tensor, anchors_uv: Tensor, valid: Tensor) -> Tensor:
        """Collect what each view shows around each joint; (B, V, J, D).

        Args:
            query: (B, J, D).
            rows: (B, V, H * W, C) features, row by row.
            anchors_uv: (B, V, J, 2).
            valid: (B, V, J) bool.
        """
        views, joints = anchors_uv.shape[1], anchors_uv.shape[2]
        per_head = (-1, joints, self.heads, self.points)
        offsets = self.offsets(query).view(*per_head, 2) / self.size
        weights = self.weights(query).view(per_head).softmax(dim=-1)
        locations = anchors_uv[:, :, :, None, None] + offsets[:, None]
        taps = bilinear_taps(locations, weights[:, None].expand(-1, views, -1, -1, -1), self.size)
        flat = Taps(*(part.flatten(0, 1).flatten(1, 2) for part in taps))
        summed = gather(rows.flatten(0, 1), flat).view(-1, views, joints, self.heads, rows.shape[-1])
        seen = torch.einsum("bvjhc,hcd->bvjhd", summed, self.matrix) + self._constant(taps)
        return self.output(seen.flatten(-2)) * valid[..., None]

    def _constant(self, taps: Taps) -> Tensor:
        """Return what the constant map adds, (B, V, J, heads, D / heads)."""
        if self.constant.shape[1] == 1:
            return taps.weight.sum(dim=-1, keepdim=True) * self.constant[:, 0]
        views, joints = taps.pixel.shape[1], taps.pixel.shape[2]
        by_head = Taps(*(part.transpose(2, 3) for part in taps))
        flat = Taps(*(part.flatten(0, 2) for part in by_head))
        summed = gather(self.constant, flat, repeated=True)
        return summed.view(-1, views, self.heads, joints, summed.shape[-1]).transpose(2, 3)
