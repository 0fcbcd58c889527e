"""torchvision's ResNet-18, cut into named blocks."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from leakdrill.archs.head import Head
from leakdrill.spec import Spec


class ResNet18(Spec):
    """ResNet-18 for photographs of about 224 pixels (He et al. 2016, table 1), as in torchvision."""

    kind: Literal["resnet18"] = "resnet18"

    def blocks(self, num_classes: int) -> dict[str, nn.Module]:
        from torchvision.models import resnet18  # here: it takes a second, and every process imports the architectures

        model = resnet18(num_classes=num_classes)
        stem = OrderedDict(conv1=model.conv1, bn1=model.bn1, relu=model.relu, maxpool=model.maxpool)
        return {
            "stem": nn.Sequential(stem),
            "layer1": model.layer1,
            "layer2": model.layer2,
            "layer3": model.layer3,
            "layer4": model.layer4,
            "pool": nn.Sequential(model.avgpool, nn.Flatten()),
            "head": Head(model.fc.in_features, num_classes),
        }
