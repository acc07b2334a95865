"""What is thought of a name: lists of dangers are asked, and what no list knows is not taken for harmless."""

import sys

import pytest

from mlops_stage.inputs.pickles.names import Verdict, verdict
from mlops_stage.inputs.pickles.outlines import Name


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("builtins", "set", "INERT"),
        ("collections", "OrderedDict", "INERT"),
        ("numpy._core.multiarray", "_reconstruct", "INERT"),
        ("torch", "FloatStorage", "INERT"),
        ("torch._utils", "_rebuild_tensor_v2", "INERT"),
        ("sklearn.ensemble._forest", "RandomForestClassifier", "KNOWN"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfBinomialLoss", "KNOWN"),
        ("xgboost.core", "Booster", "KNOWN"),
        ("pandas.core.frame", "DataFrame", "KNOWN"),
        ("torch.nn.modules.linear", "Linear", "KNOWN"),
        ("__torch__.torch.nn.modules.linear.___torch_mangle_0", "Linear", "KNOWN"),
        ("torch.jit._pickle", "build_intlist", "INERT"),
        ("mypackage", "Model", "UNKNOWN"),
        ("__main__", "Model", "UNKNOWN"),
        ("sklearnx", "Model", "UNKNOWN"),
        ("builtins", "eval", "DANGEROUS"),
        ("builtins", "__import__", "DANGEROUS"),
        ("builtins", "getattr", "DANGEROUS"),
        ("importlib", "import_module", "DANGEROUS"),
        ("numpy", "load", "DANGEROUS"),
        ("numpy.testing._private.utils", "runstring", "DANGEROUS"),
        ("pandas", "eval", "DANGEROUS"),
        ("pandas", "DataFrame", "KNOWN"),
        ("pandas", "HDFStore", "DANGEROUS"),
        ("pandas", "ExcelWriter", "DANGEROUS"),
        ("pandas.io.pytables", "HDFStore", "DANGEROUS"),
        ("pandas.core.computation.expr", "Expr", "DANGEROUS"),
        ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp", "KNOWN"),
        ("numpy", "log1p", "INERT"),
        ("numpy._core", "_ufunc_reconstruct", "DANGEROUS"),
        ("sklearn.metrics._classification", "accuracy_score", "KNOWN"),
        ("sklearn.feature_selection._univariate_selection", "f_classif", "KNOWN"),
        ("transformers.training_args", "TrainingArguments", "KNOWN"),
        ("transformers.agents", "PythonInterpreterTool", "DANGEROUS"),
        ("pyarrow.lib", "_restore_array", "INERT"),
        ("pyarrow.lib", "memory_map", "DANGEROUS"),
        ("joblib", "load", "DANGEROUS"),
        ("torch.hub", "load", "DANGEROUS"),
        ("torch._C", "PyTorchFileWriter", "DANGEROUS"),
        ("sklearn.datasets", "load_files", "DANGEROUS"),
        ("sklearn.base", "BaseEstimator.set_params", "DANGEROUS"),
        ("cloudpickle.cloudpickle", "_make_function", "DANGEROUS"),
        ("dill._dill", "_create_function", "DANGEROUS"),
        ("pip", "main", "DANGEROUS"),
        ("collections", "os.system", "DANGEROUS"),
        ("a\nb", "c", "DANGEROUS"),
    ],
)
def test_verdicts(module, name, expected):
    assert verdict(Name(module, name)).name == expected


def test_the_whole_standard_library_is_dangerous_but_for_plain_types():
    plain = {"builtins", "collections", "copyreg", "_codecs", "datetime", "decimal", "fractions", "pathlib", "re", "types", "zoneinfo"}
    for module in sys.stdlib_module_names:
        assert verdict(Name(module, "anything")) is Verdict.DANGEROUS, module
    assert plain <= sys.stdlib_module_names | {"builtins"}


def test_names_that_nobody_can_tell_are_dangerous_even_when_trusted():
    assert verdict(Name(None, "x"), ("x", "?.x")) is Verdict.DANGEROUS


def test_trust_covers_a_package_but_a_known_danger_only_by_its_full_name():
    assert verdict(Name("mypackage.models", "Model"), ("mypackage",)) is Verdict.KNOWN
    assert verdict(Name("mypackage.models", "Model"), ("mypackage.models",)) is Verdict.KNOWN
    assert verdict(Name("mypackage2", "Model"), ("mypackage",)) is Verdict.UNKNOWN
    assert verdict(Name("os", "system"), ("os",)) is Verdict.DANGEROUS
    assert verdict(Name("functools", "partial"), ("functools",)) is Verdict.DANGEROUS
    assert verdict(Name("functools", "partial"), ("functools.partial",)) is Verdict.KNOWN
