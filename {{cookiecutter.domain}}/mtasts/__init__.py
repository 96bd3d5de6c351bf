"""MTA-STS (RFC 8461) from one policy.yaml: lint it, build it, serve it, publish it, check it.

A package imports only from those above it here; those on one line do not know each other:

findings    what is wrong, where, and by which rule
system      what the toolkit needs of this machine
sts         RFC 8461 as data
tlsrpt      RFC 8460 as data
config      policy.yaml
history     the git history of policy.yaml
check · dns · hosting · ci
plan        what a change does, and whether it is safe
cli         a file for each verb
"""

import sys

__version__ = "0.2.0.dev0"

# What follows needs it, so this stands first, and any Python 3 can read it.
if sys.version_info < (3, 10):  # noqa: UP036 - who runs it with an older one is to read a sentence
    sys.exit("mtasts needs Python 3.10 or newer. {} is Python {}.{}.".format(sys.executable, *sys.version_info[:2]))
