"""Frozen image encoders."""

from __future__ import annotations

from hilctl.networks.encoders.base import Encoder
from hilctl.registry import Registry

BUILTIN = {
    "efficientnet-lite0": "hilctl.networks.encoders.efficientnet_lite0:EfficientNetLite0",
    "resnet10": "hilctl.networks.encoders.resnet10:ResNet10",
}
ENCODERS: Registry[Encoder] = Registry("encoder", BUILTIN, package=__name__)
