"""MTA-STS (RFC 8461) from one policy.yaml: lint it, build it, serve it, publish it, check it.

A package imports only from those above it in this list. Packages on one line do not import each other:

findings    findings and rules, reports and their output formats
system      files, signals, the terminal and the output
sts         RFC 8461 as data
tlsrpt      RFC 8460 as data
config      policy.yaml: reading, checking and editing it
history     the git history of policy.yaml
check · dns · hosting · ci
plan        what a change does, and whether it is safe
cli         the command line: cli/verbs has a file for each verb

This folder is copied from the template that .cruft.json names, under the licence in LICENSE. `cruft update` brings new
versions. A change of your own stays only as long as the template does not change the same lines.
"""

import sys

__version__ = "0.2.0.dev0"

# Everything else needs Python 3.10, so this check comes first, in a syntax that every Python 3 can read.
if sys.version_info < (3, 10):  # noqa: UP036 - an older Python gets a clear message
    sys.exit("mtasts needs Python 3.10 or newer. {} is Python {}.{}.".format(sys.executable, *sys.version_info[:2]))
