"""Checkpointing and stopping of a run: time limit, SIGTERM and Ctrl-C."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from adautomix import processes
from adautomix.errors import Interrupted
from adautomix.runs.job import RunOptions
from adautomix.train import Training, checkpoint


class Watch:
    """Decides after each step whether to save a checkpoint or to stop.

    Args:
        training: the run in progress.
        options: its time limit and the interval of checkpoints.
        folder: of the checkpoints.
    """

    def __init__(self, training: Training, options: RunOptions, folder: Path):
        self.training, self.options, self.folder = training, options, folder
        self.started = self.saved = time.monotonic()

    def after(self, asked: bool) -> None:
        """Save if it is time; save and raise `Interrupted` if `asked` to stop or out of time.

        Among several processes all do what one of them would, and the first one saves.
        """
        training, now = self.training, time.monotonic()
        limit = self.options.time_limit
        late = limit is not None and now - self.started > limit
        due = now - self.saved > self.options.checkpoint_every
        asked, late, due = processes.any_of(asked, late, due)
        unfinished = training.step < training.total
        if unfinished and (asked or late or due):
            processes.from_first(lambda: checkpoint.save(training, self.folder))
            self.saved = now
        if unfinished and (asked or late):
            raise Interrupted(
                f"stopped {'as asked' if asked else 'at the time limit'} after step "
                f"{training.step} of {training.total}; a checkpoint is kept, and the same command "
                "goes on from there."
            )


@contextlib.contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGINT or SIGTERM sets; a second Ctrl-C stops at once.

    Several processes get every Ctrl-C twice, from the terminal and from `torchrun`, so there it
    does not. Outside the main thread, where signals cannot be handled, the event is never set.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: object) -> None:
        asked.set()
        if processes.count() == 1:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
