"""A task's query on a node's SQL database: one statement, in a transaction that the database itself keeps from writing.

The query comes from whoever started the task. That it begins with SELECT says little (`WITH … DELETE` does too, and a SELECT can call what
writes), so the database is told to refuse. That it is one statement keeps it from ending that transaction and beginning another.
"""

import os
import re
import sqlite3
import urllib.parse

from .datasets import NoSuchData


def read(database: dict, place: str):
    """The query's rows as Hugging Face's Dataset. Raises `NoSuchData`."""
    import pandas
    import sqlalchemy
    from datasets import Dataset

    query = statement(database.get("query") or "", place)
    uri = database["uri"]
    try:
        url = sqlalchemy.make_url(uri if "://" in uri else f"sqlite:///{uri}")
        kind = url.get_backend_name()
    except Exception:
        # Its text would hold the address with its password.
        raise NoSuchData(f"{place} has an address that SQLAlchemy does not understand") from None
    if kind not in _READ_ONLY:
        raise NoSuchData(
            f"{place} is of the kind {kind}: queries are answered in transactions that only read, which are known here for "
            f"{', '.join(sorted(_READ_ONLY))}"
        )
    try:
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: _sqlite(url.database)) if kind == "sqlite" else sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            _READ_ONLY[kind](connection)
            # A colon is the query's own: there are no parameters.
            text = sqlalchemy.text(re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", query))
            frame = pandas.read_sql_query(text, connection)
            connection.rollback()
    except Exception as error:
        # The text could hold the address with its password, or rows.
        raise NoSuchData(f"{place} does not answer the query ({type(error).__name__})") from None
    return Dataset.from_pandas(frame, preserve_index=False)


def statement(query: str, place: str) -> str:
    """The query without the semicolon at its end. Raises `NoSuchData` where it is not one statement that begins with SELECT or WITH."""
    query = query.strip()
    if not query:
        raise NoSuchData(f"{place} is an SQL database: give the task the query to read it with (the argument query)")
    if query.endswith(";"):
        query = query[:-1].rstrip()
    if not re.match(r"(select|with)\b", query, re.IGNORECASE):
        raise NoSuchData(f"the query for {place} must begin with SELECT or WITH")
    if ";" in query or "\0" in query:
        raise NoSuchData(f"the query for {place} must be one statement: it holds a semicolon before its end")
    return query


# -- Transactions that only read


def _sqlite(path: "str | None"):
    """A connection to a file that is there, which nothing can be written through."""
    location = urllib.parse.quote(os.path.abspath(path or ""))
    connection = sqlite3.connect(f"file:{location}?mode=ro", uri=True)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _only_reads(action, *_) -> int:
    """What a statement may do: select, read a column, call a function, recur."""
    recursive = 33  # SQLITE_RECURSIVE, which the module does not name
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_TRANSACTION, recursive)
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _in_sqlite(connection) -> None:
    connection.connection.driver_connection.set_authorizer(_only_reads)


def _in_postgresql(connection) -> None:
    connection.execution_options(postgresql_readonly=True)
    # The server's own word: a driver may not know the option.
    if connection.exec_driver_sql("SHOW transaction_read_only").scalar() != "on":
        raise PermissionError("the transaction is not read-only")


def _in_mysql(connection) -> None:
    # For whatever transaction comes: not even one that ends this one could write.
    connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
    connection.exec_driver_sql("START TRANSACTION READ ONLY")


_READ_ONLY = {"sqlite": _in_sqlite, "postgresql": _in_postgresql, "mysql": _in_mysql, "mariadb": _in_mysql}
