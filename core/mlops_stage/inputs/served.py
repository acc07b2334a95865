"""The door for served models: what the server says of a model, and a session that asks it (Open Inference Protocol, version 2).

Whoever serves a model may exchange it at any time, and no digest of its weights is to be had: what identifies it here is its name, its version and the
digest of what it says about itself. So its answers are never kept, and a version that changes while it is asked is an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import InputError, UsageError, nearest
from mlops_stage.evidence.digest import of_json
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.oip.address import Address, parsed
from mlops_stage.inputs.oip.tensors import DTYPES, json_object, request, tensors
from mlops_stage.inputs.onnx.facts import Port
from mlops_stage.report import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from mlops_stage.inputs.oip.link import Link, Reply

BINARY = "binary_tensor_data"
"""The extension that a server lists when it takes tensors as bytes."""
NOTE = "the model is served: its digest is that of its name, version and description, for nobody can see its weights"
_MOST_PORTS = 10_000
_NOT_FOUND, _TOO_LARGE = 404, 413
_DENIED = {401, 403}
_UNSUPPORTED = {404, 405, 501}
_UNREADABLE = (ValueError, OverflowError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model that a server offers and has ready."""

    name: str
    """Its URL."""
    version: str
    """As its URL or its metadata name it; empty where several are served or none is named."""
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    """The `parameters` of its metadata."""
    sha256: str
    """Of name, version and metadata."""
    binary: bool
    """Whether the server takes tensors as bytes."""
    most_rows: int | None
    """Rows that one request may have, where the server says so."""
    address: Address = field(repr=False)
    connect: Callable[[], Link] = field(repr=False)
    class_labels: tuple[tuple[str, ...], ...] = ()
    """None are told."""

    def subjects(self, role: str = "model") -> tuple[Subject, ...]:
        """The model by name, version and the digest of its metadata; its files are the server's."""
        return (Subject(role=role, name=self.name, sha256=self.sha256),)

    def session(self) -> ServedSession:
        """A session with a connection of its own."""
        return ServedSession(self)


class ServedSession:
    """Asks a served model; keeps one connection."""

    def __init__(self, model: Served) -> None:
        self._model = model
        self._link = model.connect()
        self._inputs = {port.name: port for port in model.inputs}
        self._outputs = {port.name: port for port in model.outputs}
        self._most = model.most_rows
        self._version: str | None = model.address.version or None

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: list[str]) -> list[Any]:
        """The named outputs for one chunk of rows; every input has the same first dimension, at least 1.

        Raises:
            InputError: no answer, an error as answer, or an answer that is not for these rows.
        """
        rows = len(next(iter(inputs.values())))
        made: list[list[Any]] = []
        start = 0
        while start < rows:
            stop = min(rows, start + (self._most or rows))
            reply = self._asked({name: values[start:stop] for name, values in inputs.items()}, outputs)
            if reply.status == _TOO_LARGE and stop - start > 1:
                self._most = (stop - start) // 2
                continue
            made.append(self._answer(reply, outputs, stop - start))
            start = stop
        return [blocks[0] if len(blocks) == 1 else np.concatenate(blocks) for blocks in zip(*made, strict=True)]

    def _asked(self, inputs: Mapping[str, NDArray[Any]], outputs: list[str]) -> Reply:
        body, headers = request(self._inputs, inputs, outputs, binary=self._model.binary)
        return self._link.post(f"{self._model.address.path}/infer", body, headers)

    def _answer(self, reply: Reply, outputs: list[str], rows: int) -> list[Any]:
        name = shown(self._model.name)
        if not reply.good:
            hint = "check the columns that it was trained on" if reply.status < 500 else "look at the server's log"  # noqa: PLR2004  (RFC 9110: 5xx is the server's fault)
            raise _denied(reply, self._model.name, self._link) or InputError(f"{name} refuses the data: {_said(reply, self._link)}", hint)
        try:
            head, made = tensors(reply, [self._outputs[output] for output in outputs], rows)
        except _UNREADABLE as error:
            raise InputError(
                f"{name} answers something else than its metadata promises: {self._link.said(error, 160)}",
                "look at the server's log, and at its model",
            ) from error
        self._check_version(head.get("model_version"))
        return made

    def _check_version(self, version: Any) -> None:
        """One version answers all calls; what a server does not tell cannot be checked."""
        if version in (None, ""):
            return
        told = str(version)
        if self._version is not None and told != self._version:
            raise InputError(
                f"{shown(self._model.name)} was answered by version {self._link.said(told, 40)} and not by {self._link.said(self._version, 40)}",
                f"name one version: {shown(self._model.address.url.split('/versions/', maxsplit=1)[0], 160)}/versions/…",
            )
        self._version = told


