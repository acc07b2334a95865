"""What a run hides of sensitive columns: those that the contract or the profile knows as such, and those that the user names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_stage.evidence.redact import digest_of
from mlops_stage.inputs.tables.profile import Categories, Numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlops_stage.inputs.tables.profile import Profile
    from mlops_stage.stages.data.drift import Effect
    from mlops_stage.stages.data.rules import Contract


def hidden_columns(contract: Contract | None, profile: Profile | None, named: Iterable[str]) -> frozenset[str]:
    """The sensitive columns, by the table's names.

    Args:
        contract: with its classifications.
        profile: which hides some itself.
        named: columns that the user calls sensitive.
    """
    classified = {column.name for column in (contract.columns if contract else ()) if column.sensitive}
    kept = {column.name for column in (profile.columns if profile else ()) if isinstance(column, Categories) and column.hidden}
    return frozenset({*named, *classified, *kept})


def without_values(profile: Profile | None, hidden: frozenset[str]) -> Profile | None:
    """The profile with the categories of sensitive columns as digests, whatever it holds itself: it counts the same, and nothing that is told of it names a value."""
    if profile is None:
        return None
    columns = tuple(
        replace(column, hidden=True, levels=tuple(digest_of(level, profile.salt) for level in column.levels))
        if isinstance(column, Categories) and not column.hidden and column.name in hidden
        else column
        for column in profile.columns
    )
    return replace(profile, columns=columns)


def numbers_of(profile: Profile | None, hidden: frozenset[str]) -> frozenset[str]:
    """The sensitive columns whose numbers a profile holds."""
    return frozenset(
        column.name for column in (profile.columns if profile else ()) if isinstance(column, Numbers) and column.name in hidden
    )


def without_edges(effects: Sequence[Effect], numbers: frozenset[str]) -> list[Effect]:
    """The distances, without saying below which number of a sensitive column the cells became more."""
    return [replace(effect, culprit="") if effect.column in numbers else effect for effect in effects]
