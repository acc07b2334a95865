from __future__ import annotations

import pytest

from mlops_stage.errors import UsageError
from mlops_stage.gate import parse, parse_all, spell
from mlops_stage.report import Criterion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy >= 0.8", Criterion(metric="accuracy", op=">=", number=0.8, source="gates")),
        ("  accuracy>=.8 ", Criterion(metric="accuracy", op=">=", number=0.8, source="gates")),
        ("log_loss < 1e-3", Criterion(metric="log_loss", op="<", number=0.001, source="gates")),
        ("r2 > -0.5", Criterion(metric="r2", op=">", number=-0.5, source="gates")),
        ("val/f1.macro <= +2", Criterion(metric="val/f1.macro", op="<=", number=2.0, source="gates")),
        ('"F1 score" >= 0', Criterion(metric="F1 score", op=">=", number=0.0, source="gates")),
        ("tpr[sex=female] >= 0.7", Criterion(metric="tpr", op=">=", number=0.7, slice=(("sex", "female"),), source="gates")),
        (
            'tpr[ sex = female , "odd,col" = "odd \\"value]" ] >= 0.7',
            Criterion(metric="tpr", op=">=", number=0.7, slice=(("sex", "female"), ("odd,col", 'odd "value]')), source="gates"),
        ),
        (
            "tpr[income=>50K,native country=El Salvador]>1",
            Criterion(metric="tpr", op=">", number=1, slice=(("income", ">50K"), ("native country", "El Salvador")), source="gates"),
        ),
        ('tpr[city=""] >= 1', Criterion(metric="tpr", op=">=", number=1, slice=(("city", ""),), source="gates")),
        ("roc_auc >= baseline", Criterion(metric="roc_auc", op=">=", number=0, baseline=True, source="gates")),
        ("roc_auc>=baseline-0.01", Criterion(metric="roc_auc", op=">=", number=-0.01, baseline=True, source="gates")),
        ("log_loss <= baseline + .02", Criterion(metric="log_loss", op="<=", number=0.02, baseline=True, source="gates")),
        ("baseline >= baseline", Criterion(metric="baseline", op=">=", number=0, baseline=True, source="gates")),
    ],
)
def test_gates_are_read(text, expected):
    assert parse(text) == expected
    assert parse(spell(expected)) == expected


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("accuracy>=.80", "accuracy >= 0.8"),
        ("r2 > 0.0", "r2 > 0"),
        ("r2 > -0", "r2 > 0"),
        ("mse<1e4", "mse < 10000"),
        ("a < 1e300", "a < 1e+300"),
        ("a>=baseline-0", "a >= baseline"),
        ("a>=baseline  +1.50", "a >= baseline + 1.5"),
        ('tpr["sex"="female"]>.7', "tpr[sex=female] > 0.7"),
        ('tpr[age="[30, 40)"]>.7', 'tpr[age="[30, 40)"] > 0.7'),
        ('"a b">1', '"a b" > 1'),
    ],
)
def test_gates_have_one_canonical_spelling(text, canonical):
    assert spell(parse(text)) == canonical
    assert spell(parse(canonical)) == canonical


@pytest.mark.parametrize(
    "value", ["a", "a,b", 'a"b', "a=b", "[a]", " a ", "", "a\\b", "é ü", "a\nb", "a\tb", "<=>", "\u2028", "0.8", "baseline", "\u200b"]
)
def test_any_column_and_value_survive_spelling(value):
    criterion = Criterion(metric="tpr", op="<=", number=1 / 3, slice=((value or "c", value), ("x", "y")), source="gates")
    assert parse(spell(criterion)) == criterion
    assert "\n" not in spell(criterion)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "is empty", "accuracy >= 0.8"),
        ("accuracy", "no operator", "accuracy >= 0.8"),
        ("accuracy => 0.8", "unknown operator '=>'", "write `>=`"),
        ("accuracy ≤ 0.8", "unknown operator '≤'", "write `<=`"),
        ("accuracy == 0.8", "unknown operator '=='", "the operators are"),
        ("accuracy 0.8", "'0.8' where one of >=, >, <=, <", ""),
        ("accuracy >=", "nothing after >=", ""),
        ("accuracy >= high", "'high' where a number", ""),
        ("accuracy >= nan", "'nan' where a number", ""),
        ("accuracy >= -inf", "'-inf' where a number", ""),
        ("accuracy >= 1_000", "'1_000' where a number", ""),
        ("accuracy >= 1e999", "too large", ""),
        ("accuracy >= 80%", "'80%' where a number", "write 80% as 0.8"),
        ("accuracy >= 80.5 %", "'80.5 %' where a number", "write 80.5 % as 0.805"),
        ("accuracy >= 0,8", "'0,8' where a number", "write 0.8"),
        ("accuracy >= 0.8 and recall >= 0.7", "more than a gate can: 'and recall >= 0.7'", "two gates"),
        ("accuracy >= 0.8 >= 0.7", "more than a gate can", ""),
        ("accuracy >= baseline * 0.9", "more than a gate can: '* 0.9'", "baseline - 0.01"),
        ("accuracy >= baseline - - 1", "more than a gate can", ""),
        ("accuracy >= baseline -", "more than a gate can", ""),
        ("accuracy >= 0.01 + baseline", "more than a gate can", ""),
        ("accuracy >= baselines", "'baselines' where a number", ""),
        ("0.8 <= accuracy", "begins with a number", "stands on the left"),
        (">= 0.8", "does not begin with the name", ""),
        ("tpr[sex=female >= 0.7", "bracket that is not closed", ""),
        ("tpr[sex=female", "bracket that is not closed", ""),
        ("tpr[sex", "bracket that is not closed", ""),
        ("tpr[", "bracket that is not closed", ""),
        ("tpr[] >= 0.7", "no column", ""),
        ("tpr[sex] >= 0.7", "no `=` after the column 'sex'", ""),
        ("tpr[sex=] >= 0.7", "no value", ""),
        ("tpr[sex=a,sex=b] >= 0.7", "names the column 'sex' twice", ""),
        ("tpr[sex=a,] >= 0.7", "no column", ""),
        ('tpr[sex="a] >= 0.7', "quotation mark without its partner", ""),
        (r'tpr[sex="\x"] >= 0.7', "no JSON string", ""),
        ("tpr[a=b][c=d] >= 0.7", "where one of", ""),
    ],
)
def test_what_is_wrong_with_a_gate_is_said_in_one_line(text, says, hint):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.message.startswith("gate '")
    assert says in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_a_very_long_or_binary_gate_is_quoted_in_part():
    with pytest.raises(UsageError) as caught:
        parse("x\x1b[31m\n" + "y" * 10_000)
    assert len(caught.value.message) < 250
    assert caught.value.message.isprintable()


def test_a_list_of_gates_keeps_its_order_and_drops_repetitions():
    gates = parse_all(["b > 1", "a > 1", "b>1.0"], source="config")
    assert [spell(gate) for gate in gates] == ["b > 1", "a > 1"]
    assert {gate.source for gate in gates} == {"config"}
