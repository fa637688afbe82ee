"""`Timer`, which measures wall time and CPU time."""

import time


class Timer:
    """Measures time from its creation."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        """Wall time in seconds."""
        return time.perf_counter() - self._wall

    @property
    def cpu_seconds(self) -> float:
        """CPU time of this process in seconds, summed over cores."""
        return time.process_time() - self._cpu
