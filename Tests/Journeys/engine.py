"""Where the program keeps its data: a file in its folder, or with CONVERGE_TEST_ENGINE=postgres a database of its own at the server
that scripts/with-postgres started."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
import uuid
from pathlib import Path

POSTGRES = os.environ.get("CONVERGE_TEST_ENGINE") == "postgres"


def conninfo(folder: Path) -> str | None:
    """The database of the program whose data lies in a folder, made at the first call; None: it is a file there."""
    if not POSTGRES:
        return None
    note = _note(folder)
    if not note.exists():
        name = f"j_{uuid.uuid4().hex}"
        _psql(f"{_server()} dbname=postgres", f"CREATE DATABASE {name}")
        note.write_text(f"{_server()} dbname={name}")
    return note.read_text()


def forget(folder: Path) -> None:
    """Drops that database."""
    note = _note(folder)
    if note.exists():
        name = note.read_text().rpartition("=")[2]
        _psql(f"{_server()} dbname=postgres", f"DROP DATABASE {name} WITH (FORCE)")
        note.unlink()


def cut(folder: Path, application: str) -> None:
    """Ends the sessions of one program at the database."""
    _psql(conninfo(folder), f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{application}'")


def rows(folder: Path, query: str, *values) -> list[tuple]:
    """Reads beside the running program; placeholders are question marks."""
    if not POSTGRES:
        connection = sqlite3.connect(f"file:{folder / 'converge.db'}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
    first, *rest = query.split("?")
    for value, part in zip(values, rest, strict=True):
        first += (str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'") + part
    # As a list of pairs, because two columns may have one name.
    lines = _psql(conninfo(folder), f"SELECT row_to_json(t) FROM ({first}) t", patience=30).splitlines()
    return [tuple(value for _, value in json.loads(line, object_pairs_hook=list)) for line in lines]


def change(folder: Path, *statements: str) -> None:
    """Plants something."""
    if POSTGRES:
        _psql(conninfo(folder), "; ".join(statements))
        return
    with sqlite3.connect(folder / "converge.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def wrong(folder: Path) -> list[str]:
    """What the engine itself finds wrong."""
    if POSTGRES:
        return []
    found = [f"integrity: {row[0]}" for row in rows(folder, "PRAGMA integrity_check") if row[0] != "ok"]
    return found + [f"reference: {row}" for row in rows(folder, "PRAGMA foreign_key_check")]


def texts(folder: Path) -> list[tuple[str, str]]:
    """Every text of the database with its column."""
    if not (_note(folder) if POSTGRES else folder / "converge.db").exists():
        return []
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'" if POSTGRES else "SELECT name FROM sqlite_master WHERE type = 'table'"
    values = []
    for (table,) in rows(folder, tables):
        columns = [column for (column,) in rows(folder, _columns(), table)]
        for row in rows(folder, f'SELECT * FROM "{table}"'):
            values += [(f"{table}.{column}", value) for column, value in zip(columns, row, strict=True) if isinstance(value, str)]
    return values


def _columns() -> str:
    if POSTGRES:
        return "SELECT column_name FROM information_schema.columns WHERE table_name = ? AND table_schema = 'public' ORDER BY ordinal_position"
    return "SELECT name FROM pragma_table_info(?) ORDER BY cid"


def _note(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.database"


def _server() -> str:
    server = os.environ.get("CONVERGE_TEST_POSTGRES")
    assert server, "CONVERGE_TEST_ENGINE=postgres needs a server: scripts/with-postgres scripts/journeys"
    return server


def _psql(database: str, statements: str, patience: float = 0) -> str:
    """Runs statements; for some seconds again while there is no server that takes a connection, as when another is promoted."""
    command, end = ["psql", database, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statements], time.monotonic() + patience
    while True:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        # 2: no connection, or it broke.
        if result.returncode != 2 or time.monotonic() >= end:
            break
        time.sleep(0.2)
    assert result.returncode == 0, f"{statements}\n{result.stderr}"
    return result.stdout
