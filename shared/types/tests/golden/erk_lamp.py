#!/usr/bin/env python3
"""Numbers of ERK and LAMP computed independently of this program, with nothing but Python's standard library.

ERK follows google-research/rigl (rigl/sparse_utils.py, get_mask_random_numpy's densities): solve for epsilon, make dense
every layer tied at the largest raw probability while one exceeds 1, solve again. LAMP follows
jaeho-lee/layer-adaptive-sparsity (tools/pruners.py): ascending w^2 over the sum of what is not smaller.

    python3 erk_lamp.py > erk_lamp.json
"""

import json
import math


def resnet18_shapes(classes):
    shapes = [("conv1", [64, 3, 3, 3])]
    width_in = 64
    for stage, width in enumerate([64, 128, 256, 512], start=1):
        for block in range(2):
            name = f"layer{stage}.{block}"
            shapes.append((f"{name}.conv1", [width, width_in, 3, 3]))
            shapes.append((f"{name}.conv2", [width, width, 3, 3]))
            if width_in != width:
                shapes.append((f"{name}.shortcut.0", [width, width_in, 1, 1]))
            width_in = width
    shapes.append(("linear", [classes, 512]))
    return shapes


def erk(shapes, sparsity):
    count = {name: math.prod(shape) for name, shape in shapes}
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes}
    dense = set()
    while True:
        budget = (1 - sparsity) * sum(count.values()) - sum(count[name] for name in dense)
        divisor = sum(raw[name] * count[name] for name, _ in shapes if name not in dense)
        epsilon = budget / divisor
        largest = max(raw[name] for name, _ in shapes if name not in dense)
        if largest * epsilon <= 1:
            break
        dense |= {name for name, _ in shapes if name not in dense and raw[name] == largest}
    return {name: 1.0 if name in dense else epsilon * raw[name] for name, _ in shapes}


def pseudo_random(seed):
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 40) / 2**24


def weights(seed, count, scale):
    """Multiples of 1/4096, exact in f32."""
    numbers = pseudo_random(seed)
    return [round((sum(next(numbers) for _ in range(4)) - 2) * scale * 4096) / 4096 for _ in range(count)]


def lamp_scores(values):
    order = sorted(range(len(values)), key=lambda i: (values[i] ** 2, -i))
    scores = [0.0] * len(values)
    for place, index in enumerate(order):
        rest = math.fsum(values[i] ** 2 for i in order[place:])
        scores[index] = values[index] ** 2 / rest if rest else 0.0
    return scores


def lamp_kept(layers, sparsity):
    scored = sorted(((s, l) for l, values in enumerate(layers) for s in lamp_scores(values)), reverse=True)
    keep = round((1 - sparsity) * sum(map(len, layers)))
    kept = [0] * len(layers)
    for _, layer in scored[:keep]:
        kept[layer] += 1
    return kept


layers = [weights(1, 300, 1.0), weights(2, 700, 0.25), weights(3, 120, 2.0)]
print(json.dumps({
    "erk": [
        {"architecture": "resnet18", "classes": 10, "sparsity": s, "densities": erk(resnet18_shapes(10), s)}
        for s in (0.8, 0.9, 0.95, 0.98)
    ],
    "lamp": {
        "layers": layers,
        "scores": [lamp_scores(values) for values in layers],
        "kept": [{"sparsity": s, "kept": lamp_kept(layers, s)} for s in (0.5, 0.8, 0.9, 0.95)],
    },
}, indent=1))
