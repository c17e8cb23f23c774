"""A node whose database is a PostgreSQL: what is learnt of it, what extract makes of it, and what they do not do."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from bench.processes import free_port
from conftest import GENERATION, ROOT
from test_sessions import dataframe

# It looks like an encoded value: decoded it would be another.
PASSWORD = "MFRGGZDF"
TABLES = """
CREATE TABLE person (person_id int, year_of_birth int, gender_concept_id int, name text);
CREATE TABLE concept (concept_id int, concept_name text);
CREATE TABLE concept_ancestor (ancestor_concept_id int, descendant_concept_id int);
CREATE TABLE condition_occurrence (person_id int, condition_concept_id int);
CREATE TABLE observation_period (person_id int, observation_period_end_date date);
INSERT INTO person SELECT i, 1930 + i % 60, 8507 + 25 * (i % 2), 'confidential' || i FROM generate_series(1, 200) i;
INSERT INTO concept VALUES (8507, 'MALE'), (8532, 'FEMALE');
INSERT INTO concept_ancestor VALUES (201826, 201826), (201826, 443735);
INSERT INTO condition_occurrence SELECT i, 443735 FROM generate_series(1, 200, 3) i;
INSERT INTO observation_period SELECT i, DATE '2020-06-01' FROM generate_series(1, 200) i;
CREATE FUNCTION emptied() RETURNS int LANGUAGE sql AS 'DELETE FROM public.person RETURNING 1';
CREATE FUNCTION told(cell text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''%'', cell; RETURN length(cell); END';
CREATE ROLE clinic LOGIN PASSWORD 'MFRGGZDF';
ALTER ROLE clinic SET statement_timeout = '3s';
GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO clinic;
CREATE VIEW research AS SELECT 2020 - year_of_birth AS age, gender_concept_id - 8507 AS sex, person_id % 3 = 1 AS diabetes FROM person
    WHERE (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid());
CREATE ROLE reader LOGIN PASSWORD 'MFRGGZDF';
GRANT SELECT ON research TO reader;
CREATE TABLE elsewhere (a int);
"""


@pytest.fixture(scope="module")
def clinic(plain, tmp_path_factory):
    """Alpha's node with a PostgreSQL by the labels clinic, locked (a wrong password) and away (nobody there), and by those of what its
    administrator asks of the way there. Gives what asks it."""
    # Debian keeps them out of the path.
    programs = next(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")).parent
    folder, port = tmp_path_factory.mktemp("postgresql"), free_port()
    # It does not run as root.
    shutil.chown(folder, "nobody")
    for place in [folder, *folder.parents]:
        if place.stat().st_uid == 0 and str(place).startswith(os.environ.get("TMPDIR", "/tmp") + "/"):
            place.chmod(place.stat().st_mode | 0o711)

    def run(program, *words):
        return subprocess.run([programs / program, *words], check=True, capture_output=True, cwd="/", user="nobody", text=True).stdout

    def ask(command):
        return run("psql", "-h", folder, "-p", str(port), "-U", "tester", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-At", "-c", command).strip()
    run("initdb", "-D", folder / "data", "--auth-local=trust", "--auth-host=scram-sha-256", "-U", "tester", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    # What has signed itself is its own authority.
    for name in ("own", "other"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key",
                        "-out", folder / f"{name}.crt", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True, user="nobody")
    encryption = f"-c ssl=on -c ssl_cert_file={folder}/own.crt -c ssl_key_file={folder}/own.key"
    run("pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} {encryption}", "start")
    try:
        ask(TABLES)
        uri = f"postgresql+psycopg2://127.0.0.1:{port}/postgres"
        server = {"URI": uri, "TYPE": "sql", "USERNAME": "clinic", "PASSWORD": PASSWORD}
        view = {**server, "USERNAME": "reader"}
        verified = lambda name: {**view, "SSLMODE": "verify-full", "SSLROOTCERT": (folder / f"{name}.crt").read_text()}  # noqa: E731
        plain.stop("alpha")
        plain.databases["alpha"].update({
            "trusted": verified("own"), "untrusted": verified("other"), "encrypted": {**view, "URI": f"{uri}?sslmode=require"},
            "unencrypted": {**view, "SSLMODE": "disable"}})
        plain.databases["alpha"].update({
            "clinic": server, "locked": {**server, "PASSWORD": "hunter2hunter2"}, "away": {**server, "URI": f"postgresql://127.0.0.1:{free_port()}/postgres"}})
        plain.start_node("alpha")
        plain.wait_online(plain.NODES)
        yield ask
    finally:
        run("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")


def alone(bench):
    """How alpha is told to learn by itself."""
    return {"model": "logistic", "target": "diabetes", "num_rounds": 1, "organizations": [bench.ids["alpha"]],
            "strategy_options": {"min_train_nodes": 1, "min_evaluate_nodes": 1, "min_available_nodes": 1}}


def check_logs(bench, log):
    """The log of a run, and all that containers said, never hold the password."""
    said = [path.read_text(errors="replace") for pattern in ("alpha/pods/*.log", "containers/*.log") for path in bench.folder.glob(pattern)]
    assert said
    for text in [log, *said]:
        assert PASSWORD not in text and "hunter2" not in text and "confidential" not in text


def extract(bench, name, kwargs, label="clinic"):
    """Extracts at alpha; gives the statuses and the log."""
    _, statuses, log = dataframe(bench, name, kwargs, at=["alpha"], label=label)
    check_logs(bench, log)
    return statuses, log


@pytest.mark.parametrize("label, words", [
    ("trusted", None),
    ("encrypted", None),
    ("untrusted", "the server cannot be trusted: SSL error: certificate verify failed; SSLROOTCERT must be the certificate of the authority"),
    # The view has rows for who comes over TLS.
    ("unencrypted", "holds no rows"),
])
def test_the_way_to_a_server_is_encrypted_and_its_authority_known(plain, clinic, label, words):
    if GENERATION == 5:
        statuses, log = extract(plain, f"view-{label}", {}, label)
        assert statuses == {"crashed" if words else "completed"}, log
    else:
        status, result, log = plain.run("v6-flower", alone(plain), databases=[label])
        assert status == ("crashed" if words else "completed"), log
        assert words or sorted(result["model"]["features"]) == ["age", "sex"]
        check_logs(plain, log)
    assert words is None or words in log


@pytest.mark.generation(5)
def test_the_documented_query_for_omop_trains_a_model(plain, clinic):
    query = re.search(r"```sql\n([^`]*)```", (ROOT / "docs/vantage6.md").read_text())[1]
    table, statuses, log = dataframe(plain, "omop", {"query": query}, at=["alpha"], label="clinic")
    assert statuses == {"completed"}, log
    assert "wrote a dataframe with the columns age, sex, diabetes" in log and PASSWORD not in log
    plain.dataframes["omop"] = table
    status, result, log = plain.run("v6-flower", alone(plain), databases=["omop"])
    assert status == "completed", log
    assert sorted(result["model"]["features"]) == ["age", "sex=MALE"]


@pytest.mark.generation(5)
@pytest.mark.parametrize("name, query, words", [
    ("deleted", "DELETE FROM person", "only reads"),
    ("both", "SELECT * FROM person; DELETE FROM person", "multiple commands"),
    ("ended", "SELECT * FROM person; COMMIT; DELETE FROM person", "multiple commands"),
    ("hidden", "WITH gone AS (DELETE FROM person RETURNING person_id) SELECT * FROM gone", "data-modifying statements in WITH"),
    ("called", "SELECT emptied()", "only reads"),
    ("slept", "SELECT person_id, pg_sleep(1000)::text AS slept FROM person", "took too long"),
    ("quoted", "SELECT name::regclass::text AS quoted FROM person", "does not answer the query (42"),
    ("cast", "SELECT name::int AS number FROM person", "does not answer the query (22P02)"),
    ("several", "", "it has 5 tables: say in query"),
])
def test_a_query_does_nothing_but_read_and_tells_no_cell(plain, clinic, name, query, words):
    statuses, log = extract(plain, name, {"query": query})
    assert statuses == {"crashed"} and words in log, (statuses, log)
    assert clinic("SELECT count(*) FROM person") == "200"


@pytest.mark.generation(5)
def test_a_notice_of_the_server_is_in_no_log(plain, clinic):
    statuses, log = extract(plain, "noticed", {"query": "SELECT told(name) AS told FROM person"})
    assert statuses == {"completed"} and "wrote a dataframe with the columns told" in log, (statuses, log)


@pytest.mark.generation(5)
def test_a_server_that_lets_nobody_in_is_told_in_a_sentence(plain, clinic):
    for label, words in [("locked", "refuses the node's user or password"), ("away", "the node's egress whitelist must allow it")]:
        statuses, log = extract(plain, f"from-{label}", {}, label=label)
        assert statuses == {"crashed"} and words in log, (statuses, log)
