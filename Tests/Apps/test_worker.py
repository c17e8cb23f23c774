"""The worker's own parts, without an app: queries, files, frames."""

import importlib
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import types

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "Sources/V6Flower/Resources"))
frames = importlib.import_module("v6_flower_worker.frames")
sql = importlib.import_module("v6_flower_worker.sql")
NoSuchData = importlib.import_module("v6_flower_worker.datasets").NoSuchData


# -- Queries


@pytest.fixture
def patients(tmp_path):
    path = tmp_path / "patients of a node.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE patients (age INTEGER, time TEXT)")
        database.executemany("INSERT INTO patients VALUES (?, ?)", [(age, f"12:{age}") for age in range(20, 40)])
    database.close()
    return path


def rows(path, query: str) -> int:
    return sql.read({"uri": str(path), "query": query}, "database 'd'").num_rows


def test_a_query_reads(patients):
    assert rows(patients, "SELECT * FROM patients") == 20
    assert rows(patients, " select age from patients where time = '12:30' ;\n") == 1
    assert rows(patients, "WITH old AS (SELECT age FROM patients WHERE age > 30) SELECT sum(age) FROM old") == 1
    assert rows(patients, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n") == 5
    assert rows(f"sqlite:///{patients}", "SELECT * FROM patients") == 20


WRITES = [
    "DELETE FROM patients", "SELECT 1; DELETE FROM patients", "WITH old AS (SELECT 1) DELETE FROM patients", "ATTACH 'other' AS other",
    "PRAGMA query_only = OFF", "SELECT 1; COMMIT; DELETE FROM patients", "DROP TABLE patients", "SELECT * FROM pragma_table_info('patients')",
    "VACUUM INTO 'copy'", "WITH old AS (SELECT 1) INSERT INTO patients VALUES (1, '')", "", "SELECT load_extension('x')",
    "/* */ DELETE FROM patients", "EXPLAIN DELETE FROM patients", "SELECTED",
]  # fmt: skip


@pytest.mark.parametrize("query", WRITES)
def test_a_query_does_nothing_else(query, patients, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = patients.read_bytes()
    with pytest.raises(NoSuchData) as problem:
        rows(patients, query)
    assert "patients.sqlite" not in str(problem.value)
    assert patients.read_bytes() == before
    assert os.listdir(tmp_path) == [patients.name]


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(NoSuchData):
        rows(tmp_path / "none.sqlite", "SELECT 1")
    assert os.listdir(tmp_path) == []


def test_a_kind_of_database_without_read_only_transactions_is_refused():
    with pytest.raises(NoSuchData, match="is of the kind oracle: .*known here for mariadb, mysql, postgresql, sqlite") as problem:
        rows("oracle+oracledb://user:secret@host/db", "SELECT 1")
    assert "secret" not in str(problem.value)
    with pytest.raises(NoSuchData, match="an address that SQLAlchemy does not understand") as problem:
        rows("://user:secret@host", "SELECT 1")
    assert "secret" not in str(problem.value)


class Recorder:
    """A connection that takes down what it is asked, and answers `answer`."""

    def __init__(self, answer) -> None:
        self.asked, self.answer = [], answer

    def execution_options(self, **options) -> None:
        self.asked.append(options)

    def exec_driver_sql(self, text: str):
        self.asked.append(text)
        return types.SimpleNamespace(scalar=lambda: self.answer)


def test_servers_are_told_that_the_transaction_only_reads():
    for kind in ("mysql", "mariadb"):
        connection = Recorder(None)
        sql._READ_ONLY[kind](connection)
        assert connection.asked == ["SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY"]
    sql._READ_ONLY["postgresql"](Recorder("on"))
    # A driver that passes the option over.
    with pytest.raises(PermissionError):
        sql._READ_ONLY["postgresql"](Recorder("off"))


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    """The address of a PostgreSQL of its own."""
    # Debian keeps them out of the path.
    programs = shutil.which("pg_ctl") or str(next(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")))
    folder = tmp_path_factory.mktemp("postgresql")
    # It does not run as root.
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    if user:
        shutil.chown(folder, "nobody")
        for place in [folder, *folder.parents]:
            if place.stat().st_uid == 0 and str(place).startswith(os.environ.get("TMPDIR", "/tmp") + "/"):
                place.chmod(place.stat().st_mode | 0o711)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = lambda *words: subprocess.run(words, check=True, capture_output=True, cwd="/", **user)  # noqa: E731
    initdb = os.path.join(os.path.dirname(programs), "initdb")
    run(initdb, "-D", folder / "data", "-A", "trust", "-U", "tester", "--no-sync")
    run(programs, "-D", folder / "data", "-l", folder / "log", "-w", "-o", f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}", "start")
    yield f"postgresql+psycopg2://tester@127.0.0.1:{port}/postgres"
    run(programs, "-D", folder / "data", "-m", "immediate", "stop")


def test_postgresql_refuses_to_write(postgresql):
    import sqlalchemy

    engine = sqlalchemy.create_engine(postgresql)
    count = "SELECT count(*) FROM patients"
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE patients (age INTEGER, time TEXT); INSERT INTO patients VALUES (20, '12:20'), (30, '12:30')")
        connection.exec_driver_sql("CREATE SEQUENCE numbers")
        connection.exec_driver_sql("CREATE FUNCTION emptied() RETURNS int LANGUAGE sql AS 'DELETE FROM patients RETURNING 1'")
    assert rows(postgresql, "SELECT age::text FROM patients WHERE time = '12:30' AND time LIKE '12%';") == 1
    for query in [
        "WITH gone AS (DELETE FROM patients RETURNING age) SELECT * FROM gone", "SELECT emptied()", "SELECT nextval('numbers')",
        "SELECT set_config('transaction_read_only', 'off', false), emptied()", "SELECT age INTO copied FROM patients",
        "SELECT * FROM patients FOR UPDATE", "SELECT 1; COMMIT; DELETE FROM patients",
    ]:  # fmt: skip
        with pytest.raises(NoSuchData):
            rows(postgresql, query)
    with engine.begin() as connection:
        assert connection.exec_driver_sql(count).scalar() == 2
    engine.dispose()


# -- Frames


def test_text_that_is_no_unicode_arrives():
    reading, writing = os.pipe()
    frames.Channel(reading, writing).send({"name": "caf\udce9", "quoted": 'a"\n\u2028é'})
    head, _ = frames.Channel(reading, writing).receive()
    assert head == {"name": "caf?", "quoted": 'a"\n\u2028é'}
