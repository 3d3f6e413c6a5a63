from .resnet import resnet18, resnet34, resnet50, wrn28_10

REGISTRY = {"resnet18": resnet18, "resnet34": resnet34, "resnet50": resnet50, "wrn28_10": wrn28_10}


def build(name, num_classes=10, dropout=0.0):
    return REGISTRY[name](num_classes=num_classes, dropout=dropout)
