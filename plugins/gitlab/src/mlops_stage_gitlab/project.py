"""A repository that GitLab builds: how it is known, and what it should add."""

from __future__ import annotations

import json
import re
from textwrap import indent
from typing import TYPE_CHECKING

from mlops_stage import __version__
from mlops_stage.config import file
from mlops_stage.config.file import Config
from mlops_stage.errors import StageError
from mlops_stage.params import CHOOSE
from mlops_stage_gitlab import declared

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = ".gitlab-ci.yml"
COMPONENTS = "$CI_SERVER_FQDN/mlops/components"
"""Where the components lie; `mlops-stage adapters vendor` makes such a project."""
SIGN, VERIFY = "sign", "verify"
"""The stages that `full-pipeline` runs in jobs of their own."""
_BELIEVED = {"key": ("key",), "identity": ("identity", "issuer")}
"""What `verify` must be told, by the way that was signed."""
_IDENTITY = """\

mlops-sign: # only the file of the project itself may ask for tokens
  id_tokens:
    SIGSTORE_ID_TOKEN:
      aud: sigstore
"""
_AMONG = "# in the list below the include: that is there, for a second include: would silently replace it\n"
_NO_LIST = "# it is no list with one item to a line yet: make it one, with '- ' before each\n"
_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")
"""What YAML does not take for text without quotes, in one of its versions."""


def present(root: Path) -> bool:
    """Whether there is a pipeline in this repository."""
    return (root / PIPELINE).is_file()


def snippet(root: Path) -> str:
    """The component to include: it runs what mlops.yaml names, and signs in a job of its own where that is named too.

    It belongs to a stage that the pipeline has, and is only an item of the list where files are included already.
    """
    there = declared.read(root / PIPELINE)
    signing, told = _signing(_config(root))
    told = [f"stage: {_scalar(there.stage)} # one of your stages", *told]
    item = f"- component: {COMPONENTS}/full-pipeline@{__version__}\n  inputs:\n" + "".join(f"    {line}\n" for line in told)
    if not there.includes:
        return "include:\n" + indent(item, "  ") + signing
    if there.column is None:
        return _AMONG + _NO_LIST + indent(item, "  ") + signing
    return _AMONG + indent(item, " " * there.column) + signing


def _signing(config: Config) -> tuple[str, list[str]]:
    """What follows the component, and its inputs, where mlops.yaml signs what other stages found."""
    entries = config.entries
    signing = next((entry for entry in entries if entry.stage == SIGN), None)
    first = [entry.id for entry in entries if entry.stage not in {SIGN, VERIFY}]
    if not signing or not first:
        return "", []
    way = "key" if "key" in {**config.stages.get(SIGN, {}), **signing.values} else "identity"
    told = [f"stages: {','.join(first)} # what mlops-evaluate runs; mlops-sign and mlops-verify come after it", f"sign: {way}"]
    if VERIFY not in {entry.stage for entry in entries}:
        told += [f"verify-{name}: {CHOOSE}" for name in _BELIEVED[way]]
    return (_IDENTITY if way == "identity" else ""), told


def _scalar(name: str) -> str:
    """A name as YAML holds it: in quotes where it could be read as anything else than this text."""
    plain = re.fullmatch(r"\.?[A-Za-z][\w.-]*", name, re.ASCII) and name.lower() not in _WORDS
    return name if plain else json.dumps(name)


def _config(root: Path) -> Config:
    """What mlops.yaml says; nothing where it cannot be read, which is somebody else's to tell."""
    try:
        return file.load(None, root)
    except StageError:
        return Config(root=root)
