"""EgoRear-small for inference: its encoder without batch norms."""

from torch import Tensor, nn

from egorear_ros.models.encoder import Encoding
from egorear_ros.models.fast.encoder import fold_blocks, fold_stem
from egorear_ros.models.small.encoder import SmallEncoder


class FastSmallEncoder(nn.Module):
    """A stand-in for `SmallEncoder`."""

    def __init__(self, encoder: SmallEncoder) -> None:
        """Rewrite a trained encoder."""
        super().__init__()
        self.stem = fold_stem(encoder.stem)
        self.levels = nn.ModuleList(fold_blocks(level) for level in encoder.levels)
        self.laterals, self.smooth, self.fuse = encoder.laterals, encoder.smooth, encoder.fuse
        self.upsample = encoder.upsample

    def forward(self, images: Tensor) -> Encoding:
        """See `SmallEncoder.forward`."""
        levels, x = [], self.stem(images)
        for level in self.levels:
            x = level(x)
            levels.append(x)
        fine, middle, coarse, deepest = (lateral(x) for lateral, x in zip(self.laterals, levels, strict=True))
        middle = self.smooth(middle.add_(self.upsample(coarse.add_(self.upsample(deepest)))))
        return Encoding(self.fuse(fine.add_(self.upsample(middle))), levels[-1])
