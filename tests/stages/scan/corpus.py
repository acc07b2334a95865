"""Crafted model files: each hostile one does one thing that a scan must refuse, each harmless one looks as much like it as it can."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import stat
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
from scan_corpus_onnx import HOSTILE_ONNX, SIZE_AND_PATH, bomb, onnx_file, with_external

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["HOSTILE_ONNX", "SIZE_AND_PATH", "bomb"]  # of the module beside this one; the rest is this one's


class Reduced:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def calling(function, *arguments, protocol=4):
    return pickle.dumps(Reduced(function, *arguments), protocol)


def named(module, name, arguments=b")"):
    """A pickle of protocol 0 that would import a name and call it."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n" + arguments + b"R."


SYSTEM = calling(os.system, "echo pwned")


# Pickles and what holds them


def file(name, content):
    """A maker of a file with that content."""

    def make(folder):
        path = folder / name
        path.write_bytes(content() if callable(content) else content)
        return path

    return make


def zipped(*members, compression=zipfile.ZIP_STORED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return held.getvalue()


def torch_zip(data, extra=()):
    return zipped(("m/data.pkl", data), ("m/byteorder", "little"), ("m/data/0", b"\x80\x02" + bytes(14)), ("m/version", "3\n"), *extra)


def torch_legacy(data):
    """As torch.save of before 1.6: magic number, version, system, the object, the keys of its storages, then their numbers."""
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in parts) + data + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + bytes(range(1, 17))


def tarred(*members, kind=tarfile.REGTYPE, link=""):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in members:
            item = tarfile.TarInfo(name)
            item.type, item.linkname, item.size = kind, link, len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(item, io.BytesIO(content))
    return held.getvalue()


def npy(array, *, objects=False):
    held = io.BytesIO()
    np.save(held, array, allow_pickle=objects)
    return held.getvalue()


def object_array():
    made = np.empty(1, dtype=object)
    made[0] = Reduced(os.system, "echo pwned")
    return npy(made, objects=True)


def joblib_dump(value, **how):
    import joblib

    held = io.BytesIO()
    joblib.dump(value, held, **how)
    return held.getvalue()


def behind_an_array():
    """What is dangerous stands behind the bytes of an array, where a reader that does not know joblib is lost."""
    return joblib_dump([np.arange(100.0), Reduced(os.system, "echo pwned")])


def forest():
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    return RandomForestClassifier(5, max_depth=3, random_state=0).fit(rng.random((50, 3)), rng.integers(0, 2, 50))


def zip_link():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        item = zipfile.ZipInfo("m/data.pkl")
        item.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(item, "/etc/passwd")
    return held.getvalue()


def zip_bomb():
    return zipped(("m/data.pkl", pickle.dumps(bytes(2**29))), compression=zipfile.ZIP_DEFLATED)


def lying_zip():
    """The directory names a harmless entry; the entry itself says another name."""
    made = zipped(("m/data.pkl", SYSTEM))
    return made.replace(b"m/data.pkl", b"m/data.txt", 1)


