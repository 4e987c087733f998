"""The tables of a knowledge base file, and the version of their format.

Knows nothing of what the rows mean: `rag.truth` writes and reads them, and brings an older file up to date. What came
with format 2 (vectors, facts to filter by, the log of removed chunks) is kept apart, because a file of format 1 gets
exactly that.
"""

from __future__ import annotations

import sqlite3

__all__ = ["FORMAT_VERSION", "expected_schema", "make_newer_tables", "make_tables"]

FORMAT_VERSION = 2
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, root INTEGER NOT NULL, uri TEXT NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, document_id TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
    document BLOB NOT NULL, date TEXT NOT NULL DEFAULT '', UNIQUE (root, uri));
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, page INTEGER,
    headings TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX chunks_of_document ON chunks (document, ordinal);
CREATE TABLE failures (
    root INTEGER NOT NULL, uri TEXT NOT NULL, sha256 TEXT NOT NULL, failure BLOB NOT NULL,
    PRIMARY KEY (root, uri)) WITHOUT ROWID;
"""
_SCHEMA_2 = """
CREATE TABLE vectors (
    chunk INTEGER NOT NULL REFERENCES chunks (id) ON DELETE CASCADE, piece INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (chunk, piece)) WITHOUT ROWID;
CREATE TABLE facts (
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (document, key, value)) WITHOUT ROWID;
CREATE INDEX facts_by_value ON facts (key, value);
CREATE TABLE gone (chunk INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE INDEX gone_by_generation ON gone (generation);
"""
_GONE_TRIGGER = """
CREATE TRIGGER chunk_gone AFTER DELETE ON chunks BEGIN
    INSERT INTO gone VALUES (OLD.id, (SELECT CAST(value AS INTEGER) + 1 FROM meta WHERE key = 'generation'));
END
"""


def make_tables(connection: sqlite3.Connection, *, identity: str) -> None:
    """Make an empty base in a file that has no tables."""
    _run_all(connection, _SCHEMA)
    make_newer_tables(connection)
    rows = {"format_version": str(FORMAT_VERSION), "generation": "0", "identity": identity}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(rows.items()))


def make_newer_tables(connection: sqlite3.Connection) -> None:
    """Make what format 1 lacked."""
    _run_all(connection, _SCHEMA_2)
    connection.execute(_GONE_TRIGGER)


def expected_schema() -> dict[str, str]:
    """Name and statement of every table, index and trigger of a base."""
    connection = sqlite3.connect(":memory:")
    try:
        make_tables(connection, identity="")
        return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    finally:
        connection.close()


def _run_all(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)
