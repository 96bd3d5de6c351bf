"""What this machine has room for. Its limits say nothing about the domains that are looked at."""

from __future__ import annotations

import contextlib
import errno
import sys

PAUSE = 0.1  # seconds, until others may have closed something

FULL = "This machine has no open file, port, memory or thread left"

_FILES = 3  # that one connection may have open: its own, what waits for it, and one over TCP after UDP
_OTHERS = 64  # open files that are no connections
_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN}
_LIMITS |= {10024, 10055}  # EMFILE and ENOBUFS as Windows numbers them for sockets


def at_limit(error: BaseException) -> bool:
    """Tell whether an error is this machine's own: no open file, port, memory or thread is left."""
    if isinstance(error, OSError):
        return error.errno in _LIMITS
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "thread" in str(error))


def connections(most: int) -> int:
    """Return how many connections there may be at a time, once as many files may be open as the system allows."""
    if sys.platform == "win32":
        return most  # it counts sockets otherwise, and has no such limit
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most * _FILES + _OTHERS
    endless = resource.RLIM_INFINITY
    if soft != endless and soft < wanted and soft != hard:  # as on macOS, where 256 are the default
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == endless else min(wanted, hard), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == endless else max(1, min(most, (soft - _OTHERS) // _FILES))
