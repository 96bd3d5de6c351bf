"""Colours mark the words that a reader looks for, and change none of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtasts.findings.colours import heading, painted

BOLD, RED, GREEN, MAGENTA, END = "\x1b[1m", "\x1b[1;31m", "\x1b[32m", "\x1b[1;35m", "\x1b[0m"

LINES = [
    # lint
    ("policy.yaml:3:1: error MTS111: Unknown mode.", f"policy.yaml:3:1: {RED}error MTS111{END}: Unknown mode."),
    ("error MTS101: It cannot be read.", f"{RED}error MTS101{END}: It cannot be read."),
    ("a.yaml:1:1: warning MTS155: No host.", f"a.yaml:1:1: {MAGENTA}warning MTS155{END}: No host."),
    # The first of them is the line's own: what a file is called cannot choose the colour.
    ("error MTS1: error MTS101: x: warning MTS155: y", f"error MTS1: {RED}error MTS101{END}: x: warning MTS155: y"),
    ("2 errors, 1 warning", f"{RED}2 errors, 1 warning{END}"),
    ("1 warning", f"{MAGENTA}1 warning{END}"),
    ("no findings", f"{GREEN}no findings{END}"),
    # check
    ("example.com", f"{BOLD}example.com{END}"),
    ("  DNS", "  DNS"),
    ("    ✓ mx.example.com (192.0.2.1): STARTTLS", f"    {GREEN}✓{END} mx.example.com (192.0.2.1): STARTTLS"),
    ("    ✗ MTS308 It redirects.", f"    {RED}✗ MTS308{END} It redirects."),
    ("    ! MTS224 It stands elsewhere.", f"    {MAGENTA}! MTS224{END} It stands elsewhere."),
    ("    ? mx.example.com: port 25 is blocked", f"    {BOLD}?{END} mx.example.com: port 25 is blocked"),
    ("  = Senders see no policy.", f"  {BOLD}= Senders see no policy.{END}"),
    ("1 domain, 1 with errors: 2 errors, 1 warning", f"{RED}1 domain, 1 with errors: 2 errors, 1 warning{END}"),
    ("1 domain, none with errors: no findings", f"{GREEN}1 domain, none with errors: no findings{END}"),
    # plan
    ("  - mode: testing", f"  {RED}- mode: testing{END}"),
    ("  + mode: enforce", f"  {GREEN}+ mode: enforce{END}"),
    ("Not safe: 1 error.", f"{RED}Not safe: 1 error.{END}"),
    ("Safe: 1 domain changes.", f"{GREEN}Safe: 1 domain changes.{END}"),
    ("Nothing changes for senders.", f"{GREEN}Nothing changes for senders.{END}"),
    # explain
    ("  MTS113  warning  max_age does not suit the mode",
     f"  MTS113  {MAGENTA}warning{END}  max_age does not suit the mode"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "coloured"), LINES)
def test_what_is_coloured(line: str, coloured: str) -> None:
    """The severity, the mark, the sum: what tells a reader where to look first."""
    assert painted(line) == coloured


@given(st.text(st.characters(exclude_characters="\x1b"), max_size=60))
def test_the_words_stay(line: str) -> None:
    """Without its colours a line is what it was, so a copy from the terminal is right; and every colour ends."""
    for coloured in (painted(line), heading(line)):
        assert re.sub(r"\x1b\[[0-9;]+m", "", coloured) == line
        assert coloured.count("\x1b") in (0, 2) and coloured.count(END) == coloured.count("\x1b") // 2
