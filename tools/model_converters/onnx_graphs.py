"""Weights and tensors of networks that PyTorch exported to ONNX."""
from __future__ import annotations
from types import ModuleType

import numpy as np


def import_onnx() -> ModuleType:
    """The package onnx, which is an optional requirement.

    Raises:
        ImportError: It is not installed; says how to.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            'this model lies in an ONNX file, for which the package onnx is '
            'missing: pip install -r requirements/onnx.txt') from error
    return onnx


def load_graph(content: bytes, name: str):
    """Parse an ONNX file.

    Args:
        content (bytes): Of the file.
        name (str): For the message.

    Returns:
        onnx.ModelProto: The model.

    Raises:
        ValueError: It is damaged.
    """
    onnx = import_onnx()
    try:
        return onnx.load_from_string(content)
    except Exception as error:  # protobuf's own class, which moves about
        raise ValueError(f'{name} is no ONNX file: {error}') from error


def weights_by_module(model, module: str) -> dict[str, np.ndarray]:
    """The weights of one module of a network, as its state dict names them.

    PyTorch's exporter keeps the names of weights, but for those of linear
    layers, which it transposes into constants without a name; they are found
    by the name of the node that multiplies with them.

    Args:
        model (onnx.ModelProto): The graph.
        module (str): Such as ``backbone``.

    Returns:
        dict[str, np.ndarray]: Values by name, without that of the module.
    """
    values = initializers(model)
    found = {
        name.removeprefix(f'{module}.'): value
        for name, value in values.items() if name.startswith(f'{module}.')
    }
    for node in model.graph.node:
        path = node.name.removeprefix(f'/{module}/')
        if (node.op_type == 'MatMul' and path != node.name
                and node.input[1] in values):
            layer = path.removesuffix('/MatMul').replace('/', '.')
            found[f'{layer}.weight'] = values[node.input[1]].T
    return found


def initializers(model) -> dict[str, np.ndarray]:
    """Constants of a graph by name."""
    from onnx import numpy_helper
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
    }


def node_named(model, name: str):
    """The node of this name.

    Raises:
        ValueError: There is none.
    """
    for node in model.graph.node:
        if node.name == name:
            return node
    raise ValueError(f'the graph has no node {name}: it is another network')


def set_outputs(model, renamed: dict[str, tuple[str, list]]) -> None:
    """Make inner tensors the outputs of a graph, in place.

    What only the former outputs needed is left out.

    Args:
        model (onnx.ModelProto): The graph.
        renamed (dict[str, tuple]): By name of an inner tensor, the name that
            it gets and its shape, in which a text is a free dimension.

    Raises:
        ValueError: There is no such tensor.
    """
    onnx = import_onnx()
    graph = model.graph
    made = {name for node in graph.node for name in node.output}
    for name in renamed:
        if name not in made:
            raise ValueError(
                f'the graph has no tensor {name}: it is another network')
    needed = set(renamed)
    kept: list = []
    for node in reversed(graph.node):  # they are in order of computation
        if needed & set(node.output):
            needed |= set(node.input)
            kept.insert(0, node)
    names = {old: new for old, (new, _) in renamed.items()}
    for node in kept:
        for words in (node.input, node.output):
            words[:] = [names.get(word, word) for word in words]
    inputs = [value for value in graph.input if value.name in needed]
    constants = [value for value in graph.initializer if value.name in needed]
    outputs = [
        onnx.helper.make_tensor_value_info(new, onnx.TensorProto.FLOAT, shape)
        for new, shape in renamed.values()
    ]
    for field, content in (('node', kept), ('input', inputs), ('initializer',
                                                               constants),
                           ('output', outputs), ('value_info', [])):
        content = [type(value).FromString(value.SerializeToString())
                   for value in content]  # yapf: disable
        del getattr(graph, field)[:]
        getattr(graph, field).extend(content)
