"""What is thought of a name that a pickle would import: inert, of a known library, unknown, or dangerous.

picklescan's list of known dangers is asked first; such lists are never complete, so what no list knows is not taken for harmless: the
standard library is dangerous but for the few plain types that models hold, and so is every function of a known library that is not needed to
rebuild data. Classes of known libraries are told from functions by their names, which begin with a capital letter.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from enum import IntEnum
from typing import TYPE_CHECKING

from picklescan.scanner import SafetyLevel, scan_pickle_bytes

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlops_stage.inputs.pickles.outlines import Name

logging.getLogger("picklescan").addHandler(logging.NullHandler())
logging.getLogger("picklescan").propagate = False


class Verdict(IntEnum):
    """Higher is worse."""

    INERT = 0
    """A plain type: building one runs nothing of anybody's."""
    KNOWN = 1
    """A class of a well-known library of models; building one runs that library's code."""
    UNKNOWN = 2
    """Of a package that nobody vouches for here."""
    DANGEROUS = 3
    """Runs commands, imports, opens files or sockets, or loads further pickles; or cannot be told before the pickle is loaded."""


_PLAIN = "object set frozenset slice complex bytearray range list dict tuple int float bool str bytes"
_INERT = {
    "builtins": _PLAIN,
    "__builtin__": f"{_PLAIN} unicode long",
    "collections": "OrderedDict defaultdict deque Counter",
    "copyreg": "_reconstructor",
    "copy_reg": "_reconstructor",
    "_codecs": "encode",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "re": "_compile",
    "types": "SimpleNamespace",
    "zoneinfo": "ZoneInfo._unpickle",
    "numpy": "ndarray dtype matrix bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 str_ bytes_ datetime64 "
    "record mean median sum prod min max std var abs absolute log log1p log2 log10 exp expm1 sqrt square cbrt reciprocal sign sin cos tanh isnan",
    "numpy.rec": "recarray",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "pyarrow.lib": "_restore_array type_for_alias py_buffer",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    **dict.fromkeys(("numpy.core.multiarray", "numpy._core.multiarray"), "_reconstruct scalar"),
    **dict.fromkeys(("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer"),
    **dict.fromkeys(("numpy.ma.core", "numpy.ma"), "_mareconstruct MaskedArray"),
    "numpy.random._pickle": "__randomstate_ctor __bit_generator_ctor __generator_ctor",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "joblib.numpy_pickle": "NumpyArrayWrapper",
    "torch": "Size device dtype float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool half float double long short int",
    "torch._utils": "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state "
    "_rebuild_qtensor _rebuild_sparse_tensor _rebuild_device_tensor_from_numpy",
    "torch._tensor": "_rebuild_from_type_v2",
    "torch.nn.parameter": "Parameter Buffer",
    "torch.serialization": "_get_layout",
    "torch.jit._pickle": "build_intlist build_tensorlist build_doublelist build_boollist restore_type_tag",
    "scipy.sparse._csr": "csr_matrix csr_array",
    "scipy.sparse._csc": "csc_matrix csc_array",
    "scipy.sparse._coo": "coo_matrix coo_array",
}
_INERT_NAMES = frozenset(f"{module}.{name}" for module, names in _INERT.items() for name in names.split())
_STORAGE = re.compile(r"torch(\.storage)?\.[A-Z]\w*Storage")

_CLASS = r"_*[A-Z]\w*"
_CYTHON = r"__pyx_unpickle_\w+"
_KNOWN = {
    "sklearn.cluster._kmeans": rf"{_CLASS}|_kmeans_single_\w+",
    "sklearn.feature_selection._univariate_selection": r"[A-Za-z]\w*",
    "sklearn.metrics": r"_*[A-Za-z]\w*",
    "sklearn": rf"{_CLASS}|{_CYTHON}|newObj",
    "imblearn": _CLASS,
    "category_encoders": _CLASS,
    "feature_engine": _CLASS,
    "statsmodels": _CLASS,
    "skops": _CLASS,
    "skorch": _CLASS,
    "xgboost": _CLASS,
    "lightgbm": _CLASS,
    "catboost": _CLASS,
    "pandas.core.computation": r"(?!)",  # its expressions are evaluated
    "pandas.arrays": _CLASS,
    "pandas.core": rf"{_CLASS}|_new_\w+",
    "pandas._libs": rf"{_CLASS}|{_CYTHON}|_unpickle_\w+|_\w+_unpickle",
    "pandas.tseries": _CLASS,
    "scipy.interpolate": _CLASS,
    "scipy.sparse": r"\w+_(matrix|array)",
    "scipy.spatial": _CLASS,
    "scipy.stats": rf"{_CLASS}|rv_\w+|\w+_gen",
    "__torch__": r"_*[A-Za-z]\w*",  # types of TorchScript, which only its own loader knows
    "torch.nn": _CLASS,
    "torch.optim": _CLASS,
    "torch.distributions": _CLASS,
    "torchvision.models": _CLASS,
    "transformers": r"[A-Z]\w*(Arguments|Config|Model|Output|Strategy|Tokenizer|TokenizerFast|Type)|[A-Z]\w*For[A-Z]\w*",
    "tokenizers": _CLASS,
    "sentence_transformers": _CLASS,
}
_STANDARD = sys.stdlib_module_names | {"__builtin__", "copy_reg"}
_LISTED = frozenset({"numpy", "scipy", "pandas", "torch", "torchvision", "joblib", "dill", "cloudpickle", "pyarrow", "six"})
"""Of these, only what the lists above name is needed to rebuild a model."""
_PANDAS = re.compile(r"pandas\.(?!HDFStore|Excel)[A-Z]\w*")
_KNOWN_PATTERNS = {prefix: re.compile(pattern) for prefix, pattern in _KNOWN.items()}


def verdict(name: Name, trusted: Collection[str] = ()) -> Verdict:
    """What is thought of one import.

    Args:
        name: what the pickle names.
        trusted: packages, modules or full names that the user vouches for. Only a full name (`functools.partial`) overrules a known danger.
    """
    if name.module is None or name.name is None:
        return Verdict.DANGEROUS
    if name.dotted in trusted:
        return Verdict.KNOWN
    if name.dotted in _INERT_NAMES or _STORAGE.fullmatch(name.dotted):
        return Verdict.INERT
    if name.module.split(".")[0] in _STANDARD or _flagged(name.module, name.name):
        return Verdict.DANGEROUS
    return Verdict.KNOWN if any(name.dotted.startswith(f"{one}.") for one in trusted) else _of_library(name.module, name.name)


def _of_library(module: str, name: str) -> Verdict:
    """Of a package outside the standard library."""
    if _PANDAS.fullmatch(f"{module}.{name}"):
        return Verdict.KNOWN
    for prefix, pattern in _KNOWN_PATTERNS.items():
        if f"{module}.".startswith(f"{prefix}."):
            return Verdict.KNOWN if pattern.fullmatch(name) else Verdict.DANGEROUS
    return Verdict.DANGEROUS if module.split(".", maxsplit=1)[0] in _LISTED else Verdict.UNKNOWN


def _flagged(module: str, name: str) -> bool:
    """What picklescan says of an import, asked with a pickle that holds nothing else."""
    if "\n" in module + name:
        return True
    try:
        content = f"c{module}\n{name}\n.".encode()
    except UnicodeEncodeError:
        return True
    found = scan_pickle_bytes(io.BytesIO(content), "")
    return not found.globals or any(one.safety is SafetyLevel.Dangerous for one in found.globals)
