"""Small networks as ONNX files with inputs and outputs, for `tests/import/onnx.rs`:

    python3 onnx_files.py            writes onnx/NAME/model.onnx and its first test, as the ONNX suite lays them out
    python3 onnx_files.py --large F  writes torchvision's networks into folder F: 1.3 GB, which stay out of the repository

Needs torch, torchvision, onnx and onnxscript (written with 2.15.0, 0.29.2, 1.23.2 and 0.7.2). Weights and images are random by
a fixed seed; outputs are PyTorch's own, in f64.
"""

import copy
import pathlib
import sys

import numpy
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F


def norm(channels):
    """A batch norm that does something."""
    layer = nn.BatchNorm2d(channels)
    nn.init.uniform_(layer.weight, 0.7, 1.3)
    nn.init.normal_(layer.bias, std=0.2)
    nn.init.normal_(layer.running_mean, std=0.2)
    nn.init.uniform_(layer.running_var, 0.7, 1.3)
    return layer


class Block(nn.Module):
    """A residual block as in torchvision."""

    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = norm(channels)
        self.downsample = None
        if stride != 1 or before != channels:
            self.downsample = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), norm(channels))

    def forward(self, x):
        branch = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(branch + (x if self.downsample is None else self.downsample(x)))


class Residual(nn.Module):
    """A small residual network with a pool of its own size at the end."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn1 = norm(8)
        self.layer1 = nn.Sequential(Block(8, 8, 1), Block(8, 12, 2))
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(self.layer1(x), 1), 1))


class ZeroPadded(nn.Module):
    """A shortcut without weights (option A of He et al. 2016), and a reshape by the batch's own size."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = norm(4)
        self.conv2 = nn.Conv2d(4, 8, 3, 2, 1, bias=False)
        self.bn2 = norm(8)
        self.linear = nn.Linear(8 * 16, 5)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)))
        x = F.avg_pool2d(x, 2)
        return F.log_softmax(self.linear(x.view(x.size(0), -1)), dim=1)


class Mobile(nn.Module):
    """Depthwise and grouped convolutions, squeeze and excite, the activations of small networks."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = norm(8)
        self.depthwise = nn.Conv2d(8, 8, (3, 5), 1, (1, 2), groups=8)
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.grouped = nn.Conv2d(8, 12, 3, 1, 2, dilation=2, groups=4)
        self.fc = nn.Sequential(nn.Linear(12, 10), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(10, 5))

    def forward(self, x):
        x = F.hardswish(self.norm(self.stem(x)))
        x = F.silu(self.depthwise(x))
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        x = F.relu6(self.grouped(x * gate))
        x = x * torch.sigmoid(F.leaky_relu(x, 0.2))
        return self.fc(x.mean([2, 3]))


class Branching(nn.Module):
    """Channels split, joined and shuffled; overlapping pools."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.left = nn.Conv2d(4, 6, 3, padding=1)
        self.right = nn.Conv2d(8, 4, 1, bias=False)
        self.last = nn.Conv2d(18, 5, 1)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        first, second = x.chunk(2, 1)
        x = torch.cat([self.left(second), first, self.right(x), F.max_pool2d(first, 3, 1, 1)], 1)
        batch, channels, height, width = x.shape
        x = x.view(batch, 3, channels // 3, height, width).transpose(1, 2).reshape(batch, channels, height, width)
        x = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
        return torch.flatten(F.adaptive_avg_pool2d(F.relu(self.last(x)), 1), 1)


class Last(nn.Module):
    """Channels last within a block, as in ConvNeXt: layer norm, linear layers at each position, layer scale."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 4, 4)
        self.depthwise = nn.Conv2d(6, 6, 7, padding=3, groups=6)
        self.norm = nn.LayerNorm(6, eps=1e-6)
        self.up = nn.Linear(6, 12)
        self.down = nn.Linear(12, 6)
        self.scale = nn.Parameter(torch.full((6, 1, 1), 0.4))
        self.head = nn.LayerNorm(6, eps=1e-6)
        self.fc = nn.Linear(6, 5)
        nn.init.normal_(self.norm.bias, std=0.2)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.down(F.gelu(self.up(y))).permute(0, 3, 1, 2)
        x = x + self.scale * y
        return self.fc(self.head(x.mean([2, 3])))


class Grouped(nn.Module):
    """Group norms, preprocessing inside the network, a softmax at the end."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(4, 8)
        self.conv2 = nn.Conv2d(8, 6, 3, padding=1)
        self.instance = nn.InstanceNorm2d(6, affine=True)
        self.fc = nn.Linear(6, 5)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.2, 0.3, 0.25]).view(1, 3, 1, 1))

    def forward(self, x):
        x = (x * 0.5 + 0.5 - self.mean) / self.deviation
        x = F.relu(self.norm(self.conv1(x)))
        x = self.instance(self.conv2(F.pad(x, (1, 0, 2, 1))))
        return F.softmax(self.fc(x.mean([2, 3])), dim=1)