def safetensors(tensors, data=b"", *, raw=None, length=None):
    header = raw if raw is not None else json.dumps(tensors).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(begin, end, shape=None, dtype="F32"):
    return {"dtype": dtype, "shape": [(end - begin) // 4] if shape is None else shape, "data_offsets": [begin, end]}


PROTOCOL_0 = b"cos\nsystem\n(S'echo pwned'\ntR."


def tar_and_pickle():
    """The name of the first entry, with which the archive begins, is a whole pickle."""
    return tarred((PROTOCOL_0.decode(), b"abc"))


def npy_of(descr, behind):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': (1,), }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + behind


def safetensors_and_pickle():
    """A valid file whose first bytes are opcodes: texts that reach from one to the next, up to the numbers, which are a pickle."""
    data = PROTOCOL_0 + bytes(100)
    end = json.dumps({"t": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}})[1:]
    first, size = 40, 0x58 + 256 * 40  # the first byte of the length is the opcode BINUNICODE, the next four are its length
    start = '{"__metadata__":{"a":"'
    header = bytearray(start.encode() + b"A" * (size - len(start) - len(end) - 3) + b'"},' + end.encode())
    at = 5 + first - 8  # where the first text ends
    while (left := size - at) > 2 + 127:
        jump = min(127, left - 2 - len(end) - 40) if left < 400 else 120
        header[at : at + 2] = b"U" + bytes([jump])
        at += 2 + jump
    header[at : at + 2] = b"U" + bytes([left - 2])
    json.loads(header)
    return struct.pack("<Q", size) + bytes(header) + data


def memo_in_disguise(key=b"1_0"):
    """`int` reads `1_0` as 10."""
    texts = b"Vcollections\np10\n0Vos\np" + key + b"\n0VOrderedDict\np20\n0Vsystem\np2_0\n0"
    return texts + b"g10\ng20\n\x93(S'echo pwned'\ntR."


def wrapper(shape, dtype, *, padding=True, **more):
    """A wrapper of joblib's as it is pickled, up to and with the opcode BUILD."""
    from joblib.numpy_pickle import NumpyArrayWrapper

    made = NumpyArrayWrapper(np.ndarray, shape, "C", np.dtype(dtype))
    if not padding:
        del made.numpy_array_alignment_bytes
    made.__dict__.update(more)
    return pickle.dumps(made, 2)[:-1]


def objects_in_a_record():
    """A structured dtype whose size is that of the pickle behind it."""
    inner = b"\x80\x02" + PROTOCOL_0
    return wrapper((1,), {"names": ["a"], "formats": ["O"], "offsets": [0], "itemsize": len(inner)}, padding=False) + inner + b"."


def array_as_opcodes():
    """What joblib steps over as numbers is what pickle carries out."""
    return wrapper((len(PROTOCOL_0) - 1,), "u1", padding=False) + PROTOCOL_0[:-1] + b"."


def opcodes_behind_a_frame():
    """joblib reads an array behind the frame, not behind its wrapper."""
    head = wrapper((4,), "u1", padding=False)[2:]
    frame = head + b"0N"
    return b"\x80\x04\x95" + struct.pack("<Q", len(frame)) + frame + b"abcd" + PROTOCOL_0


def old_wrapper():
    """joblib's format of before 0.10 loads further files."""
    return b"\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\nq\x00)\x81q\x01}q\x02X\x08\x00\x00\x00filenameX\x06\x00\x00\x00/tmp/xsb."


def named_as_numbers(name):
    """An entry that torch would take for numbers, in an archive that torch does not read."""
    return zipped(("x.npy", npy(np.arange(3))), ("m/data.pkl", pickle.dumps(1, 2)), (name, npy_of("|O", b"\x80\x02" + PROTOCOL_0)))


def sparse_tar():
    """A tar archive of ten kilobytes with an entry of 600 MB."""
    made = tarfile.TarInfo("x.onnx")
    made.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(made.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (600 * 2**20, 0)
    block[483:495] = b"%011o\0" % (600 * 2**20)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


HOSTILE_PICKLES: dict[str, Callable[[Path], Path]] = {
    "os.system": file("m.pkl", SYSTEM),
    "os.system, protocol 0": file("m.pkl", calling(os.system, "echo pwned", protocol=0)),
    "eval": file("m.pkl", calling(eval, "1")),
    "importlib": file("m.pkl", named("importlib", "import_module")),
    "marshal": file("m.pkl", named("marshal", "loads")),
    "numpy.load": file("m.pkl", named("numpy", "load")),
    "pandas.read_pickle": file("m.pkl", named("pandas", "read_pickle")),
    "torch.load": file("m.pkl", named("torch.serialization", "load")),
    "a method of a class": file("m.pkl", named("sklearn.base", "BaseEstimator.set_params")),
    "cloudpickle": file("m.pkl", named("cloudpickle.cloudpickle", "_make_function")),
    "unknown package": file("m.pkl", named("mypackage.models", "Model")),
    "names from the memo": file("m.pkl", b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x02id\x85R."),
    "names worked out": file("m.pkl", b"\x80\x04]\x8c\x06system\x93\x8c\x02id\x85R."),
    "extension registry": file("m.pkl", b"\x80\x02\x82\x01)R."),
    "INST": file("m.pkl", b'(S"id"\nios\nsystem\n.'),
    "OBJ": file("m.pkl", b'(cpty\nspawn\nS"id"\no.'),
    "second pickle": file("m.pkl", pickle.dumps(1) + SYSTEM),
    "cut short": file("m.pkl", SYSTEM[:-6]),
    "cut short, harmless so far": file("m.pkl", pickle.dumps(list(range(1000)))[:500]),
    "pickle in a pickle": file("m.pkl", calling(pickle.loads, SYSTEM)),
    "joblib": file("m.joblib", lambda: joblib_dump(Reduced(os.system, "echo pwned"))),
    "joblib, behind an array": file("m.joblib", behind_an_array),
    "joblib, compressed": file("m.joblib", lambda: joblib_dump([np.arange(9), Reduced(os.system, "x")], compress=3)),
    "joblib, objects in an array": file("m.joblib", lambda: joblib_dump(np.array([Reduced(os.system, "x")], dtype=object))),
    "gzip": file("m.pkl.gz", gzip.compress(SYSTEM, mtime=0)),
    "bzip2": file("m.pkl", bz2.compress(SYSTEM)),
    "xz": file("m.pkl.xz", lzma.compress(SYSTEM)),
    "zlib": file("m.joblib", zlib.compress(SYSTEM)),
    "torch zip": file("m.pt", torch_zip(SYSTEM)),
    "torch legacy": file("m.pth", torch_legacy(SYSTEM)),
    "torch tar": file("m.pt", tarred(("pickle", SYSTEM))),
    "zip called .bin": file("m.bin", torch_zip(SYSTEM)),
    "zip in a zip": file("m.zip", zipped(("inner.zip", torch_zip(SYSTEM)))),
    "object array": file("m.npy", object_array),
    "object array in npz": file("m.npz", lambda: zipped(("a.npy", object_array()))),
    "pickle called .npy": file("m.npy", SYSTEM),
    "pickle called .onnx": file("m.onnx", SYSTEM),
    "pickle called .safetensors": file("m.safetensors", SYSTEM),
    "pickle called .json": file("config.json", SYSTEM),
    "pickle of protocol 0 called .txt": file("notes.txt", calling(os.system, "x", protocol=0)),
    "pickle without suffix": file("model", SYSTEM),
    **{f"tar and pickle at once, {suffix}": file(f"m{suffix}", tar_and_pickle) for suffix in (".pkl", ".tar", ".bin")},
    **{f"array of {descr}": file("m.npy", npy_of(descr, b"\x80\x02" + PROTOCOL_0)) for descr in ("object", "O8", "f4,O", "object_")},
    "array of objects in a list": file("m.npy", npy_of([("a", "object")], b"\x80\x02" + PROTOCOL_0)),
    "array behind an array": file("m.npy", lambda: npy(np.arange(3)) + npy_of("|O", b"\x80\x02" + PROTOCOL_0)),
    "pickle behind an array": file("m.npy", lambda: npy_of("|O", pickle.dumps(np.arange(3))) + npy_of("|O", SYSTEM)),
    **{f"safetensors and pickle at once, {name}": file(name, safetensors_and_pickle) for name in ("m.bin", "m.sav", "m.model", "model")},
    "entry with the name of numbers": file("m.npz", lambda: named_as_numbers("m/data/0")),
    "entry with the name of TorchScript": file("m.npz", lambda: named_as_numbers("m/code/a.debug_pkl")),
    "pickle among the numbers of torch": file("m.pt", torch_zip(b"\x80\x02}.", [("m/data/1", SYSTEM)])),
    "memo in disguise": file("m.sav", memo_in_disguise()),
    "memo in disguise, zeros": file("m.pkl", memo_in_disguise(b"010")),
    "memo in disguise, blanks": file("m.pkl", memo_in_disguise(b" +10 ")),
    "memo in disguise, null byte": file("m.pkl", memo_in_disguise(b"10\0x")),
    "memo in disguise, long": file("m.pkl", lambda: b"\x80\x04" + b"N0" * 300_000 + memo_in_disguise()),
    "memo of the pickle before": file("m.pkl", b"Vos\np0\n0Vsystem\np1\n.g0\ng1\n\x93(S'echo pwned'\ntR."),
    "names with escapes": file("m.pkl", b"S'\\x6fs'\nV\\u0073ystem\n\x93(S'echo pwned'\ntR."),
    "name at the very end": file("m.pkl", b"cos\nsystemx"),
    "state for a class": file("m.pkl", b"csklearn.svm\nSVC\nN}X\x03\0\0\0fitNs\x86b."),
    "joblib, objects in a record": file("m.joblib", objects_in_a_record),
    "joblib, objects in a record behind an array": file(
        "m.joblib", lambda: joblib_dump(np.full(300, 255, "u1"))[:-1] + b"0" + objects_in_a_record()
    ),
    "joblib, array as opcodes": file("m.pkl", array_as_opcodes),
    "joblib, opcodes behind a frame": file("m.joblib", opcodes_behind_a_frame),
    "joblib, another way to read": file("m.joblib", lambda: wrapper((4,), "u1", padding=False, read=len) + b"abcd."),
    "joblib, wrapper kept aside": file("m.joblib", lambda: wrapper((4,), "u1", padding=False)[:-1] + b"0h\x01}b."),
    "joblib, old": file("m.joblib", old_wrapper),
    "pickle and zip at once": file("m.pkl", pickle.dumps({}) + torch_zip(SYSTEM)),
}

HOSTILE_OTHERS: dict[str, Callable[[Path], Path]] = {
    "zip with ..": file("m.zip", zipped(("../../home/.bashrc", b"x"))),
    "zip with an absolute path": file("m.zip", zipped(("/etc/cron.d/x", b"x"))),
    "zip with a link": file("m.pt", zip_link),
    "zip bomb": file("m.pt", zip_bomb),
    "zip that names an entry twice over": file("m.pt", lying_zip),
    "tar with ..": file("m.tar", tarred(("../x", b"x"))),
    "tar with a link": file("m.tar", tarred(("w", b""), kind=tarfile.SYMTYPE, link="/etc/passwd")),
    "tar with a sparse entry": file("m.tar", sparse_tar),
    "zip with many bad entries": file("m.zip", lambda: zipped(*((f"../{number}", b"") for number in range(300)))),
    "safetensors with many bad tensors": file("m.safetensors", safetensors({f"t{number}": 0 for number in range(30_000)}, b"x")),
    "many imports": file("m.pkl", b"\x80\x02" + b"".join(b"cm%d\nA\n" % number for number in range(6000)) + b"." + b"N." * 20_000),
    "tar with a device": file("m.tar", tarred(("w", b""), kind=tarfile.CHRTYPE)),
    "gzip bomb": file("m.pkl.gz", lambda: gzip.compress(bytes(2**29), 1, mtime=0)),
    "Keras": file("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(64)),
    "Keras, new": file("m.keras", zipped(("config.json", b"{}"), ("model.weights.h5", b"x"), ("metadata.json", b"{}"))),
    "Keras called .pt": file("m.pt", zipped(("config.json", b"{}"), ("model.weights.h5", b"x"))),
    "R": file("m.rds", gzip.compress(b"RDX3\n", mtime=0)),
    "safetensors, header too long": file("m.safetensors", safetensors({}, length=2**60)),
    "safetensors, beyond the end": file("m.safetensors", safetensors({"a": tensor(0, 8)}, bytes(4))),
    "safetensors, overlap": file("m.safetensors", safetensors({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12))),
    "safetensors, hole": file("m.safetensors", safetensors({"a": tensor(0, 4), "b": tensor(8, 12)}, bytes(12))),
    "safetensors, bytes behind": file("m.safetensors", safetensors({"a": tensor(0, 4)}, bytes(8))),
    "safetensors, wrong size": file("m.safetensors", safetensors({"a": tensor(0, 4, [2])}, bytes(4))),
    "safetensors, negative shape": file("m.safetensors", safetensors({"a": tensor(0, 4, [-1, -1])}, bytes(4))),
    "safetensors, name twice": file(
        "m.safetensors", safetensors({}, bytes(4), raw=b'{"a":%b,"a":%b}' % ((json.dumps(tensor(0, 4)).encode(),) * 2))
    ),
    "safetensors, deep JSON": file("m.safetensors", safetensors({}, raw=b'{"a":' * 100_000 + b"1" + b"}" * 100_000)),
    "safetensors, metadata": file("m.safetensors", safetensors({"__metadata__": {"a": {"b": 1}}})),
    "empty": file("m.pkl", b""),
    "Git LFS pointer": file("m.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
}

HARMLESS: dict[str, Callable[[Path], Path]] = {
    "ONNX": lambda folder: onnx_file(folder / "m.onnx"),
    "ONNX with weights beside it": with_external("w.bin"),
    "ONNX without suffix": lambda folder: onnx_file(folder / "model"),
    "safetensors": file(
        "m.safetensors", safetensors({"__metadata__": {"format": "pt"}, "a": tensor(0, 8), "b": tensor(8, 8, [0, 3])}, bytes(8))
    ),
    "arrays": file("m.npz", lambda: zipped(("a.npy", npy(np.arange(5))), ("b.npy", npy(np.array(["x"]))))),
    "pickle of plain values": file("m.pkl", pickle.dumps({"a": [1, 2.5, "x", None, {3}], "b": np.arange(3)})),
    "pickle of a forest": file("m.pkl", lambda: pickle.dumps(forest())),
    "joblib of a forest": file("m.joblib", lambda: joblib_dump(forest())),
    "joblib of a forest, compressed": file("m.joblib", lambda: joblib_dump(forest(), compress=("xz", 3))),
    "weights of torch": file("m.pt", torch_zip(b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.")),
    "weights of old torch": file("m.pth", torch_legacy(b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.")),
    "tar": file("m.tar", tarred(("model/weights.bin", bytes(100)), ("model/config.json", b"{}"), ("model/a.npy", npy(np.arange(5))))),
}
