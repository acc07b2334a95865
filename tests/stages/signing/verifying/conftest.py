"""A model folder, signers who are believed, and the check as one function."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore_double import Double

from mlops_stage.evidence.required import parse
from mlops_stage.stages.signing.verifying.checking import Asked, check
from mlops_stage.stages.signing.verifying.identity import Expected
from mlops_stage.stages.signing.verifying.key import KeySigner
from mlops_stage.stages.signing.verifying.keyless import IdentitySigner
from mlops_stage.stages.signing.verifying.levels import Level
from mlops_stage.stages.signing.verifying.shelf import Found
from mlops_stage.stages.signing.verifying.trees import File, Tree
from mlops_stage.stages.signing.verifying.trust import from_json

FILES = {"m.onnx": b"graph", "w.bin": b"weights"}


def beside(name):
    """A module beside this one."""
    spec = importlib.util.spec_from_file_location(f"signing_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def making():
    """Bundles made by hand."""
    return beside("making")


@pytest.fixture(scope="session")
def tampering():
    """What attackers do."""
    return beside("tampering")


@pytest.fixture(scope="session")
def bench(shared_double, tmp_path_factory, key, making):
    """Where they do it."""
    with Double(tmp_path_factory.mktemp("other")) as other:
        yield beside("changing").Bench(shared_double, other, key, making)


@pytest.fixture(scope="session")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def trust(shared_double):
    return from_json(shared_double.trust_config().encode())


@pytest.fixture(scope="session")
def someone(shared_double, trust, making):
    """The identity that is believed."""
    return IdentitySigner(Expected(identity=making.WHO, issuer=shared_double.url), trust)


@pytest.fixture(scope="session")
def owner(key, trust):
    """The key that is believed."""
    return KeySigner(key=key.public_key(), trust=trust)


@pytest.fixture(scope="session")
def checked(making):
    """What comes of bundles (mappings or bytes) and files (name -> content, or a tree)."""

    def run(signer, *bundles, files=FILES, require=(), assurance="key", conversions=()):
        found = [
            Found(name=f"{number}", raw=one if isinstance(one, bytes) else json.dumps(one).encode()) for number, one in enumerate(bundles)
        ]
        named = files.items() if isinstance(files, Mapping) else ()
        tree = Tree(files=tuple(File(name=name, sha256=making.sha256(content)) for name, content in named)) if named else files
        needed = tuple(parse(text) for text in require)
        asked = Asked(signer=signer, require=needed, assurance=Level(assurance), conversions=frozenset(conversions))
        return check(found, tree, asked)

    return run
