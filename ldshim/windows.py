"""What is different where the real linker runs on Windows: its command line, and how a process ends.

Nothing else imports this module, and it needs nothing that only Windows has: its rules can be tested anywhere (docs/platforms.md).
"""

from __future__ import annotations

import subprocess

# https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw: 32,767, the final NUL included
LONGEST_LINE = 32_766
# What Windows gives a process that Ctrl-C has ended; make and shells look for it.
_CONTROL_C_EXIT = 0xC000013A


def fits(words: list[str]) -> bool:
    """Whether CreateProcess takes these words; they become one line, in which each character outside of the first plane counts twice."""
    return len(subprocess.list2cmdline(words).encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST_LINE


def exit_status(status: int) -> int:
    """What `sys.exit` needs to end this process with the status of another, which is a number of 32 bits without a sign.

    A negative one is a signal of ours; there are none that could end us.
    """
    unsigned = _CONTROL_C_EXIT if status < 0 else status
    return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
