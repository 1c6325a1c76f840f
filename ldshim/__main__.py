"""`python -m ldshim`."""

from __future__ import annotations

from ldshim.cli import main

main()
