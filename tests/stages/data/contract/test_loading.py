import os

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.stages.data.contract import standard
from mlops_stage.stages.data.contract.loading import load_contract
from mlops_stage.stages.data.rules import Bound, Drift, Duplicates, Fresh, NoOthers, Nulls, OneOf, Present, Range, Sql

# what is written wrongly -> (what it replaces, what stands there instead, a part of what is said)
TYPOS = {
    "unknown key of a column": ("required: true", "requierd: true", "unknown key 'requierd'", "did you mean 'required'"),
    "key of another standard": ("required: true", "nullable: false", "unknown key 'nullable'", "known"),
    "unknown key at the top": ("status: active", "statsu: active", "unknown key 'statsu'", "did you mean 'status'"),
    "unknown type": ("logicalType: string", "logicalType: text", "'text' is not known", "known"),
    "unknown option of a type": ("minimum: 18", "minimun: 18", "unknown key 'minimun'", "did you mean 'minimum'"),
    "option of another type": ("maximum: 120", "maxLength: 120", "unknown key 'maxLength'", ""),
    "number in quotes": ("minimum: 18", "minimum: '18'", "is not a number", "without quotes"),
    "truth in quotes": ("required: true", "required: 'yes'", "is not true or false", "write true or false"),
    "unknown metric": ("metric: rowCount", "metric: rowCounts", "'rowCounts' is not known", "did you mean 'rowCount'"),
    "misspelt operator": ("mustBeLessThan: 1\n", "mustBeLesThan: 1\n", "unknown key 'mustBeLesThan'", "did you mean 'mustBeLessThan'"),
    "no operator": (
        "          - metric: nullValues\n            mustBeLessThan: 1\n",
        "          - metric: nullValues\n",
        "no operator",
        "add one of",
    ),
    "two operators": ("mustBeLessThan: 1\n", "mustBeLessThan: 1\n            mustBe: 0\n", "2 operators", "mustBeBetween"),
    "one end of a range": ("mustBeBetween: [1000, 2000]", "mustBeBetween: [1000]", "mustBeBetween", "two"),
    "ends of a range reversed": ("mustBeBetween: [1000, 2000]", "mustBeBetween: [2000, 1000]", "is empty", "smaller number first"),
    "unknown unit": ("unit: percent", "unit: percents", "unit 'percents'", "did you mean 'percent'"),
    "unknown severity": ("severity: warning", "severity: warn", "severity 'warn'", "did you mean 'warning'"),
    "unknown argument": ("validValues: [1, 2]", "validValue: [1, 2]", "unknown argument 'validValue'", "did you mean 'validValues'"),
    "column that is not declared": ("properties: [age, plan]", "properties: [aeg, plan]", "no column 'aeg'", "did you mean 'age'"),
    "column declared twice": ("name: plan", "name: age", "declared twice", "the first is at contract.odcs.yaml:13"),
    "minimum above maximum": ("maximum: 120", "maximum: 12", "no value lies between 18 and 12", "minimum"),
    "lookahead": ("pattern: ^[a-z]+$", "pattern: ^(?=.*a)[a-z]+$", "cannot be used", "RE2 has no lookahead"),
    "pattern that is none": ("pattern: ^[a-z]+$", "pattern: '^[a-z+$'", "cannot be used", "RE2"),
    "unknown check": ("check: drift", "check: drfit", "no check 'drfit'", "did you mean 'drift'"),
    "unknown key of a check": ("check: drift\n", "check: drift\n              methd: ks\n", "unknown key 'methd'", "did you mean 'method'"),
    "misspelt engine": ("engine: mlops-stage", "engine: mlops_stage", "engine 'mlops_stage'", "did you mean 'mlops-stage'"),
    "share given as percent": ("mustBeBetween: [0.1, 0.3]", "mustBeBetween: [10, 30]", "a share of 10", "unit: percent"),
    "fraction of rows": ("mustBeLessThan: 1\n            unit: percent", "mustBeLessThan: 0.01", "0.01 rows", "unit: percent"),
    "query with a misspelt column": ("WHERE age < 18", "WHERE agee < 18", "agee", "age"),
    "query without an operator": ("WHERE age < 18\n        mustBe: 0", "WHERE age < 18", "no operator", ""),
    "unknown unit of time": ("unit: h", "unit: fortnight", "'fortnight'", "s, min, h"),
    "freshness of no column": ("element: train.seen", "element: train.sene", "no column 'sene'", "did you mean 'seen'"),
    "key twice": ("required: true", "required: true\n        required: false", "stands there twice", "keep one"),
    "tab": ("        required: true", "\trequired: true", "not valid YAML", ""),
    "missing id": ("id: churn-train\n", "", "no 'id'", "add `id:`"),
    "missing name": ("- name: seen\n        logicalType", "- logicalType", "no 'name'", "add `name:`"),
    "newer version": ("apiVersion: v3.1.0", "apiVersion: v3.3.0", "newer than this tool", "update"),
    "old version": ("apiVersion: v3.1.0", "apiVersion: v2.2.2", "too old", "convert"),
    "kind": ("kind: DataContract", "kind: DataContrakt", "'DataContrakt'", "did you mean 'DataContract'"),
    "position without key": ("primaryKey: true\n        ", "", "primaryKeyPosition without primaryKey", "add `primaryKey"),
    "column without its dash": ("- name: plan", "  name: plan", "stands there twice", "begin a new item"),
}


