#!/usr/bin/env python3
"""Writes the table of docs/performance.md that sets the engine beside PyTorch: images per second of both, in turn, on the
same number of threads. Needs torch and torchvision (`pip install torch torchvision --index-url
https://download.pytorch.org/whl/cpu`) and an idle machine: PyTorch's threads spin.

    cargo bench -p rrlab-engine --features rayon --bench performance --no-run    # says where the program is
    python3 shared/engine/benches/performance.py PROGRAM [--rounds 3]
"""

import argparse
import os
import statistics
import subprocess
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

LEAST = 3.0  # seconds of a figure


class Block(nn.Module):
    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class CifarResNet(nn.Module):
    """kuangliu's ResNets for 32x32 images: `blocks` in each stage, `width` channels in the first."""

    def __init__(self, blocks, width):
        super().__init__()
        layers, channels = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()], width
        for stage, count in enumerate(blocks):
            for block in range(count):
                out = width << stage
                layers.append(Block(channels, out, 2 if stage and not block else 1))
                channels = out
        self.body, self.head = nn.Sequential(*layers), nn.Linear(channels, 10)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def vgg16():
    layers, channels = [], 3
    for out in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if out:
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


def resnet50():
    return torchvision.models.resnet50(num_classes=10)


# what, name of ours, PyTorch's, batch, side
CASES = [
    ("forward", "resnet20", lambda: CifarResNet((3, 3, 3), 16), 128, 32),
    ("forward", "resnet18:width=0.25", lambda: CifarResNet((2, 2, 2, 2), 16), 128, 32),
    ("forward", "resnet18", lambda: CifarResNet((2, 2, 2, 2), 64), 64, 32),
    ("forward", "resnet34", lambda: CifarResNet((3, 4, 6, 3), 64), 64, 32),
    ("forward", "vgg16_bn", vgg16, 64, 32),
    ("forward", "torchvision_resnet50", resnet50, 8, 224),
    ("train", "resnet20", lambda: CifarResNet((3, 3, 3), 16), 128, 32),
    ("train", "resnet18:width=0.25", lambda: CifarResNet((2, 2, 2, 2), 16), 128, 32),
    ("train", "resnet18", lambda: CifarResNet((2, 2, 2, 2), 64), 64, 32),
]


def theirs(what, network, batch, side):
    network = network()
    images, labels = torch.randn(batch, 3, side, side), torch.randint(0, 10, (batch,))
    network.train(what == "train")
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def step():
        if what == "forward":
            with torch.no_grad():
                network(images)
        else:
            optimiser.zero_grad()
            F.cross_entropy(network(images), labels).backward()
            optimiser.step()

    step()
    began, count = time.time(), 0
    while time.time() - began < LEAST:
        step()
        count += 1
    return batch * count / (time.time() - began)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", default="", help="rows that begin so, as: train resnet20")
    arguments = arguments.parse_args()
    threads = os.cpu_count()
    torch.set_num_threads(threads)
    print(f"PyTorch {torch.__version__}, {threads} threads, medians of {arguments.rounds}, in turn\n")
    print("| what | network | batch | ours, images/s | PyTorch, images/s | ratio |")
    print("|---|---|---|---|---|---|")
    for what, name, network, batch, side in CASES:
        if not f"{what} {name}".startswith(arguments.only):
            continue
        ours, pytorch = [], []
        for _ in range(arguments.rounds):
            out = subprocess.run([arguments.program, what, name, str(batch)], check=True, capture_output=True, text=True)
            ours.append(float(out.stdout))
            pytorch.append(theirs(what, network, batch, side))
        ours, pytorch = statistics.median(ours), statistics.median(pytorch)
        print(f"| {what} | {name} | {batch} | {ours:.0f} | {pytorch:.0f} | {ours / pytorch:.2f} |", flush=True)


main()
