"""A report shown in the browser."""

from __future__ import annotations

from pathlib import Path

from winsome.cli.output import tell


def show(page: Path) -> None:
    """Open `page` in the default browser; where there is none, say so and where the page is."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        tell(f"no browser found here; open {page.resolve()}")
