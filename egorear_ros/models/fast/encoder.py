"""The encoder without batch norms, its neck mixing channels before it upsamples."""

from torch import Tensor, nn

from egorear_ros.models.encoder import Encoder, Encoding, FeaturePyramid
from egorear_ros.models.fast.fold import conv1x1_of, fold_batch_norm
from egorear_ros.models.resnet import BasicBlock, ResNet18


class FastBlock(nn.Module):
    """A residual block of three or two convolutions."""

    def __init__(self, block: BasicBlock) -> None:
        """Fold a trained block."""
        super().__init__()
        self.conv1 = fold_batch_norm(block.conv1, block.bn1)
        self.conv2 = fold_batch_norm(block.conv2, block.bn2)
        self.shortcut: nn.Module = nn.Identity()
        if isinstance(block.downsample, nn.Sequential):
            conv, norm = block.downsample
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            self.shortcut = fold_batch_norm(conv, norm)

    def forward(self, x: Tensor) -> Tensor:
        """See `BasicBlock.forward`."""
        return self.conv2(self.conv1(x).relu_()).add_(self.shortcut(x)).relu_()


def fold_blocks(level: nn.Module) -> nn.Sequential:
    """Return a level of residual blocks, folded."""
    assert isinstance(level, nn.Sequential)
    return nn.Sequential(*(FastBlock(block) if isinstance(block, BasicBlock) else block for block in level))


def fold_levels(levels: nn.Sequential) -> nn.Sequential:
    """Return a sequence of pooling, blocks and levels of blocks, folded."""
    return nn.Sequential(*(fold_blocks(part) if isinstance(part, nn.Sequential) else part for part in levels))


def fold_stem(stem: nn.Sequential) -> nn.Sequential:
    """Return convolution and ReLU of convolution, batch norm and ReLU."""
    conv, norm = stem[0], stem[1]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return nn.Sequential(fold_batch_norm(conv, norm), nn.ReLU(inplace=True))


class FastBackbone(nn.Module):
    """ResNet-18 without batch norms."""

    def __init__(self, backbone: ResNet18) -> None:
        """Fold a trained backbone."""
        super().__init__()
        self.stem = fold_stem(backbone.layer_s2)
        self.s4 = fold_levels(backbone.layer_s4)
        self.s8, self.s16, self.s32 = (
            fold_blocks(level) for level in (backbone.layer_s8, backbone.layer_s16, backbone.layer_s32)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See `ResNet18.forward`."""
        s4 = self.s4(self.stem(images))
        s8 = self.s8(s4)
        s16 = self.s16(s8)
        return s4, s8, s16, self.s32(s16)


class FastPyramid(nn.Module):
    """The neck: of [lateral, upsampled] each half has its own matrix, the second is applied before upsampling."""

    def __init__(self, neck: FeaturePyramid) -> None:
        """Split a trained neck."""
        super().__init__()
        self.laterals, self.smooths = neck.lateral_convs, neck.fpn_convs
        self.upsample = neck.upsample
        fine, coarse = [], []
        for fuse in neck.fuse_convs:
            assert isinstance(fuse, nn.Sequential)
            conv = fuse[0]
            assert isinstance(conv, nn.Conv2d)
            matrix = conv.weight[:, :, 0, 0]
            half = matrix.shape[1] // 2
            fine.append(conv1x1_of(matrix[:, :half], conv.bias))
            coarse.append(conv1x1_of(matrix[:, half:], None))
        self.fine, self.coarse = nn.ModuleList(fine), nn.ModuleList(coarse)

    def forward(self, levels: tuple[Tensor, ...]) -> Tensor:
        """See `FeaturePyramid.forward`."""
        fused, *finer = (lateral(level) for lateral, level in zip(list(self.laterals)[::-1], levels[::-1], strict=True))
        steps = zip(finer, list(self.fine)[::-1], list(self.coarse)[::-1], list(self.smooths)[::-1], strict=True)
        for lateral, fine, coarse, smooth in steps:
            fused = smooth(fine(lateral).add_(self.upsample(coarse(fused))).relu_())
        return fused


class FastEncoder(nn.Module):
    """Backbone and neck; a stand-in for `Encoder`."""

    def __init__(self, encoder: Encoder) -> None:
        """Rewrite a trained encoder."""
        super().__init__()
        self.backbone, self.neck = FastBackbone(encoder.backbone), FastPyramid(encoder.neck)

    def forward(self, images: Tensor) -> Encoding:
        """See `Encoder.forward`."""
        levels = self.backbone(images)
        return Encoding(self.neck(levels), levels[-1])