def open_served(source: str, env: Mapping[str, str], token_env: str | None, what: str = "model") -> Served:
    """What a server says of a model; nothing is asked of the model itself.

    Args:
        source: its URL, `https://host/v2/models/NAME[/versions/VERSION]`.
        env: where the token and `SSL_CERT_FILE` are.
        token_env: name of the variable with the bearer token, or None.
        what: the param that named the model.

    Raises:
        UsageError: a wrong URL, a token that is not there or that would go over plain http.
        InputError: nothing answers, the server does not speak the protocol, has no such model, or does not have it ready.
    """
    from mlops_stage.inputs.oip.link import Link, token_from  # requests takes long to load, and judging a file needs none of it

    address = parsed(source, what)
    token = token_from(env, token_env)

    def connect() -> Link:
        return Link(address, token, env)

    link = connect()
    extensions = _extensions(link)
    plain = _metadata(link, what, extensions)
    _check_ready(link, what)
    try:
        inputs, outputs = _ports(plain, "inputs"), _ports(plain, "outputs")
    except _UNREADABLE as error:
        raise InputError(f"{what}: the metadata of {shown(address.url, 160)} cannot be used: {link.said(error)}", _EXPECTED) from error
    version = address.version or _only_version(plain)
    return Served(
        name=address.url,
        version=version,
        inputs=inputs,
        outputs=outputs,
        metadata=_parameters(plain),
        sha256=of_json([address.name, version, plain]),
        binary=BINARY in extensions,
        most_rows=_most_rows(link) if "model_configuration" in extensions else None,
        address=address,
        connect=connect,
    )


_EXPECTED = "the server must name inputs and outputs, each with name, datatype and shape"


def _extensions(link: Link) -> frozenset[str]:
    """What the server can do beyond the core of the protocol; nothing where it does not say."""
    reply = link.get(link.address.server)  # a gateway may open the model's own path alone
    try:
        found = json_object(reply.body).get("extensions") if reply.good else None
    except ValueError:
        found = None
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def _metadata(link: Link, what: str, extensions: frozenset[str]) -> dict[str, Any]:
    """The model's metadata as the server gives it."""
    address = link.address
    reply = link.get(address.path)
    if denied := _denied(reply, address.url, link):
        raise denied
    if reply.status == _NOT_FOUND:
        raise _no_such_model(link, what, extensions)
    if not reply.good:
        # servers that speak TLS say so in their own words, and not all in JSON
        hint = "look at the server's log" if address.secure or b"HTTPS" not in reply.body else "the server speaks TLS there: write https://"
        raise InputError(f"{what}: {shown(address.url, 160)} does not describe itself: {_said(reply, link)}", hint)
    try:
        plain = json_object(reply.body)
        of_json(plain)
    except _UNREADABLE as error:
        raise InputError(
            f"{what}: what answers at {shown(address.url, 160)} does not speak the Open Inference Protocol v2: {link.said(error)}",
            "check the address; a server that speaks another protocol is judged by its predictions",
        ) from error
    return plain


