"""What a user sees meanwhile: a bar on a terminal, a line in a notebook, nothing in a log file.

In a notebook nothing goes to stderr, which a book rendered strictly refuses in a page.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm


class Progress:
    """Display of the steps done; a context manager.

    Args:
        title: text in front of the count.
        total: number of all steps.
        done: number of steps done before.
        show: False shows nothing anywhere.
        waiting: shown until the first step is done, e.g. "compiling".
    """

    def __init__(
        self, title: str, total: int, done: int = 0, *, show: bool = True, waiting: str = ""
    ):
        self.title, self.total, self.step, self.words = title, total, done, waiting
        self.waiting = bool(waiting)
        self.line: Any = _notebook_line() if show else None
        self.started, self.drawn = time.monotonic(), 0.0
        terminal = show and self.line is None and sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=done, desc=title, unit="step", disable=not terminal)
        if waiting:
            self.bar.set_postfix_str(waiting)
            self._draw()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()
        self._draw()

    def at(self, step: int) -> None:
        """Show that the run has reached this step."""
        if self.waiting:
            self.waiting, self.words = False, ""
            self.bar.set_postfix_str("", refresh=False)
        self.bar.update(step - self.step)
        self.step = step
        if self.line is not None and time.monotonic() - self.drawn > 1.0:
            self._draw()

    def tell(self, accuracies: dict[str, float]) -> None:
        """Show accuracies, given as fractions, in percent beside the count."""
        if accuracies:
            self.words = ", ".join(
                f"{name.removesuffix('_top1')} {100 * value:.1f} %"
                for name, value in accuracies.items()
            )
            self.bar.set_postfix_str(self.words, refresh=False)

    def _draw(self) -> None:
        if self.line is None:
            return
        self.drawn = time.monotonic()
        seconds = self.drawn - self.started
        text = f"{self.title}: step {self.step} of {self.total}, {seconds:.0f} s"
        self.line.update(
            {"text/plain": f"{text}{', ' + self.words if self.words else ''}"}, raw=True
        )


def notice(text: str) -> Callable[[], None]:
    """Show a sentence and return a function that takes it away where that is possible.

    It is a line of a notebook's output, which goes away, or a line on stderr, which stays.
    """
    line = _notebook_line()
    if line is None:
        print(text, file=sys.stderr)
        return lambda: None
    line.update({"text/plain": text}, raw=True)
    return lambda: line.update({"text/plain": ""}, raw=True)


def _notebook_line() -> Any:
    """Return a display that can be updated in place in a notebook; elsewhere None.

    The shells of Colab and others are subclasses of a kernel's `ZMQInteractiveShell`.
    """
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else type(ipython.get_ipython())
    if shell is None or "ZMQInteractiveShell" not in [kind.__name__ for kind in shell.__mro__]:
        return None
    return ipython.display.display({"text/plain": ""}, raw=True, display_id=True)
