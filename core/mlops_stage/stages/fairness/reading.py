"""What is compared: a model's answers, and the columns that say to which group each row belongs."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.evidence.redact import shown
from mlops_stage.inputs.answers import as_slice
from mlops_stage.inputs.joined import beside
from mlops_stage.inputs.model import open_model
from mlops_stage.inputs.predictions import Predictions, Question, read, score
from mlops_stage.inputs.roles import answers_in, check_roles, refuse_two
from mlops_stage.inputs.tables.open import Table, open_table
from mlops_stage.report import Finding, Level, NotApplicable
from mlops_stage.stages.fairness.attributes import as_attribute, spellings
from mlops_stage.stages.fairness.names import called_sensitive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_stage.inputs.tables.values import Codes
    from mlops_stage.report import Subject
    from mlops_stage.stages.fairness.params import FairnessParams
    from mlops_stage.workspace import Workspace

_OF_SIDE = "sensitive_data"
_LISTED = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Answers, and for each sensitive column the group of each row."""

    predictions: Predictions
    attributes: Mapping[str, Codes]
    """Column -> (codes of shape (n,), levels); rows of no known group have the level `(unknown)`."""
    findings: tuple[Finding, ...]
    """What was chosen for want of a declaration, and what is odd about the groups."""
    subjects: tuple[Subject, ...]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The tables that the params name; nothing of them is read yet."""

    main: Table
    """Predictions, or the data that the model is asked about."""
    data: Table | None
    """A table in which to look up what predictions lack."""
    side: Table | None
    """The side file with sensitive columns."""


def judged(params: FairnessParams, workspace: Workspace) -> Judged | NotApplicable:
    """The answers to compare and their groups; or why the stage does not apply.

    Raises:
        UsageError: neither predictions nor model and data; a named column that is not there; no `row_id` where tables must be joined.
        InputError: an input that cannot be used.
    """
    sources = opened_sources(params, workspace)
    found = sensitive_columns(params, sources)
    if not found:
        where = ", ".join(table.name for table in (sources.side, sources.main, sources.data) if table is not None)
        return NotApplicable(
            f"no column says to which group a person belongs: none of {where} has a name such as sex, race or age; "
            "name the columns with sensitive, or the side file that holds them with sensitive_data"
        )
    own = tuple(name for name, table in found.items() if table is not sources.side)
    predictions = _answers(params, workspace, sources, own)
    if predictions.task == "regression":
        return NotApplicable(
            "labels are quantities (a regression), and groups are compared by decisions so far; where they are classes, declare task: multiclass"
        )
    columns = dict(predictions.slices)
    findings = _named_so(params, found)
    aside_names = [name for name, table in found.items() if table is sources.side]
    if sources.side is not None and aside_names:
        aside, told = _looked_up(params, sources.side, aside_names, predictions)
        columns |= aside
        findings += told
    attributes, told = as_groups(params, {name: columns[name] for name in found})
    findings += told
    if not attributes:
        return NotApplicable("; ".join(finding.message for finding in told))
    findings += [Finding(rule="fairness/choice", level=Level.NOTE, message=note) for note in predictions.notes]
    side = (sources.side.subject(),) if sources.side is not None else ()
    return Judged(predictions=predictions, attributes=attributes, findings=tuple(findings), subjects=(*predictions.subjects, *side))


def opened_sources(params: FairnessParams, workspace: Workspace) -> Sources:
    """The tables, opened.

    Raises:
        UsageError: nothing to judge, too much of it, or a file that is not there.
    """
    refuse_two(params)
    data = open_table(params.data, workspace.root, "data") if params.data else None
    side = open_table(params.sensitive_data, workspace.root, _OF_SIDE) if params.sensitive_data else None
    if side is not None and not params.row_id:
        raise UsageError(
            f"{side.name} cannot be joined: nobody says which column identifies a row",
            "name with row_id a column that both tables have",
        )
    check_roles(params)
    _check_groups(params)
    if params.predictions:
        return Sources(main=open_table(params.predictions, workspace.root, "predictions"), data=data, side=side)
    if not params.model:
        raise UsageError("there is nothing to compare", "give predictions, or model and data")
    if data is None:
        raise UsageError("a model alone cannot be judged", "give data: a table with labels and the model's inputs; or predictions")
    return Sources(main=data, data=None, side=side)


def _check_groups(params: FairnessParams) -> None:
    """A column of groups means nothing else, and a group to compare with is of one of them.

    Raises:
        UsageError: a column that means two things, or a group of a column that names none.
    """
    for role, column in {"label": params.label, "weight": params.weight, "row_id": params.row_id, **answers_in(params)}.items():
        if column in params.sensitive:
            raise UsageError(
                f"sensitive and {role} are the same column, {shown(column)!r}: it cannot name groups of people as well",
                "name the columns that name groups with sensitive",
            )
    for column in params.reference_group:
        if params.sensitive and column not in params.sensitive:
            near = get_close_matches(column, params.sensitive, 1)
            hint = f"did you mean {shown(near[0])!r}?" if near else "name it with sensitive too"
            raise UsageError(f"reference_group: {shown(column)!r} is none of the sensitive columns", hint)


def as_groups(params: FairnessParams, columns: Mapping[str, Codes]) -> tuple[dict[str, Codes], list[Finding]]:
    """The groups of each column, and what is odd about them; a column that nobody named and that holds no groups is left out.

    Raises:
        UsageError: a named column that holds no groups.
    """
    attributes: dict[str, Codes] = {}
    told: list[Finding] = []
    for name, column in columns.items():
        try:
            attributes[name], notes = as_attribute(name, column)
        except UsageError as error:
            if params.sensitive:
                raise
            message = f"{error.message.removeprefix('sensitive: ')}; nobody named it with sensitive, so it is left out"
            told.append(Finding(rule="fairness/no-groups", level=Level.WARNING, message=message, hint=error.hint))
            continue
        told += [Finding(rule="fairness/grouping", level=Level.NOTE, message=note) for note in notes]
        told += _spelt_apart(name, attributes[name])
    return attributes, told


def _spelt_apart(name: str, column: Codes) -> list[Finding]:
    sets = spellings(column.levels)
    if not sets:
        return []
    listed = "; ".join(", ".join(repr(shown(level, 40)) for level in some[:_LISTED]) for some in sets[:_LISTED])
    more = f" and {len(sets) - _LISTED:,} more" if len(sets) > _LISTED else ""
    message = f"groups of {shown(name)!r} that differ in capitals or spaces only are counted apart: {listed}{more}"
    hint = "where they are the same group, write it in one way before the file is judged"
    return [Finding(rule="fairness/spelling", level=Level.WARNING, message=message, hint=hint)]


def sensitive_columns(params: FairnessParams, sources: Sources) -> dict[str, Table]:
    """Column -> the table that holds it: those that were named, else those whose names say that they name groups.

    The side file comes first, then the table of the answers, then the data.

    Raises:
        UsageError: a named column that no table has.
    """
    tables = [table for table in (sources.side, sources.main, sources.data) if table is not None]
    if params.sensitive:
        found = {}
        for name in params.sensitive:
            holder = next((table for table in tables if name in table.columns), tables[0])
            holder.column(name, "sensitive", _taken(params))
            found[name] = holder
        return found
    tables = [table for table in tables if table is not sources.data or params.row_id]  # rows of data could not be matched
    found = {}
    for table in tables:
        for name in called_sensitive(table.columns, _taken(params)):
            found.setdefault(name, table)
    return found


def _taken(params: FairnessParams) -> set[str]:
    return {name for name in (params.label, params.prediction, params.score, params.weight, params.row_id) if name}


def _answers(params: FairnessParams, workspace: Workspace, sources: Sources, own: tuple[str, ...]) -> Predictions:
    asked = Question.of(params, own)
    if params.predictions:
        workspace.progress(0.05, "reading predictions")
        return read(params.predictions, workspace.root, asked, data=sources.data)
    model = open_model(params.model or "", workspace.root, env=workspace.env, token_env=params.model_token_env)
    cache = None if params.effort == "deep" else workspace.cache
    return score(model, sources.main, cache, asked, progress=lambda done, told: workspace.progress(0.05 + 0.4 * done, told))


def _named_so(params: FairnessParams, found: Mapping[str, Table]) -> list[Finding]:
    if params.sensitive:
        return []
    listed = ", ".join(f"{shown(name)!r} in {table.name}" for name, table in found.items())
    message = f"nobody declared which columns name groups of people: taken by their names are {listed}"
    return [Finding(rule="fairness/attributes-by-name", level=Level.NOTE, message=message, hint="declare them with sensitive")]


def _looked_up(params: FairnessParams, side: Table, names: list[str], predictions: Predictions) -> tuple[dict[str, Codes], list[Finding]]:
    """Columns of the side file, in the order of the answers; rows that it lacks are of no known group."""
    if predictions.row_id is None or params.row_id is None:
        raise AssertionError("row_id was checked")
    columns, absent = beside(side, names, params.row_id, predictions.row_id)
    told = []
    if absent.any():  # how many there are is told with the groups, as far as it may be
        message = f"some rows are not in {side.name}: their group is (unknown)"
        hint = f"check that column {shown(params.row_id)!r} means the same in both, and that the side file is complete"
        told = [Finding(rule="fairness/rows-without-group", level=Level.WARNING, message=message, location=side.source, hint=hint)]
    return {name: as_slice(codes) for name, codes in columns.items()}, told