def _no_such_model(link: Link, what: str, extensions: frozenset[str]) -> InputError | UsageError:
    """Which models there are, where the server tells: a list is no part of the protocol, but common servers have one of these two."""
    address = link.address
    names = _listed(link.get(f"{address.server}/models")) or _listed(
        link.post(f"{address.server}/repository/index", b"{}", {"Content-Type": "application/json"})
    )
    named = address.name + (f" version {address.version}" if address.version else "")
    if address.name in names or names:
        return InputError(
            f"{what}: {shown(address.origin)} has no model {shown(named)!r}",
            nearest(address.name, [link.said(name, 60) for name in names[:20]]),
        )
    if extensions or link.get(address.server).good:
        return InputError(
            f"{what}: {shown(address.origin)} has no model {shown(named)!r}",
            "check its name and version, and that the server has loaded it",
        )
    return InputError(
        f"{what}: nothing at {shown(address.url, 160)} speaks the Open Inference Protocol v2 (404)",
        "check the part of the address before /v2",
    )


def _listed(reply: Reply) -> list[str]:
    """Names of models in an answer of the form `{"models": […]}` or `[{"name": …}]`; none where it has another."""
    if not reply.good:
        return []
    try:
        plain = json.loads(reply.body)
    except (ValueError, RecursionError):
        return []
    entries = plain.get("models") if isinstance(plain, dict) else plain
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in entries] if isinstance(entries, list) else []
    return [name for name in names if isinstance(name, str) and name]


def _check_ready(link: Link, what: str) -> None:
    """By the status alone: what stands in the body differs from server to server."""
    reply = link.get(f"{link.address.path}/ready")
    if denied := _denied(reply, link.address.url, link):
        raise denied
    if not reply.good and reply.status not in _UNSUPPORTED:
        raise InputError(
            f"{what}: {shown(link.address.url, 160)} is not ready ({reply.status})",
            "wait for its /ready in the step before this one, or look at the server's log",
        )


def _denied(reply: Reply, where: str, link: Link) -> InputError | None:
    if reply.status not in _DENIED:
        return None
    return InputError(
        f"{shown(where, 160)} refuses access: {_said(reply, link)}",
        "name the environment variable that holds its bearer token with model_token_env, or check that token",
    )


def _said(reply: Reply, link: Link) -> str:
    """The status, and the error that the body names, if it does."""
    try:
        error = json_object(reply.body).get("error", "")
    except ValueError:
        error = ""
    return f"{reply.status}" + (f", {link.said(error)}" if error else "")


def _ports(plain: Mapping[str, Any], key: str) -> tuple[Port, ...]:
    entries = plain.get(key)
    if not isinstance(entries, list) or not entries or len(entries) > _MOST_PORTS or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"it names no {key}")
    ports = tuple(_port(entry) for entry in entries)
    if len({port.name for port in ports}) < len(ports):
        raise ValueError(f"two of its {key} have one name")
    return ports


def _port(entry: Mapping[str, Any]) -> Port:
    name, datatype, shape = entry.get("name"), entry.get("datatype"), entry.get("shape")
    if not isinstance(name, str) or not name or not isinstance(datatype, str):
        raise ValueError("a tensor has no name or no datatype")
    if not isinstance(shape, list) or not all(isinstance(size, int) and not isinstance(size, bool) for size in shape):
        raise ValueError(f"the tensor {shown(name)!r} has no shape")
    return Port(name=name, dtype=DTYPES.get(datatype, datatype.lower()), shape=tuple(size if size >= 0 else "?" for size in shape))


def _only_version(plain: Mapping[str, Any]) -> str:
    versions = plain.get("versions")
    return versions[0] if isinstance(versions, list) and len(versions) == 1 and isinstance(versions[0], str) else ""


def _parameters(plain: Mapping[str, Any]) -> dict[str, str]:
    found = plain.get("parameters")
    if not isinstance(found, dict):
        return {}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}


def _most_rows(link: Link) -> int | None:
    """The largest batch that the configuration allows (extension of Triton)."""
    reply = link.get(f"{link.address.path}/config")
    try:
        most = json_object(reply.body).get("max_batch_size") if reply.good else None
    except ValueError:
        return None
    return most if isinstance(most, int) and not isinstance(most, bool) and most > 0 else None
