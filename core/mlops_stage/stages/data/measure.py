"""The stage at work: read every record, hold it against contract, profile and training data, and say what was found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_stage.errors import UsageError
from mlops_stage.estimates import NotEstimable, Point
from mlops_stage.evidence.digest import sha256
from mlops_stage.evidence.paths import existing, relative
from mlops_stage.evidence.redact import shown
from mlops_stage.gate import Rules, judge
from mlops_stage.inputs.tables.profile import read_profile
from mlops_stage.inputs.tables.rejects import read_all
from mlops_stage.report import Criterion, Finding, Level, Metric, Observations, Outcome, Subject, Verdict
from mlops_stage.stages.data import criteria as gates
from mlops_stage.stages.data import drift, evidence, findings, pictures
from mlops_stage.stages.data import rules as r
from mlops_stage.stages.data.checks import check
from mlops_stage.stages.data.findings import Limit
from mlops_stage.stages.data.hiding import hidden_columns, numbers_of, without_edges, without_values
from mlops_stage.stages.data.leakage import leaks
from mlops_stage.stages.data.outcomes import Demands
from mlops_stage.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_stage.inputs.tables.profile import Profile
    from mlops_stage.inputs.tables.rejects import Reading
    from mlops_stage.report import Evidence, Figure
    from mlops_stage.stages.data.drift import Effect
    from mlops_stage.stages.data.leakage import Leak
    from mlops_stage.stages.data.outcomes import Checked
    from mlops_stage.stages.data.outcomes import Outcome as Came
    from mlops_stage.stages.data.params import DataParams
    from mlops_stage.workspace import Workspace

_LEVELS = {"error": Level.ERROR, "warning": Level.WARNING, "info": Level.NOTE}
_DRIFTED = {Outcome.FAILED: "true", Outcome.PASSED: "false"}


def measure(params: DataParams, workspace: Workspace) -> gates.Held:
    """The figures of every rule, the distances from the profile, and what is shared with the training data.

    Raises:
        UsageError: no data; a file or column that is not there; a contract with a mistake.
        InputError: an input that cannot be used.
    """
    if not params.data:
        raise UsageError("there is no data to judge", "give data: a CSV, JSONL or Parquet file, a folder or a glob")
    contract = _contract(params, workspace) if params.contract else None
    profile = read_profile(params.profile, workspace.root) if params.profile else None
    hidden = hidden_columns(contract, profile, params.sensitive)
    profile = without_values(profile, hidden)
    now = _now(params, contract, workspace)
    _refuse_without(contract, profile, params)
    with TemporaryDirectory(prefix="mlops-stage-") as folder:
        spill = Path(folder)
        workspace.progress(0.05, "reading")
        reading = read_all(params.data, workspace.root, spill)
        if params.row_id:
            reading.table.column(params.row_id, "row_id")
        workspace.progress(0.2, f"checking {counted(reading.rows, 'row')}")
        key = (contract.key if contract else ()) or ((params.row_id,) if params.row_id else ())
        beside = gates.of_identity(params.row_id, contract)
        checked = check(reading, Demands(contract=contract, profile=profile, key=key, now=now, spill=spill, beside=beside, hidden=hidden))
        workspace.progress(0.8, "looking for what is shared with the training data")
        train = read_all(params.train, workspace.root, spill, "train") if params.train else None
        shared = leaks(params, contract, reading, train) if train else []
        return _Held(params, workspace, contract, profile, reading, checked, shared, train.subject if train else None).observations()


def _contract(params: DataParams, workspace: Workspace) -> r.Contract:
    # the libraries of contracts take longer to import than a small table to check
    from mlops_stage.stages.data.contract.loading import load_contract

    return load_contract(params.contract or "", workspace.root, params.table, params.sensitive)


def _now(params: DataParams, contract: r.Contract | None, workspace: Workspace) -> datetime:
    """The time that freshness is measured from; where no rule asks for it, the clock is not looked at."""
    if params.now:
        return _moment(params.now)
    asked = contract is not None and any(isinstance(rule.check, r.Fresh) for rule in contract.rules)
    return workspace.clock() if asked else datetime.min.replace(tzinfo=UTC)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"now: {shown(text)!r} is no time in ISO 8601", "write it such as 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse_without(contract: r.Contract | None, profile: Profile | None, params: DataParams) -> None:
    """Refuse rules that need what was not given: a rule that is never evaluated protects nobody."""
    for rule in contract.rules if contract else ():
        if isinstance(rule.check, r.Drift | r.NewCategories) and profile is None:
            raise UsageError(
                f"{rule.where}: the rule {rule.id} needs the profile of earlier data",
                "give profile: profile.json (`mlops-stage data profile` writes it)",
            )
        if isinstance(rule.check, r.SharedRows | r.SharedKeys) and not params.train:
            raise UsageError(
                f"{rule.where}: the rule {rule.id} needs the training data", "give train: the table that the model was trained on"
            )


@dataclass
class _Held:
    """Everything that is known, being put together."""

    params: DataParams
    workspace: Workspace
    contract: r.Contract | None
    profile: Profile | None
    reading: Reading
    checked: Checked
    shared: list[Leak]
    train: Subject | None

    def observations(self) -> gates.Held:
        outcomes = [self._with_leak(outcome) for outcome in self.checked.outcomes]
        exact = [outcome for outcome in outcomes if not isinstance(outcome.rule.check, r.Drift)]
        effects = self._effects()
        metrics, declared = gates.metrics_and_criteria(exact)
        limits = self._limits(effects)
        drifted, failed = self._drifted(limits)
        metrics += [*self._general(), *(effect.metric for effect in effects), *(leak.metric for leak in self.shared)]
        declared += [*self._default_gates(), *self._leak_gates()]
        declared += [limit.criterion for limit in limits if limit.level is Level.ERROR]
        told = [
            *findings.of_reading(self.reading),
            *findings.of_header(self.reading),
            *findings.of_rules(exact, self.reading),
            *findings.of_columns(self.checked, declared=self.contract is not None),
            *findings.of_drift(failed),
            *(found for leak in self.shared if (found := leak.finding(self.reading)) is not None),
            *(findings.of_contract(self.contract) if self.contract else ()),
            *self._left_out(effects),
            self._cost(),
        ]
        broken = sum(outcome.broken for outcome in exact) + len(failed)
        written = self._evidence(exact, effects)
        self.workspace.progress(1.0, "done")
        return gates.Held(
            metrics=gates.worst_first(metrics, self._failing(exact, failed)),
            findings=tuple(told),
            subjects=tuple(self._subjects()),
            evidence=written,
            figures=tuple(self._figures(effects, failed)),
            outputs={
                "rows": str(self.checked.rows),
                "rejects": str(self.reading.rejected),
                "rules": str(len(outcomes)),
                "broken": str(broken),
                **({"drifted": drifted} if self.profile else {}),
            },
            declared=tuple(declared),
        )

    @staticmethod
    def _failing(outcomes: Sequence[Came], failed: Sequence[Limit]) -> set[str]:
        """The metrics of rules and distances that do not hold."""
        broken = {gates.NAMES[type(one.rule.check)] for one in outcomes if one.broken and one.rule.severity == "error"}
        return broken | {limit.effect.name for limit in failed}

    def _evidence(self, outcomes: Sequence[Came], effects: Sequence[Effect]) -> tuple[Evidence, ...]:
        out, checked = self.workspace.out, replace(self.checked, outcomes=tuple(outcomes))
        written = evidence.write(out, self.reading, checked, effects, self.contract)
        return (*written, *(evidence.reveal(out, self.reading, checked) if self.params.reveal else ()))

    def _with_leak(self, outcome: Came) -> Came:
        """The figure of a rule on rows shared with the training data."""
        check = outcome.rule.check
        if not isinstance(check, r.SharedRows | r.SharedKeys):
            return outcome
        columns = outcome.rule.columns if isinstance(check, r.SharedKeys) else ()
        leak = next((one for one in self.shared if one.columns == columns), None)
        return outcome if leak is None else replace(outcome, figure=leak.overlap.shared, of=leak.overlap.of, reason="")

    def _leak_gates(self) -> list[Criterion]:
        """The default gates on what is shared, save where the contract has a rule on the same."""
        ruled = {
            rule.columns if isinstance(rule.check, r.SharedKeys) else ()
            for rule in (self.contract.rules if self.contract else ())
            if isinstance(rule.check, r.SharedRows | r.SharedKeys)
        }
        return [criterion for leak in self.shared if leak.columns not in ruled for criterion in leak.criteria()]

    def _general(self) -> list[Metric]:
        rows, nulls = self.checked.rows, self.checked.nulls
        empty = sum(count == rows for count in nulls.values())
        return [
            Metric(name="rows", estimate=Point(rows), unit="rows"),
            Metric(name=gates.UNREADABLE, estimate=Point(self.reading.rejected), unit="records", direction="lower"),
            Metric(name=gates.LOST, estimate=Point(self.reading.lost), unit="records", direction="lower"),
            Metric(name=gates.EMPTY, estimate=Point(empty), unit="columns", direction="lower"),
            *(
                [Metric(name=gates.VANISHED, estimate=Point(len(self._vanished())), unit="columns", direction="lower")]
                if self.profile
                else []
            ),
            *(
                Metric(name="missing_cells", estimate=Point(count), unit="cells", slice=(("column", name),), direction="lower")
                for name, count in nulls.items()
            ),
        ]

    def _default_gates(self) -> list[Criterion]:
        reading = gates.of_reading(self.contract.source if self.contract else "default")
        vanished = gates.of_profile(self.params.profile or "") if self.profile and not self._drift_rules() else ()
        return [*reading, *(() if self.contract else gates.of_columns()), *vanished]

    def _drift_rules(self) -> list[r.Rule]:
        return [rule for rule in (self.contract.rules if self.contract else ()) if isinstance(rule.check, r.Drift)]

    def _effects(self) -> list[Effect]:
        if self.profile is None:
            return []
        wanted: dict[str, list[str]] = {}
        for rule in self._drift_rules():
            wanted.setdefault(rule.columns[0], []).append(drift.method_of(rule, self.profile))
        found = drift.effects(self.profile, self.checked, wanted, self.params.seed)
        found = without_edges(found, numbers_of(self.profile, self.checked.hidden))
        known = {(effect.name, effect.column) for effect in found}
        for rule in self._drift_rules():
            method = drift.method_of(rule, self.profile)
            if (method, rule.columns[0]) not in known:
                found.append(drift.untold(rule, method, self.profile, self.checked))
                known.add((method, rule.columns[0]))
        informing = [effect for effect in found if effect.name in wanted.get(effect.column, ())]
        return [*found, *(gate for effect in informing if (gate := drift.to_gate(effect)) is not effect)]

    def _limits(self, effects: Sequence[Effect]) -> list[Limit]:
        """The limits on drift: those of the contract's rules, or without any, of all columns at the default thresholds."""
        rules = self._drift_rules()
        if not rules:
            source = self.params.profile or ""
            return [Limit(effect, effect.criterion(source), Level.ERROR) for effect in effects if effect.gated]
        by_place = {(one.name, one.column): one for one in effects}
        found = []
        for rule in rules:
            column, bound = rule.columns[0], rule.bound
            effect = drift.to_gate(by_place[drift.method_of(rule, self.profile), column])
            criterion = effect.criterion(rule.where, bound.low if bound else None, strict=bool(bound and bound.op == "<"))
            found.append(Limit(effect, criterion, _LEVELS[rule.severity]))
            odd = by_place.get((drift.ODD, column))
            if odd is not None and all(limit.effect is not odd for limit in found):
                found.append(Limit(odd, odd.criterion(rule.where), _LEVELS[rule.severity]))  # of cells that no distance sees
        return found

    def _drifted(self, limits: Sequence[Limit]) -> tuple[str, list[Limit]]:
        """What the output `drifted` says, and the limits that do not hold, as the runner will judge them."""
        rules = Rules(mode=self.params.mode, min_denominator=self.params.min_denominator)
        outcomes, failed = [], []
        for graver in (True, False):
            some = [limit for limit in limits if (limit.level is Level.ERROR) is graver]
            seen = Observations(metrics=tuple(limit.effect.metric for limit in some))
            verdict = judge(seen, [limit.criterion for limit in some], rules)
            outcomes += [verdict.outcome] if some else []
            failed += [limit for limit, gate in zip(some, verdict.gates, strict=True) if gate.verdict is Verdict.FAILED]
        return _DRIFTED.get(outcomes[0], "unclear") if outcomes else "unclear", failed

    def _left_out(self, effects: Sequence[Effect]) -> list[Finding]:
        """Columns that the profile cannot say anything about, or that only one of both has."""
        if self.profile is None:
            return []
        known = {column.name for column in self.profile.columns}
        measured = {effect.column for effect in effects if not isinstance(effect.estimate, NotEstimable)}
        reasons = {(one.name, one.column): one.estimate.reason for one in effects if isinstance(one.estimate, NotEstimable)}
        silent = [column.name for column in self.profile.columns if column.name not in measured and column.name in self.checked.nulls]
        new = [name for name in self.checked.nulls if name not in known]
        told = []
        if self._vanished():
            message = f"the profile has columns that the table lacks: {shown(', '.join(self._vanished()), 160)}"
            level = Level.WARNING if self._drift_rules() else Level.ERROR
            told.append(Finding(rule="data/column-absent", level=level, message=message, location=self.params.profile or ""))
        if silent or new:
            listed = shown(", ".join([*silent, *new]), 160)
            told.append(Finding(rule="data/no-distribution", level=Level.NOTE, message=f"drift of these columns is not measured: {listed}"))
        for rule in self._drift_rules():
            method = drift.method_of(rule, self.profile)
            reason = reasons.get((method, rule.columns[0])) or reasons.get((f"{method}_gate", rule.columns[0]))
            if reason:
                message = f"{rule.sentence}: cannot be told, for {reason}"
                told.append(Finding(rule="data/not-evaluated", level=Level.WARNING, message=message, location=rule.where))
        return told

    def _vanished(self) -> list[str]:
        """Columns that the profile knows and the table lacks."""
        return [column.name for column in (self.profile.columns if self.profile else ()) if column.name not in self.checked.nulls]

    def _cost(self) -> Finding:
        size = sum(
            (self.workspace.root / part.file).stat().st_size for part in self.reading.parts if (self.workspace.root / part.file).is_file()
        )
        message = (
            f"read {counted(self.reading.records, 'record')} of {counted(len(self.checked.nulls), 'column')} in "
            f"{counted(len(self.reading.parts), 'file')} ({size / 1e6:.1f} MB) with {counted(len(self.checked.sql), 'statement')}"
        )
        return Finding(rule="data/read", level=Level.NOTE, message=message)

    def _subjects(self) -> list[Subject]:
        found = [self.reading.subject]
        if self.contract:
            found.append(Subject(role="contract", name=self.contract.source, sha256=self.contract.sha256))
        if self.params.profile:
            path = existing(self.workspace.root, self.params.profile, "profile")
            found.append(Subject(role="profile", name=relative(self.workspace.root, path), sha256=sha256(path)))
        return [*found, *([self.train] if self.train else [])]

    def _figures(self, effects: Sequence[Effect], failed: Sequence[Limit]) -> list[Figure]:
        drawn, numbers = pictures.missing(self.checked, self.profile), numbers_of(self.profile, self.checked.hidden)
        told = [effect for effect in effects if effect.column not in numbers]
        drawn += pictures.distributions(self.profile, self.checked, told) if self.profile else []
        drifted = {limit.effect.column for limit in failed if limit.effect.name in {"ks", "linf", drift.NEW}}
        return sorted(drawn, key=lambda figure: figure.name.removeprefix("distribution_of_") not in drifted)
