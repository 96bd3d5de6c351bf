"""The limits of this machine. They say nothing about the domains that are checked."""

from __future__ import annotations

import contextlib
import errno
import sys

PAUSE = 0.1  # seconds before a retry, so that others can close something

FULL = "This machine has no open file, port, memory or thread left"

_FILES = 3  # open files of one connection, at most: its socket, what waits for it, and TCP after UDP
_OTHERS = 64  # open files that are not connections
_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN}
_LIMITS |= {10024, 10055}  # EMFILE and ENOBUFS of sockets on Windows


def at_limit(error: BaseException) -> bool:
    """Tell whether an error means that this machine has no open file, port, memory or thread left."""
    if isinstance(error, OSError):
        return error.errno in _LIMITS
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "thread" in str(error))


def connections(most: int) -> int:
    """Raise the limit of open files as far as the system allows; return how many concurrent connections fit in it."""
    if sys.platform == "win32":
        return most  # Windows has no such limit for sockets
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most * _FILES + _OTHERS
    endless = resource.RLIM_INFINITY
    if soft != endless and soft < wanted and soft != hard:  # as on macOS, where the default is 256
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == endless else min(wanted, hard), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == endless else max(1, min(most, (soft - _OTHERS) // _FILES))
