"""Open a page in the browser of whoever sits at the terminal, where there is a screen to show it."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser


def seen() -> bool:
    """Whether a browser would have a screen of its own: one in the terminal would take it over."""
    return sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )


def open_page(address: str) -> None:
    """Open an address, without waiting for the browser."""
    threading.Thread(target=webbrowser.open, args=(address,), name="browser", daemon=True).start()
