"""Residual networks for images of 32×32 pixels (He et al. 2015, section 4.2)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu


def resnet18(*, classes: int) -> nn.Module:
    """Return torchvision's ResNet-18 with the stem for small images: a 3×3 convolution of stride 1, no max-pool."""
    from torchvision.models import resnet18 as for_large_images

    model = for_large_images(num_classes=classes)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision's others
    model.maxpool = nn.Identity()
    return model  # type: ignore[no-any-return]


def resnet8(*, classes: int) -> nn.Module:
    """Return a network of three residual blocks, 16, 32 and 64 channels wide, that looks at no statistics of a batch.

    In place of a normalisation, what is added to each shortcut starts at zero, as in Fixup (Zhang et al. 2019).
    """
    return nn.Sequential(
        _convolution(3, 16, 3), nn.ReLU(),  # (batch, 16, 32, 32)
        Block(16, 16, stride=1),
        Block(16, 32, stride=2),  # (batch, 32, 16, 16)
        Block(32, 64, stride=2),  # (batch, 64, 8, 8)
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes),
    )  # fmt: skip


def _convolution(before: int, after: int, size: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a convolution whose weights keep the variance from layer to layer (He et al. 2015)."""
    layer = nn.Conv2d(before, after, size, stride=stride, padding=size // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.first = _convolution(before, after, 3, stride=stride)
        self.last = _convolution(after, after, 3)
        is_same = before == after and stride == 1
        self.shortcut = nn.Identity() if is_same else _convolution(before, after, 1, stride=stride)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.shortcut(x) + self.last(relu(self.first(x))))
