"""ldshim: a drop-in wasm-ld that collects named sections (see `link.py` for the passes of a link)."""

from __future__ import annotations

__version__ = "0.1.0"
