"""Pages that are made from the code whenever the documentation is built, so that they cannot fall behind it."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import generated


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that lie in docs/."""
    for place, page in generated.pages().items():
        files.append(File.generated(config, place, content=page))
    return files