class Transformer(nn.Module):
    """A vision transformer: patches, a class token, an embedding of positions, attention with queries, keys and values of one layer."""

    def __init__(self):
        super().__init__()
        self.heads = 3
        self.patches = nn.Conv2d(3, 12, 6, 6)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.places = nn.Parameter(torch.randn(1, 13, 12))
        self.norm1 = nn.LayerNorm(12)
        self.qkv = nn.Linear(12, 36)
        self.out = nn.Linear(12, 12)
        self.norm2 = nn.LayerNorm(12)
        self.up = nn.Linear(12, 24)
        self.down = nn.Linear(24, 12)
        self.norm = nn.LayerNorm(12)
        self.fc = nn.Linear(12, 5)
        nn.init.normal_(self.qkv.weight)
        nn.init.normal_(self.norm.weight)

    def attention(self, x):
        batch, positions, channels = x.shape
        x = self.qkv(x).reshape(batch, positions, 3, self.heads, channels // self.heads)
        queries, keys, values = x.permute(2, 0, 3, 1, 4).unbind(0)
        x = F.scaled_dot_product_attention(queries, keys, values)
        return self.out(x.transpose(1, 2).reshape(batch, positions, channels))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        x = x + self.attention(self.norm1(x))
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        return self.fc(self.norm(x)[:, 0])


class Attentive(nn.Module):
    """PyTorch's own attention between the positions of a convolution's output, which are convolved again; a mean over positions."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 4, 4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.conv2 = nn.Conv2d(8, 6, 3, padding=1)
        self.scores = nn.Linear(6, 4, bias=False)
        self.keys = nn.Linear(6, 4)
        self.fc = nn.Linear(6, 5)
        nn.init.normal_(self.attention.in_proj_weight)
        nn.init.normal_(self.attention.out_proj.bias)

    def forward(self, x):
        x = self.conv1(x)
        batch, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        x = F.relu(self.conv2(tokens.transpose(1, 2).reshape(batch, channels, height, width)))
        tokens = x.flatten(2).transpose(1, 2)
        # One head, written out.
        shares = torch.softmax(self.scores(tokens) @ self.keys(tokens).transpose(1, 2) / 1.5, dim=-1)
        return self.fc((shares @ tokens).mean(1))


# Name, network, rows and columns, opset, exporter's options.
NETWORKS = [
    ("residual", Residual, 24, 17, {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}),
    ("residual_folded", Residual, 24, 9, {}),
    ("residual_dynamo", Residual, 24, 18, {"dynamo": True}),
    ("zero_padded", ZeroPadded, 16, 11, {}),
    ("mobile", Mobile, 20, 17, {}),
    ("mobile_decomposed", Mobile, 20, 12, {}),
    ("branching", Branching, 10, 13, {}),
    ("channels_last", Last, 24, 17, {}),
    ("channels_last_gelu", Last, 24, 20, {}),
    ("grouped", Grouped, 10, 17, {}),
    ("grouped_dynamo", Grouped, 10, 21, {"dynamo": True}),
    ("transformer", Transformer, (18, 24), 17, {}),
    ("transformer_dynamo", Transformer, (18, 24), 20, {"dynamo": True}),
    ("attentive", Attentive, (12, 20), 17, {}),
    ("attentive_dynamo", Attentive, (12, 20), 20, {"dynamo": True}),
]


def logits(network, images):
    """What the lab computes: that before a softmax at the end."""
    held = F.softmax, F.log_softmax
    F.softmax = F.log_softmax = lambda x, dim: x
    try:
        return copy.deepcopy(network).double()(images.double())
    finally:
        F.softmax, F.log_softmax = held


def write(folder, network, images, opset, options):
    """The file with its first test."""
    test = folder / "test_data_set_0"
    test.mkdir(parents=True, exist_ok=True)
    options = {"dynamo": False, **options}
    axes = {"dynamic_axes": {"images": {0: "batch"}}}
    if options["dynamo"]:
        options |= {"external_data": False, "verbose": False}
        axes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    torch.onnx.export(
        network, (images,), str(folder / "model.onnx"), opset_version=opset, input_names=["images"], output_names=["logits"],
        **axes, **options,
    )
    stripped(folder / "model.onnx")
    expected = logits(network, images)
    for name, tensor in [("input_0", images), ("output_0", expected)]:
        array = tensor.detach().numpy().astype(numpy.float32)
        message = numpy_helper.from_array(array, {"input_0": "images", "output_0": "logits"}[name])
        (test / f"{name}.pb").write_bytes(message.SerializeToString())


def stripped(path):
    """Without the paths of the machine that it was written on."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(model, path)


def external(source, folder):
    """The same network with its weights in a file of their own, in f16."""
    model = onnx.load(source / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor).astype(numpy.float16)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=64)


def large(folder):
    import torchvision

    names = [
        "resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d", "vgg11", "vgg16_bn", "densenet121", "mobilenet_v2",
        "mobilenet_v3_small", "efficientnet_b0", "squeezenet1_1", "shufflenet_v2_x1_0", "regnet_y_400mf", "convnext_tiny",
        "googlenet", "mnasnet1_0",
    ]
    for name in names:
        torch.manual_seed(1)
        options = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
        network = getattr(torchvision.models, name)(**options).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_var, 0.7, 1.3)
        images = torch.randn(2, 3, 224, 224)
        write(folder / name, network, images, 17, {})


def main():
    torch.set_grad_enabled(False)
    # An operation of its own, which ONNX has not.
    torch.backends.mha.set_fastpath_enabled(False)
    if sys.argv[1:2] == ["--large"]:
        return large(pathlib.Path(sys.argv[2]))
    folder = pathlib.Path(__file__).parent / "onnx"
    for name, network, side, opset, options in NETWORKS:
        torch.manual_seed(1)
        rows, columns = side if isinstance(side, tuple) else (side, side)
        write(folder / name, network().eval(), torch.randn(2, 3, rows, columns), opset, options)
    external(folder / "residual", folder / "external")


if __name__ == "__main__":
    main()
