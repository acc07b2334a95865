"""From the file of a contract to its rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_stage.errors import UsageError, nearest
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.stages.data.contract import columns, quality, sla, standard, text
from mlops_stage.stages.data.contract.problems import Problems
from mlops_stage.stages.data.contract.reading import Found, Place
from mlops_stage.stages.data.rules import Contract

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from mlops_stage.stages.data.contract.text import Document


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """Everything that there is to say about the file of a contract."""

    source: str
    name: str
    """What the contract calls itself: its name, else its id."""
    api_version: str
    problems: Problems
    contracts: tuple[Contract, ...]
    """One for each table that it declares; without those parts that are wrong."""


def load_contract(path: str, root: Path, table: str | None = None, sensitive: Collection[str] = ()) -> Contract:
    """The contract of one table.

    Args:
        path: its file, relative to the root.
        root: the project.
        table: the name of the table in a contract that declares several.
        sensitive: columns that are sensitive whatever their classification says.

    Raises:
        UsageError: no such file or table; or it breaks the standard, or holds a rule that cannot be checked as it stands:
            the message begins with file and line.
        InputError: it cannot be read.
    """
    inspected = inspect(path, root, sensitive)
    inspected.problems.refuse()
    return chosen(inspected, table)


def chosen(inspected: Inspected, table: str | None) -> Contract:
    """The contract of the table of that name, or of the only one.

    Raises:
        UsageError: there is none, or several and none is named.
    """
    names = [contract.table for contract in inspected.contracts]
    if not names:
        raise UsageError(f"{inspected.source}: declares no table", "add `schema:` with one table and its properties")
    if table is None and len(names) > 1:
        raise UsageError(f"{inspected.source}: declares several tables", f"name one with table: {shown(', '.join(names), 160)}")
    found = inspected.contracts[0] if table is None else next((one for one in inspected.contracts if one.table == table), None)
    if found is None:
        raise UsageError(f"table: {inspected.source} declares no table {shown(table)!r}", nearest(str(table), names))
    return found


def inspect(path: str, root: Path, sensitive: Collection[str] = ()) -> Inspected:
    """Read a contract to its end, whatever is wrong with it.

    Raises:
        UsageError: no such file.
        InputError: it cannot be read at all, or is larger than 1 MiB.
    """
    file = existing(root, path, "contract")
    source = relative(root, file)
    problems = Problems(source)
    if not file.is_file():
        told = "a folder" if file.is_dir() else "no regular file"
        raise UsageError(f"contract: {shown(source)} is {told}", "name the file, such as contract.odcs.yaml")
    document = text.read(file, source, problems)
    contracts: tuple[Contract, ...] = ()
    values = document.values if isinstance(document.values, dict) else {}
    if values and not problems.found:
        standard.check(document, problems)
        # what the standard refuses has no meaning that could be read any further
        contracts = () if problems.found else _contracts(document, problems, sensitive)
    told = values.get("name") or values.get("id") or source
    return Inspected(source=source, name=str(told), api_version=str(values.get("apiVersion", "")), problems=problems, contracts=contracts)


def _contracts(document: Document, problems: Problems, sensitive: Collection[str]) -> tuple[Contract, ...]:
    tables: list[Mapping[str, Any]] = document.values.get("schema") or []
    names = [str(table["name"]) for table in tables]
    found = [
        _contract(
            Place(document=document, problems=problems, found=Found(table=names[number], sensitive=sensitive), path=("schema", number))
        )
        for number in range(len(tables))
    ]
    for number, name in enumerate(names):
        if name in names[:number]:
            problems.at(
                document, ("schema", number, "name"), f"the table {shown(name)!r} is declared twice", "give every table a name of its own"
            )
    sla.check_elements(document, problems, names)
    return tuple(found)


def _contract(place: Place) -> Contract:
    document, found = place.document, place.found
    table: Mapping[str, Any] = document.values["schema"][place.path[-1]]
    declared: list[Mapping[str, Any]] = table.get("properties") or []
    columns.columns(place.below("properties"), declared)
    columns.rules(place.below("properties"), declared)
    for position, entry in enumerate(declared):
        column = found.columns.get(str(entry["name"]))
        quality.rules(place.below("properties", position, "quality", column=column), entry.get("quality") or [])
    quality.rules(place.below("quality"), table.get("quality") or [])
    columns.others(place.below("properties"))
    if table.get("relationships"):
        place.below("relationships").unchecked("relationships to other tables are not checked")
    sla.rules(place, document.values)
    values = document.values
    return Contract(
        source=document.source,
        sha256=document.sha256,
        id=str(values["id"]),
        version=str(values["version"]),
        table=found.table,
        columns=tuple(found.columns.values()),
        rules=tuple(found.rules),
        unchecked=tuple(found.unchecked),
    )
