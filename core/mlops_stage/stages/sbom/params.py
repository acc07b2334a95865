"""What the stage `sbom` is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from mlops_stage.errors import nearest
from mlops_stage.evidence.redact import without_secrets
from mlops_stage.fields import PATH
from mlops_stage.params import WITHHELD, Contract, Data, Model, Params, Reference, TextList, TextMapping, Train
from mlops_stage.stages.sbom.elements import BY_NAME, DECLARABLE

ROLES = ("data", "train", "reference")
"""The data sets that an element about data may be declared for one by one: `dataset_license.train`."""


def _element(key: str) -> str:
    """The element that a key names, checked.

    Raises:
        ValueError: no element, or one that nobody can declare.
    """
    name, _, role = key.strip().replace("-", "_").partition(".")
    if name not in DECLARABLE:
        found = BY_NAME.get(name)
        raise ValueError(
            f"{key!r} is found out, not declared ({found.asks})" if found else f"there is no element {key!r}; {nearest(name, DECLARABLE)}"
        )
    if role and (role not in ROLES or not name.startswith("dataset_")):
        raise ValueError(f"{key!r}: only elements of data sets are declared for one of them, as {name}.train; known: {', '.join(ROLES)}")
    return f"{name}.{role}" if role else name


def _declared(value: dict[str, str]) -> dict[str, str]:
    return {_element(key): text for key, text in value.items() if text}


def _named(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_element(key) for key in value)


class SbomParams(Params):
    """Give `model`: any file or folder; and what is known of it that no file says (`declare`)."""

    model: Annotated[Model, Field(description="file or folder of a model, of any format; nothing in it is executed")] = None
    data: Data = None
    train: Train = None
    reference: Reference = None
    contract: Contract = None
    lock: Annotated[
        str | None,
        Field(
            description="lock file or list of the libraries that the model needs (uv.lock, pylock.toml, poetry.lock, requirements.txt); unset: looked for",
            json_schema_extra=PATH,
        ),
    ] = None
    environment: Annotated[
        str | None,
        Field(description="bill of materials of an environment (CycloneDX JSON, from any tool), merged in whole", json_schema_extra=PATH),
    ] = None
    declare: Annotated[
        TextMapping,
        AfterValidator(_declared),
        Field(description="element=text: what no file says, such as model_license=Apache-2.0 or dataset_license.train=CC-BY-4.0"),
    ] = Field(default_factory=dict)
    creator: Annotated[
        str | None, Field(description="who answers for this document: an e-mail address or a URL, which some authorities ask for")
    ] = None
    confidential: Annotated[
        TextList,
        AfterValidator(_named),
        Field(description="elements that only the complete edition holds; the published one withholds them and says so"),
    ] = ()
    spec: Annotated[Literal["1.6", "1.7"], Field(description="version of CycloneDX; 1.6 is what most tools read")] = "1.6"

    def as_recorded(self) -> dict[str, Any]:
        """Without what is declared of confidential elements, and secrets: reports, pages and attestations show params, and are published."""
        shared = {(BY_NAME[name].of, fact) for name in map(_bare, self.confidential) for fact in BY_NAME[name].facts}
        private = {key for key in self.declare if shared & {(BY_NAME[_bare(key)].of, fact) for fact in BY_NAME[_bare(key)].facts}}
        texts = {self.declare[key] for key in private}
        declare = {key: WITHHELD if key in private or text in texts else text for key, text in self.declare.items()}
        recorded = {**super().as_recorded(), "declare": {key: without_secrets(text) for key, text in declare.items()}}
        return {**recorded, "creator": self.creator and without_secrets(self.creator)}


def _bare(key: str) -> str:
    """The element alone, of whichever data set."""
    return key.partition(".")[0]
