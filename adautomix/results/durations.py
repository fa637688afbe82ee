"""`duration`: expected times in words."""


def duration(seconds: float | None) -> str:
    """Return an expected duration in rounded words."""
    if seconds is None:
        return "duration unknown"
    if seconds < 60:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60)
    return (
        f"about {minutes // 60} h {minutes % 60:02d} min"
        if minutes > 59
        else f"about {minutes} min"
    )
