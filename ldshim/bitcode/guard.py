"""LLVM on trial: over damaged bitcode it may end the process, or fill the memory, so another process has to try first."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Of address space: modules of whole programs take less to read.
MEMORY = 4 << 30


def survives(read: Callable[[], object]) -> bool:
    """Whether a process lives through `read`; an error that it raises is for the caller to meet again."""
    try:
        import resource  # noqa: PLC0415 - there is none on Windows, and no fork
    except ImportError:
        return True
    child = os.fork()
    if child == 0:
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS):
                signal.signal(number, signal.SIG_DFL)  # Python's fault handler would report it
            read()
        except RuntimeError:
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child ends here whatever happens
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