def changed_line(good, bad):
    pairs = zip(good.splitlines(), [*bad.splitlines(), ""], strict=False)
    return next(number for number, (was, now) in enumerate(pairs, 1) if was != now)


@pytest.mark.parametrize("typo", TYPOS)
def test_every_typo_is_refused_at_its_line_with_a_hint(read, good, typo):
    was, now, message, hint = TYPOS[typo]
    assert was in good
    bad = good.replace(was, now, 1)
    found = read(bad).problems.ordered
    assert found, f"{typo} was accepted"
    told = "; ".join(f"{problem.line}: {problem.message} [{problem.hint}]" for problem in found)
    assert any(message in problem.message and hint in problem.hint for problem in found), told
    # what is absent, or below the changed line in the same block, is told where its block begins or where it now stands
    assert any(abs(problem.line - changed_line(good, bad)) <= 2 for problem in found), told
    assert len(found) <= 3, told


def test_all_mistakes_are_told_at_once_each_at_its_line(read, good):
    bad = good.replace("pattern: ^[a-z]+$", "pattern: '['").replace("check: drift", "check: drfit").replace("unit: h", "unit: x")
    found = read(bad).problems.ordered
    assert [problem.line for problem in found] == [
        good[: good.index(text)].count("\n") + 1 for text in ("pattern:", "check: drift", "unit: h")
    ]


def test_the_good_contract_becomes_rules_that_know_their_lines(read, good):
    inspected = read(good)
    assert inspected.problems.found == []
    (contract,) = inspected.contracts
    rules = {rule.id: rule for rule in contract.rules}
    lines = good.splitlines()

    def line(rule_id):
        return lines[int(rules[rule_id].where.rpartition(":")[2]) - 1].strip()

    assert rules["age.minimum"].check == Range(low=18)
    assert line("age.minimum") == "minimum: 18"
    assert line("age.maximum") == "maximum: 120"
    assert line("age.required") == "required: true"
    assert isinstance(rules["age.present"].check, Present)
    assert rules["age.nullValues"].check == Nulls()
    assert rules["age.nullValues"].bound == Bound(op="<", low=1, unit="percent")
    assert rules["age.nullValues"].severity == "warning"
    assert line("age.nullValues") == "- metric: nullValues"
    assert rules["age.invalidValues"].check == OneOf(values=(1, 2))
    assert rules["plan.drift"].check == Drift(method="auto")
    assert rules["plan.drift"].bound == Bound(op="<", low=0.2, unit="value")
    assert rules["plan.class_share"].bound == Bound(op="between", low=0.1, high=0.3, unit="share")
    assert rules["duplicateValues"].check == Duplicates()
    assert rules["duplicateValues"].columns == ("age", "plan")
    assert rules["primary-key"].columns == ("id",)
    assert rules["sql"].check == Sql(query='SELECT count(*) FROM "train" WHERE age < 18', table="train")
    assert rules["seen.freshness"].check == Fresh()
    assert rules["seen.freshness"].bound == Bound(op="<=", low=86_400, unit="value")
    assert rules["no-other-columns"].check == NoOthers(columns=("id", "age", "plan", "seen"))
    assert contract.key == ("id",)
    assert [column.name for column in contract.columns if column.sensitive] == ["plan"]
    assert len(rules) == len(contract.rules)


def test_sentences_are_plain_and_hide_values_of_sensitive_columns(read, good):
    (contract,) = read(good).contracts
    sentences = {rule.id: rule.sentence for rule in contract.rules}
    assert sentences["age.nullValues"] == "less than 1 % of the cells of age are missing"
    assert sentences["rowCount"] == "the table has between 1,000 and 2,000 rows"
    assert sentences["plan.class_share"] == "between 10 and 30 % of the cells of plan are one value"
    assert sentences["age.invalidValues"] == "every cell of age is one of 1, 2, or missing"
    assert "gold" not in " ".join(sentences.values())


def test_rules_that_nobody_runs_are_named(read, good):
    more = good.replace(
        "      - metric: rowCount\n",
        "      - {type: custom, engine: soda, implementation: 'x'}\n      - {type: text, description: be kind}\n      - metric: rowCount\n",
    )
    (contract,) = read(more).contracts
    assert [(one.level, one.what) for one in contract.unchecked] == [
        ("warning", "a rule of the engine 'soda', which this tool does not run"),
        ("note", "a sentence for people, checked by nobody: be kind"),
    ]


