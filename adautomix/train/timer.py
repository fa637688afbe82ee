"""The time that work takes: on the wall, and of the processor."""

import time


class Timer:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        """Wall time."""
        return time.perf_counter() - self._wall

    @property
    def cpu_seconds(self) -> float:
        """Time in which the processor's cores worked for this process, together."""
        return time.process_time() - self._cpu
