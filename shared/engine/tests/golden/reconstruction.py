#!/usr/bin/env python3
"""Layers reconstructed by direct least squares (LAPACK's, through numpy), with nothing of this program.

Each output channel's kept weights are found as the least-squares solution of the centred patches, stacked on sqrt(lambda)
times the identity, against the centred dense output: no second moments, no Cholesky factor. Inputs and outputs are eighths, so
that sums in f32 are exact.

    python3 reconstruction.py > reconstruction.json
"""

import json

import numpy as np

RIDGE = 1e-4


def eighths(rng, shape, low=-8, high=8):
    return rng.integers(low, high, size=shape, endpoint=True).astype(np.float64) / 8


def patches(image, kernel, stride, padding):
    """[images * positions, channels * kernel^2], entries in the order channel, row, column."""
    count, channels, height, width = image.shape
    padded = np.zeros((count, channels, height + 2 * padding, width + 2 * padding))
    padded[:, :, padding:padding + height, padding:padding + width] = image
    rows = (height + 2 * padding - kernel) // stride + 1
    columns = (width + 2 * padding - kernel) // stride + 1
    found = np.zeros((count, rows, columns, channels, kernel, kernel))
    for i in range(kernel):
        for j in range(kernel):
            part = padded[:, :, i:i + stride * (rows - 1) + 1:stride, j:j + stride * (columns - 1) + 1:stride]
            found[..., i, j] = part.transpose(0, 2, 3, 1)
    return found.reshape(count * rows * columns, -1), rows, columns


def case(name, rng, shape, out, kernel, stride, padding, density, linear=False, dead=False, groups=1):
    image = eighths(rng, shape)
    if dead:
        image[:, 1] = 0.0
    # Inputs of each group of channels: [groups][images * positions, patch].
    if linear:
        inputs, rows, columns = [image.reshape(shape[0], -1)], 1, 1
    else:
        parts = [patches(part, kernel, stride, padding) for part in np.split(image, groups, axis=1)]
        inputs, (rows, columns) = [part[0] for part in parts], parts[0][1:]
    positions, patch = inputs[0].shape
    # The dense output depends on the inputs, and on something else.
    dense = eighths(rng, (out, patch))
    of_channel = [inputs[channel // (out // groups)] for channel in range(out)]
    signal = np.stack([x @ dense[channel] for channel, x in enumerate(of_channel)], axis=1)
    y = np.round(8 * (signal / 4 + eighths(rng, (positions, out)) + eighths(rng, out))) / 8
    kept = rng.random((out, patch)) < density
    weights, shifts, residuals = np.zeros(kept.shape), [], []
    for channel, x in enumerate(of_channel):
        centred = x - x.mean(axis=0)
        ridge = RIDGE * centred.var(axis=0).mean()
        target = y[:, channel] - y[:, channel].mean()
        chosen = centred[:, kept[channel]]
        size = chosen.shape[1]
        left = np.vstack([chosen / np.sqrt(positions), np.sqrt(ridge) * np.eye(size)])
        right = np.concatenate([target / np.sqrt(positions), np.zeros(size)])
        weights[channel, kept[channel]] = np.linalg.lstsq(left, right, rcond=None)[0]
        shift = y[:, channel].mean() - x.mean(axis=0) @ weights[channel]
        shifts.append(shift)
        residuals.append(np.mean((y[:, channel] - x @ weights[channel] - shift) ** 2))
    output = y.reshape(shape[0], rows, columns, out).transpose(0, 3, 1, 2)
    return {
        "name": name,
        "linear": linear,
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "groups": groups,
        "input_shape": list(shape),
        "input": image.ravel().tolist(),
        "output_shape": list(output.shape),
        "output": output.ravel().tolist(),
        "kept": kept.astype(int).ravel().tolist(),
        "weights": weights.ravel().tolist(),
        "shifts": shifts,
        "residuals": residuals,
    }


def main():
    rng = np.random.default_rng(19)
    cases = [
        case("plain", rng, (3, 2, 6, 5), 3, 3, 1, 1, 0.5),
        case("strided", rng, (5, 3, 8, 8), 3, 3, 2, 1, 0.4),
        case("projection", rng, (4, 5, 6, 6), 4, 1, 2, 0, 0.6),
        case("grouped", rng, (4, 4, 6, 6), 6, 3, 1, 1, 0.5, groups=2),
        case("depthwise", rng, (4, 3, 7, 7), 3, 3, 2, 1, 0.7, groups=3),
        case("linear", rng, (40, 12, 1, 1), 4, 1, 1, 0, 0.5, linear=True),
        case("linear over an image", rng, (30, 3, 2, 2), 2, 1, 1, 0, 0.7, linear=True),
        case("inputs that never vary", rng, (4, 3, 5, 5), 2, 3, 1, 1, 0.6, dead=True),
        case("fewer positions than kept weights", rng, (6, 20, 1, 1), 3, 1, 1, 0, 0.8, linear=True),
        case("one image", rng, (1, 2, 5, 5), 2, 3, 1, 1, 0.5),
    ]
    print(json.dumps(cases))


if __name__ == "__main__":
    main()
