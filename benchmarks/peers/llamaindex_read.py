"""LlamaIndex reading files and splitting them with its defaults; nothing is indexed. `read FOLDER`, or acts over the pipe.

Prints the files that came out with text, as paths below the folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from acting import act
from llama_index.core import SimpleDirectoryReader
from llama_index.core.node_parser import SentenceSplitter


def read(folder: str) -> list[str]:
    """The files below a folder that came out with text, as paths below it."""
    documents = SimpleDirectoryReader(folder, recursive=True).load_data()
    nodes = SentenceSplitter().get_nodes_from_documents(documents)
    paths = {node.metadata["file_path"] for node in nodes if node.get_content().strip()}
    return sorted(str(Path(path).relative_to(folder)) for path in paths)


if sys.argv[1:2] == ["read"]:
    print(json.dumps(read(sys.argv[2])))
else:
    act({"read": read})
