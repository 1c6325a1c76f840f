"""What ldshim says when a link cannot go on.

One class for everything a user can cause or meet.  Its text says what and where (file, member, section, offset, symbol)
and, where there is something to do, what to do.  `cli` prints it behind `ldshim: error: ` and exits with status 1; nothing
below `cli` prints or exits.
"""

from __future__ import annotations


class LinkError(Exception):
    """The link cannot go on; `str(error)` is the message for the user, without a prefix or a final newline."""
