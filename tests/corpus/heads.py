"""Weight files: the head and the structure of the real format, then noise that repeats every 16 KiB.

What repeats costs hardly any disk once it is compressed; a scanner that reads the stream sees the full size.
"""

import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable

MIB = 1 << 20
BLOCK = random.Random("weights").randbytes(16 * 1024)


def noise(size: int) -> bytes:
    """`size` bytes that look like tensors."""
    return (BLOCK * (size // len(BLOCK) + 1))[:size]


def filled(head: bytes, size: int) -> bytes:
    """`head`, then noise up to `size`."""
    return head + noise(size - len(head))


def safetensors(size: int) -> bytes:
    """A header that says what follows to the byte."""
    for width in range(1, 4):
        body = size - 8 - 512 * width
        count = body // 4
        tensor = {"dtype": "F32", "shape": [count], "data_offsets": [0, count * 4]}
        header = json.dumps({"__metadata__": {"format": "pt"}, "model.embed_tokens.weight": tensor})
        if len(header) <= 512 * width:
            return filled(struct.pack("<Q", 512 * width) + header.ljust(512 * width).encode(), 8 + 512 * width + count * 4)
    raise ValueError(size)


def gguf(size: int) -> bytes:
    """GGUF 3 of a llama."""
    text = lambda value: struct.pack("<Q", len(value)) + value
    pair = text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    return filled(b"GGUF" + struct.pack("<IQQ", 3, 291, 24) + pair, size)


def ggml(size: int) -> bytes:
    """whisper.cpp's: magic and hyperparameters."""
    return filled(b"lmgg" + struct.pack("<11i", 51865, 1500, 512, 8, 6, 448, 512, 8, 6, 80, 1), size)


def zipped(members: list[tuple[str, bytes]], deflated: bool = False) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 1, 8, 0, 0)), content)
    return out.getvalue()


def tarred(members: list[tuple[str, bytes]], mode: str = "w") -> bytes:
    """A tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1793520000
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def torch_zip(size: int, root: str = "archive", fill: Callable[[int], bytes] = noise) -> bytes:
    """torch.save since 1.6."""
    state = pickle.dumps({"weight": ("torch._utils", "_rebuild_tensor_v2", [1024, 1024])}, 2)
    members = [("data.pkl", state), ("byteorder", b"little"), ("data/0", fill(size)), ("version", b"3\n")]
    return zipped([(f"{root}/{name}", content) for name, content in members])


def torch_legacy(size: int) -> bytes:
    """torch.save before 1.6."""
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    return filled(head + pickle.dumps({"little_endian": True}, 2), size)


def hdf5(size: int) -> bytes:
    """A superblock of version 0."""
    return filled(b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0]), size)


def varint(value: int) -> bytes:
    """A protobuf integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def sub(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx(size: int, *external: str) -> bytes:
    """A model whose graph has one initializer inside, or one in each of the other files."""
    tensor = b"\x08\x80\x08" + b"\x10\x01" + sub(8, b"encoder.weight")
    outside = [sub(13, sub(1, b"location") + sub(2, name.encode())) + b"\x70\x01" for name in external]
    tensors = [tensor + where for where in outside] or [tensor + sub(9, noise(size))]
    node = sub(1, b"input") + sub(2, b"output") + sub(4, b"MatMul")
    graph = sub(1, node) + sub(2, b"main_graph") + b"".join(sub(5, each) for each in tensors)
    return b"\x08\x08" + sub(2, b"pytorch") + sub(3, b"2.4.1") + sub(7, graph) + sub(8, b"\x0a\x00\x10\x11")


def tflite(size: int) -> bytes:
    """A flatbuffer with TFLite's identifier."""
    return filled(struct.pack("<I", 28) + b"TFL3" + bytes([20, 0, 32, 0, 28, 0, 24, 0]), size)


def npy(size: int) -> bytes:
    """One array."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({size // 4},), }}".ljust(117) + "\n"
    return filled(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode(), size)


def pickled(size: int, module: str = "sklearn.ensemble._forest", name: str = "RandomForestClassifier") -> bytes:
    """A protocol 4 pickle of an estimator."""
    words = b"".join(b"\x8c" + bytes([len(word)]) + word.encode() + b"\x94" for word in (module, name))
    return filled(b"\x80\x04\x95" + struct.pack("<Q", size) + words + b"\x93\x94)\x81\x94}\x94(", size)


def flax(size: int) -> bytes:
    """Flax's msgpack: params, then a tree of arrays."""
    return filled(b"\x81\xa6params\x82\xa7encoder\x81\xa6kernel\xc9" + struct.pack(">I", size - 40) + b"\x01\x93", size)


def tensorrt(size: int) -> bytes:
    """A serialised engine."""
    return filled(b"ftrt" + struct.pack("<IIQ", 0xA4, 0x100, size), size)


def ultralytics(size: int) -> bytes:
    """The same behind the metadata that Ultralytics writes."""
    about = json.dumps({"description": "Ultralytics YOLO11n model", "stride": 32, "task": "detect", "batch": 1}).encode()
    return filled(struct.pack("<i", len(about)) + about + tensorrt(256), size)


def ubjson(size: int) -> bytes:
    """XGBoost's binary model."""
    text = lambda word: b"L" + struct.pack(">q", len(word)) + word
    return filled(b"{" + text(b"learner") + b"{" + text(b"attributes") + b"{}" + text(b"feature_names") + b"[", size)


def lightgbm(size: int) -> bytes:
    """LightGBM's text."""
    tree = "Tree={}\nnum_leaves=31\nsplit_feature=3 1 4 1 5\nthreshold=0.31 2.71 1.41\nleaf_value=0.1 0.2\n\n"
    text = "tree\nversion=v4\nnum_class=1\nobjective=binary\n\n" + "".join(tree.format(at) for at in range(size // 80))
    return text.encode()
