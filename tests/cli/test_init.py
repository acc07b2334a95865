import pytest


@pytest.fixture
def table(tmp_path):
    """A table of sixty rows."""
    path = tmp_path / "people.csv"
    path.write_text("age,plan\n" + "".join(f"{20 + row % 40},{'ab'[row % 2]}\n" for row in range(60)), encoding="utf-8")
    return path


@pytest.mark.usefixtures("table")
def test_init_writes_a_contract_beside_the_config_and_the_table_keeps_it(mlops, tmp_path):
    done = mlops("init")
    assert done.returncode == 0, done.stderr
    assert "wrote contract.odcs.yaml: 2 columns, and " in done.stdout
    assert "contract: contract.odcs.yaml" in (tmp_path / "mlops.yaml").read_text(encoding="utf-8")
    assert mlops("data").returncode == 0


@pytest.mark.usefixtures("table")
def test_init_leaves_a_contract_as_it_is(mlops, tmp_path):
    (tmp_path / "mine.odcs.yaml").write_text("apiVersion: v3.1.0\n", encoding="utf-8")
    done = mlops("init")
    assert "odcs" not in done.stdout
    assert "contract: mine.odcs.yaml" in (tmp_path / "mlops.yaml").read_text(encoding="utf-8")


def test_a_table_that_cannot_be_read_costs_the_contract_only(mlops, tmp_path):
    (tmp_path / "people.csv").write_bytes(b"")
    done = mlops("init")
    assert done.returncode == 0
    assert "wrote mlops.yaml" in done.stdout
    assert "people.csv is empty" in done.stderr
    assert "nothing was drafted for it" in done.stderr
    assert not (tmp_path / "contract.odcs.yaml").exists()


@pytest.mark.usefixtures("table")
def test_a_config_that_is_there_keeps_init_from_writing_anything(mlops, tmp_path):
    (tmp_path / "mlops.yaml").write_text("version: 1\n", encoding="utf-8")
    assert mlops("init").returncode == 2
    assert not (tmp_path / "contract.odcs.yaml").exists()


def test_an_empty_folder_is_told_how_to_begin(mlops):
    done = mlops("init")
    assert done.returncode == 0
    assert "there is no model and no data here" in done.stdout
    assert "CHOOSE" not in done.stdout
