"""Files become Documents: text, web pages, PDF, Office files, books, tables and code, each block traceable to its place."""

from lianlu.extract.read import Reading, read_files
from lianlu.extract.reader import ReadConfig, Reader

__all__ = ["ReadConfig", "Reader", "Reading", "read_files"]
