from __future__ import annotations

import os

import duckdb
import numpy as np
import pytest

from mlops_stage.errors import ExitCode, InputError, LimitError
from mlops_stage.inputs.tables import connection as module
from mlops_stage.inputs.tables.connection import connect, quoted_name, quoted_paths, quoted_text, run, shared


def read(database, path):
    sql = f"SELECT * FROM read_csv({quoted_paths([path])}, auto_detect = false, header = true, columns = {{'c0': 'VARCHAR'}})"  # noqa: S608  (the quoting is what is tested)
    return database.execute(sql).fetchall()


@pytest.mark.parametrize(
    "name",
    [
        "a.csv",
        "d[1].csv",
        "e*.csv",
        "q?.csv",
        "quo'te.csv",
        'dou"ble.csv',
        "b\\x.csv",
        "é.csv",
        "~x.csv",
        "a=b.csv",
        "x{1,2}.csv",
        "-- x.csv",
    ],
)
def test_the_name_of_a_file_means_itself(tmp_path, name):
    (tmp_path / name).write_text("a\nright\n")
    for decoy in ("d1.csv", "ex.csv", "q1.csv"):
        (tmp_path / decoy).write_text("a\nwrong\n")
    assert read(connect([tmp_path / name]), tmp_path / name) == [("right",)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('{other}')",
        "SELECT * FROM 'https://example.com/x.csv'",
        "COPY (SELECT 1) TO '{folder}/written.csv'",
        "COPY (SELECT 1) TO '{allowed}.copy'",
        "ATTACH '{folder}/written.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '1GB'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SELECT * FROM variable_of_this_test",
        "SELECT getenv('HOME')",
    ],
)
@pytest.mark.parametrize("kind", ["own", "spilling", "shared"])
def test_nothing_but_the_given_files_can_be_reached(tmp_path, sql, kind):
    variable_of_this_test = {"a": np.arange(3)}
    allowed, other = tmp_path / "allowed.csv", tmp_path / "other.csv"
    for path in (allowed, other):
        path.write_text("a\n1\n")
    connection = shared([allowed]) if kind == "shared" else connect([allowed], spill=tmp_path / "spill" if kind == "spilling" else None)
    assert read(connection, allowed) == [("1",)]
    with pytest.raises(duckdb.Error):
        connection.execute(sql.format(other=other, folder=tmp_path, allowed=allowed)).fetchall()
    assert len(variable_of_this_test) == 1
    assert not list(tmp_path.glob("written*"))


def test_a_database_is_shared_for_the_same_files_and_what_is_temporary_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    started = []
    monkeypatch.setattr(
        "mlops_stage.inputs.tables.connection.connect", lambda *args, **more: started.append(args) or connect(*args, **more)
    )
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    for path in (one, other):
        path.write_text(f"a\n{path.stem}\n")
    first, again = shared([one]), shared([one])
    assert len(started) == 1
    first.execute("CREATE TEMP TABLE kept AS SELECT 1")
    first.execute("CREATE TEMP TYPE levels AS ENUM ('x')")
    for sql in ("SELECT * FROM kept", "SELECT 'x'::levels"):
        with pytest.raises(duckdb.CatalogException):
            again.execute(sql)
    assert again.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    one.write_text("a\nchanged\n")
    assert read(again, one) == [("changed",)]
    elsewhere = shared([other])
    assert read(elsewhere, other) == [("other",)]
    with pytest.raises(duckdb.PermissionException):
        read(elsewhere, one)
    assert read(first, one) == [("changed",)], "a database stays as long as somebody asks it"
    shared([other], memory=2**26)
    shared([other], memory=2**26, threads=1)
    assert len(started) == 4


def test_a_shared_database_that_has_ended_is_started_anew(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    shared([tmp_path / "a.csv"])
    (database,) = module._kept.values()
    database.close()
    assert read(shared([tmp_path / "a.csv"]), tmp_path / "a.csv") == [("1",)]


def test_a_forked_process_leaves_the_databases_of_its_parent_alone(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    shared([tmp_path / "a.csv"])
    child = os.fork()
    if child == 0:
        wrong = True
        try:
            wrong = bool(module._kept) or read(shared([tmp_path / "a.csv"]), tmp_path / "a.csv") != [("1",)]
        finally:
            os._exit(wrong)
    assert os.waitpid(child, 0)[1] == 0


def test_memory_is_bounded_and_spills_only_where_it_may(tmp_path):
    sql = "SELECT count(*) FROM (SELECT hash(i)::VARCHAR AS h FROM range(3000000) t(i) ORDER BY h)"
    with pytest.raises(LimitError, match="data needs more memory") as caught:
        run(connect([], memory=30 * 2**20), sql, "data")
    assert caught.value.code is ExitCode.STAGE
    assert "--limits" in caught.value.hint
    spill = tmp_path / "spill"
    assert run(connect([], memory=60 * 2**20, spill=spill), sql, "data") == [(3_000_000,)]
    assert list(tmp_path.iterdir()) in ([], [spill])


@pytest.mark.parametrize("name", ["plain", 'a"b', "a'b", "a;DROP TABLE x", "\\", "a\nb", "é"])
def test_names_and_values_are_quoted(name):
    connection = connect([])
    connection.execute(f"CREATE TABLE {quoted_name(name)} ({quoted_name(name)} VARCHAR)")
    table = quoted_name(name)
    connection.execute(f"INSERT INTO {table} VALUES ({quoted_text(name)})")  # noqa: S608  (the same)
    assert connection.execute(f"SELECT {table} FROM {table}").fetchone() == (name,)  # noqa: S608  (the same)


def test_an_unforeseen_error_is_one_line():
    with pytest.raises(InputError) as caught:
        run(connect([]), "SELECT nonsense(1)", "data (x.csv)")
    assert caught.value.message.startswith("data (x.csv): cannot be read: ")
    assert "\n" not in caught.value.message
