"""Writes a CIFAR ResNet of this project (safetensors) as ONNX, for the comparison with onnxruntime-web.

    pip install onnx safetensors numpy
    python tests/benches/onnx/export.py frontend/gallery/resnet8-shapes10.safetensors resnet8.onnx
"""

import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

weights = load_file(sys.argv[1])
nodes, tensors = [], {}


def tensor(name):
    tensors[name] = numpy_helper.from_array(np.ascontiguousarray(weights[name]), name)
    return name


def conv(x, name, stride):
    kernel = weights[f"{name}.weight"].shape[2]
    # onnxruntime-web's WebGPU asks for all of them, also where they are at their defaults.
    window = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4, "dilations": [1, 1]}
    nodes.append(helper.make_node("Conv", [x, tensor(f"{name}.weight")], [name], group=1, **window))
    return name


def norm(x, name):
    inputs = [x] + [tensor(f"{name}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
    nodes.append(helper.make_node("BatchNormalization", inputs, [name], epsilon=1e-5))
    return name


def simple(op, inputs, output):
    nodes.append(helper.make_node(op, inputs, [output]))
    return output


x = simple("Relu", [norm(conv("images", "conv1", 1), "bn1")], "stem")
blocks = sorted({re.match(r"layer\d+\.\d+", name).group() for name in weights if name.startswith("layer")})
for block in blocks:
    stage, index = map(int, re.match(r"layer(\d+)\.(\d+)", block).groups())
    stride = 2 if stage > 1 and index == 0 else 1
    y = simple("Relu", [norm(conv(x, f"{block}.conv1", stride), f"{block}.bn1")], f"{block}.relu")
    y = norm(conv(y, f"{block}.conv2", 1), f"{block}.bn2")
    if f"{block}.shortcut.0.weight" in weights:
        x = norm(conv(x, f"{block}.shortcut.0", stride), f"{block}.shortcut.1")
    x = simple("Relu", [simple("Add", [y, x], f"{block}.add")], f"{block}.out")
x = simple("Flatten", [simple("GlobalAveragePool", [x], "mean")], "flat")
nodes.append(helper.make_node("Gemm", [x, tensor("linear.weight"), tensor("linear.bias")], ["logits"], transB=1))

classes = weights["linear.weight"].shape[0]
graph = helper.make_graph(
    nodes,
    "resnet",
    [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 32, 32])],
    [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
    list(tensors.values()),
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[2])