@pytest.mark.parametrize("version", ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"])
def test_versions_of_the_standard_that_are_known(read, good, version):
    assert read(good.replace("v3.1.0", version)).problems.found == []


def test_a_column_may_leave_its_type_open(read, good):
    inspected = read(good.replace("        logicalType: timestamp\n        unique: true\n", "").partition("slaProperties")[0])
    assert inspected.problems.found == []
    assert inspected.contracts[0].columns[3].kind is None


def test_enum_and_units_of_freshness(read, good):
    text = (
        good.replace("v3.1.0", "v3.2.0")
        .replace("unit: h", "unit: d")
        .replace("        unique: true\n", "        unique: true\n        enum:\n          - {value: 1, label: one}\n")
    )
    inspected = read(text)
    assert inspected.problems.found == []
    rules = {rule.id: rule for rule in inspected.contracts[0].rules}
    assert rules["seen.enum"].check == OneOf(values=(1,))
    assert rules["seen.freshness"].bound == Bound(op="<=", low=24 * 86_400, unit="value")


def test_load_refuses_a_broken_contract_with_its_first_line_and_counts_the_others(good, tmp_path):
    (tmp_path / "c.odcs.yaml").write_text(good.replace("unit: percent", "unit: x").replace("unit: h", "unit: y z"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"^c\.odcs\.yaml:22: unit 'x' .*and 1 more"):
        load_contract("c.odcs.yaml", tmp_path)


def test_several_tables_need_a_name(good, tmp_path):
    twice = good.partition("slaProperties")[0]
    twice += "  - name: test\n    properties:\n      - name: age\n        logicalType: integer\n"
    (tmp_path / "c.odcs.yaml").write_text(twice, encoding="utf-8")
    with pytest.raises(UsageError, match="several tables"):
        load_contract("c.odcs.yaml", tmp_path)
    with pytest.raises(UsageError, match="no table 'tset'"):
        load_contract("c.odcs.yaml", tmp_path, "tset")
    assert load_contract("c.odcs.yaml", tmp_path, "test").columns[0].name == "age"


def test_a_contract_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        load_contract("no.odcs.yaml", tmp_path)
    with pytest.raises(UsageError, match="is a folder"):
        load_contract(".", tmp_path)
    os.mkfifo(tmp_path / "pipe.odcs.yaml")
    with pytest.raises(UsageError, match="is no regular file"):
        load_contract("pipe.odcs.yaml", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no mapping"),
        ("- a\n", "holds no mapping"),
        ("apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1\n", "version: '1' is not a text"),
        ("apiVersion: v3.1.0\nschema: {}\nkind: DataContract\nid: x\nversion: '1'\n", "schema: a mapping is not a list"),
    ],
)
def test_ugly_files(read, text, message):
    assert message in " ".join(problem.message for problem in read(text).problems.found)


def test_rules_that_stand_in_the_wrong_place_are_refused(read, good):
    wrong = {
        "metric: rowCount": ("      - metric: rowCount", "      - metric: nullValues"),
        "count below a column": ("          - metric: nullValues", "          - metric: rowCount"),
        "shared rows below a column": ("check: drift\n              mustBeLessThan: 0.2", "check: shared_rows"),
    }
    for what, (was, now) in wrong.items():
        found = read(good.replace(was, now, 1)).problems.ordered
        assert any("stands below" in problem.message for problem in found), what


def test_names_with_quotes_and_a_name_that_the_table_has_otherwise(read):
    text = (
        "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: '1'\nstatus: draft\nschema:\n  - name: 'my \"t\"'\n    properties:\n"
        "      - {name: a, physicalName: 'a \"b\" c', logicalType: integer}\n"
        '    quality:\n      - {type: sql, query: \'SELECT max("a ""b"" c") FROM {object}\', mustBe: 0}\n'
        "      - {metric: duplicateValues, arguments: {properties: [a]}, mustBe: 0}\n"
    )
    inspected = read(text)
    assert inspected.problems.found == []
    rules = {rule.id: rule for rule in inspected.contracts[0].rules}
    assert rules["duplicateValues"].columns == ('a "b" c',)
    assert rules["sql"].check.query == 'SELECT max("a ""b"" c") FROM "my ""t"""'


def test_a_version_that_the_installed_schema_does_not_know_yet_is_refused(read, good, monkeypatch):
    older = {**standard.schema(), "properties": {**standard.schema()["properties"], "apiVersion": {"enum": ["v3.1.0"]}}}
    monkeypatch.setattr(standard, "schema", lambda: older)
    found = read(good.replace("v3.1.0", "v3.2.0")).problems.ordered
    assert [problem.message for problem in found] == ["apiVersion v3.2.0 is newer than the schema of the standard that is installed here"]
