import pytest

from mlops_stage.errors import UsageError
from mlops_stage.stages.data.lint import run
from mlops_stage.stages.data.params import LintParams
from mlops_stage.workspace import Workspace

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: parcels
version: "1"
schema:
  - name: parcels
    properties:
      - name: depot
        logicalType: string
        required: true
        quality:
          - {type: custom, engine: soda, implementation: x}
      - name: weight
        logicalType: number
        logicalTypeOptions: {maximum: 60}
        quality:
          - {metric: nullValues, mustBeLessThan: 2, unit: percent, severity: warning}
"""


@pytest.fixture
def lint(tmp_path):
    """What lint says of a contract, and its exit code."""

    def said(text, **params):
        (tmp_path / "c.odcs.yaml").write_text(text, encoding="utf-8")
        place = Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path, cache=tmp_path)
        reply = run(LintParams(source="c.odcs.yaml", **params), place)
        return reply.text, reply.code

    return said


def test_a_right_contract_is_said_back_in_sentences_with_lines(lint):
    text, code = lint(CONTRACT)
    assert code == 0
    assert "table parcels: 2 columns, 8 rules" in text
    assert "    - depot is never missing  [10]\n" in text
    assert "    - less than 2 % of the cells of weight are missing  (warns only)  [17]\n" in text
    assert "    - a rule of the engine 'soda', which this tool does not run  [12]\n" in text


def test_all_mistakes_are_told_with_lines_hints_and_exit_2(lint):
    text, code = lint(CONTRACT.replace("percent", "percents").replace("maximum: 60", "maximum: 60, minimum: 70"))
    assert code == 2
    assert text == (
        "c.odcs.yaml:15: no value lies between 70 and 60\n  write the smaller one as minimum\n"
        "c.odcs.yaml:17: unit 'percents' has no meaning for this rule\n  did you mean 'percent'?\n"
        "2 mistakes; nothing would be checked before they are mended\n"
    )


def test_columns_that_a_table_lacks_are_mistakes(lint, tmp_path):
    (tmp_path / "parcels.csv").write_text("depot,wheight\na,1\n", encoding="utf-8")
    text, code = lint(CONTRACT, data="parcels.csv")
    assert code == 2
    assert text.startswith("c.odcs.yaml:13: data (parcels.csv) has no column 'weight'\n  did you mean 'wheight'?\n")


def test_text_of_the_contract_cannot_break_the_terminal(lint):
    text, _ = lint(CONTRACT.replace("name: weight", 'name: "we\\u001b[31m\\night"').replace("id: parcels", 'id: "p\\u001b]0;x"'))
    assert "\x1b" not in text
    assert "we\\x1b[31m\\night" in text


def test_a_contract_without_tables_checks_nothing_and_says_so(lint):
    text, code = lint("apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: '1'\nstatus: draft\n")
    assert (code, text.splitlines()[-1]) == (0, "no table is declared, so nothing would be checked")


def test_a_contract_must_be_named(tmp_path):
    with pytest.raises(UsageError, match="no contract is named"):
        run(LintParams(), Workspace(root=tmp_path, run_dir=tmp_path, out=tmp_path, cache=tmp_path))
