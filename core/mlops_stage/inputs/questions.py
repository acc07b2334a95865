"""What `init` asks a person about the columns of a table, with what they could answer; needs no library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_stage.errors import InputError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.columns import COLUMNS_KEY, joined, matrices
from mlops_stage.inputs.onnx.reader import read_facts
from mlops_stage.inputs.repository import first_rows
from mlops_stage.params import CHOOSE, Ask, RunWide
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlops_stage.inputs.onnx.facts import Port

_TRUTH = ("label", "target", "y", "class", "truth", "outcome")
_MOST = 12


def label_of(table: Path | None) -> Any:
    """The param `label`: its default where the table has that column, else what a person has to choose among; None where nobody knows the table."""
    names = tuple(first_rows(table)) if table else ()
    default = RunWide.model_fields["label"].default
    if default in names:
        return default
    return Ask(CHOOSE, f"one of: {_listed(names)}") if names else CHOOSE


def columns_of(model: Path, table: Path | None) -> Mapping[str, Any]:
    """The param `columns`, as far as it must be asked: nothing where the model names its inputs as a table names its columns.

    A model that takes its columns as one matrix does not name them. They are proposed where exactly as many columns hold numbers, apart from the one
    that seems to be the truth (by its name, else the last), and a person has to check them.
    """
    try:
        facts = read_facts(model)
    except InputError:
        return {}
    ports = matrices(facts.inputs)
    if not ports or (len(ports) == 1 and COLUMNS_KEY in facts.metadata):
        return {}
    others = {port.name for port in facts.inputs} - {port.name for port in ports}
    rows = first_rows(table) if table else {}
    return {"columns": _guessed(ports[0], others, rows) if len(ports) == 1 else _left(ports, tuple(rows))}


def _guessed(port: Port, others: set[str], rows: Mapping[str, Sequence[Any]]) -> Ask:
    names = tuple(rows)
    truths = (RunWide.model_fields["label"].default, *_TRUTH)
    truth = next((name for word in truths for name in names if name.lower() == word), names[-1] if names else "")
    texts = port.dtype == "string"
    free = [name for name in names if name not in others and name != truth and (texts or _is_numeric(rows[name]))]
    if not free or not port.shape or len(free) != port.shape[1]:
        return _left([port], names)
    kind = "columns" if texts else "columns of numbers"
    note = f"a guess: all {kind} but {shown(truth)}; check them, and that the model was trained on them in this order"
    return Ask({port.name: joined(free)}, note)


def _left(ports: Sequence[Port], names: Sequence[str]) -> Ask:
    width = ports[0].shape[1] if len(ports) == 1 and ports[0].shape else None
    wanted = f"the {counted(width, 'column')}" if isinstance(width, int) and width > 0 else "the columns"
    among = f", of: {_listed(names)}" if names else ""
    return Ask({port.name: CHOOSE for port in ports}, f"{wanted} that the model was trained on, in that order, as in first|second{among}")


def _is_numeric(cells: Sequence[Any]) -> bool:
    """Whether cells are numbers, as far as they are not empty."""
    said = [cell for cell in cells if cell not in {None, ""}]
    try:
        return bool(said) and all(not isinstance(cell, bool) and float(cell) is not None for cell in said)
    except (TypeError, ValueError):
        return False


def _listed(names: Sequence[str]) -> str:
    return shown(", ".join(names[:_MOST]) + (", …" if len(names) > _MOST else ""), 200)
