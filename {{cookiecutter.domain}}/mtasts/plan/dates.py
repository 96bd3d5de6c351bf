"""Moments and times as people read them, rounded up so that nobody acts too early."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

DAY = 86_400  # seconds

_UNITS = ((DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def date(moment: datetime) -> str:
    """Return a moment in UTC, the minute begun counted in full."""
    full = moment.astimezone(timezone.utc)
    if full.second or full.microsecond:
        full = full.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return f"{full:%Y-%m-%d %H:%M} UTC"


def days(seconds: float) -> str:
    """Return a time that has passed in days, or in hours if it is short: never more than it was."""
    number, unit = (seconds / DAY, "day") if seconds >= DAY else (seconds / 3600, "hour")
    shown = f"{int(number * 10) / 10:g}"
    return f"{shown} {unit}{'' if shown == '1' else 's'}"


def duration(seconds: int) -> str:
    """Return a time to wait, in its largest unit: never less than it is."""
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    shown = f"{-(-seconds * 10 // size) / 10:g}"  # rounded up
    return f"one {unit}" if shown == "1" else f"{shown} {unit}s"
