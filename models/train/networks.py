"""The three small classifiers: one NCHW channel of pixel/255 in, ten logits out."""

import torch.nn.functional as F
from torch import nn


def conv(i, o, kernel=3, stride=1, groups=1, act=nn.ReLU):
    """Convolution without bias, BatchNorm and, unless `act` is None, an activation."""
    layers = [
        nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(o),
    ]
    return nn.Sequential(*layers, *([act()] if act else []))


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2015, figure 2)."""

    def __init__(self, i, o, stride):
        super().__init__()
        self.body = nn.Sequential(conv(i, o, 3, stride), conv(o, o, act=None))
        same = stride == 1 and i == o
        self.shortcut = nn.Identity() if same else conv(i, o, 1, stride, act=None)

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


def separable(i, o, stride):
    """Depthwise 3x3, then pointwise 1x1, both with ReLU6 (Howard et al. 2017)."""
    return nn.Sequential(
        conv(i, i, 3, stride, groups=i, act=nn.ReLU6),
        conv(i, o, 1, act=nn.ReLU6),
    )


def head(channels):
    """Global average pooling and one linear layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


def digits():
    return nn.Sequential(
        conv(1, 16),
        conv(16, 16, stride=2),
        conv(16, 32),
        conv(32, 32, stride=2),
        conv(32, 64),
        *head(64),
    )


def fashion_resnet():
    return nn.Sequential(
        conv(1, 16),
        Residual(16, 16, 1),
        Residual(16, 32, 2),
        Residual(32, 64, 2),
        *head(64),
    )


def fashion_mobilenet():
    return nn.Sequential(
        conv(1, 24, act=nn.ReLU6),
        separable(24, 48, 1),
        separable(48, 96, 2),
        separable(96, 96, 1),
        separable(96, 160, 2),
        separable(160, 160, 1),
        *head(160),
    )


NETWORKS = {
    "digits": digits,
    "fashion-resnet": fashion_resnet,
    "fashion-mobilenet": fashion_mobilenet,
}
