"""Logits of torchvision's networks, for `tests/torchvision.rs` to be held against:

    python3 logits.py > logits.json

Needs torch and torchvision (written with 2.15.0 and 0.29.2). Weights and images follow from names and indices by a
formula that both sides compute, so that the file holds logits alone, computed in f64.
"""

import json
import math

import numpy
import torch
import torchvision

CLASSES = 10
IMAGES = 2
NETWORKS = [
    "resnet18", "resnet34", "resnet50", "resnet101", "wide_resnet50_2", "resnext50_32x4d",
    "vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn",
    "densenet121", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "squeezenet1_1", "shufflenet_v2_x1_0",
    "regnet_y_400mf", "convnext_tiny",
]
# A side that no pool divides, and for some the one that they were made for.
SIDES = {network: [75] for network in NETWORKS}
for network in ["resnet18", "vgg11", "mobilenet_v2", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x1_0"]:
    SIDES[network].append(224)
# Mean scale of the batch norms, where 1 would let the image's part of the logits fade away.
GAINS = {"mobilenet_v2": 1.3, "mobilenet_v3_small": 1.1, "efficientnet_b0": 1.2}


def uniform(name, count):
    """Numbers in -1..1: splitmix64 of an index counted from the FNV-1a hash of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed) + (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    return (z >> numpy.uint64(40)).astype(numpy.float64) / 2.0**23 - 1.0


def tensor(name, shape, gain):
    """Weights that keep the variance behind a ReLU; norms and biases that do something."""
    numbers = uniform(name, math.prod(shape))
    if len(shape) > 1:
        numbers *= math.sqrt(6.0 / math.prod(shape[1:]))
    elif name.endswith(".running_var"):
        numbers = 1.0 + 0.5 * numbers
    elif name.endswith(".weight"):
        numbers = gain * (1.0 + 0.25 * numbers)
    else:
        numbers *= 0.2
    return torch.from_numpy(numbers.astype(numpy.float32).reshape(shape))


def main():
    torch.set_grad_enabled(False)
    results = []
    for network in NETWORKS:
        model = getattr(torchvision.models, network)(num_classes=CLASSES).eval()
        state = model.state_dict()
        gain = GAINS.get(network, 1.0)
        model.load_state_dict({
            name: value if name.endswith(".num_batches_tracked") else tensor(name, tuple(value.shape), gain)
            for name, value in state.items()
        })
        for side in SIDES[network]:
            shape = (IMAGES, 3, side, side)
            images = torch.from_numpy(uniform("images", math.prod(shape)).astype(numpy.float32).reshape(shape))
            single = model.float()(images).double()
            # Some networks amplify rounding: what f32 makes of it in PyTorch itself says how much.
            double = model.double()(images.double())
            rounding = ((single - double).abs().max() / double.abs().max()).item()
            results.append({
                "network": network,
                "side": side,
                "gain": gain,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
                "rounding": float(f"{rounding:.2g}"),
                "logits": [[float(f"{value:.7g}") for value in row] for row in double.tolist()],
            })
    print(json.dumps(results, indent=1))


main()
