"""A repository that GitLab builds: how it is known, and what it should add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_stage import __version__
from mlops_stage.config import file
from mlops_stage.config.file import Config
from mlops_stage.errors import StageError
from mlops_stage.params import CHOOSE

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


def present(root: Path) -> bool:
    """Whether there is a pipeline in this repository."""
    return (root / PIPELINE).is_file()


def snippet(root: Path) -> str:
    """The component to include: it runs what mlops.yaml names, and signs in a job of its own where that is named too."""
    config = _config(root)
    entries = config.entries
    block = f"include:\n  - component: {COMPONENTS}/full-pipeline@{__version__}\n"
    signing = next((entry for entry in entries if entry.stage == SIGN), None)
    first = [entry.id for entry in entries if entry.stage not in {SIGN, VERIFY}]
    if not signing or not first:
        return block
    way = "key" if "key" in {**config.stages.get(SIGN, {}), **signing.values} else "identity"
    told = [f"stages: {','.join(first)} # what mlops-evaluate runs; mlops-sign and mlops-verify come after it", f"sign: {way}"]
    if VERIFY not in {entry.stage for entry in entries}:
        told += [f"verify-{name}: {CHOOSE}" for name in _BELIEVED[way]]
    return block + "    inputs:\n" + "".join(f"      {line}\n" for line in told) + (_IDENTITY if way == "identity" else "")


def _config(root: Path) -> Config:
    """What mlops.yaml says; nothing where it cannot be read, which is somebody else's to tell."""
    try:
        return file.load(None, root)
    except StageError:
        return Config(root=root)
