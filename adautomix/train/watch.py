"""Ready-made `How(log=…)`: a function that `fit` calls with the row of each epoch."""

import csv
import io
from pathlib import Path

from adautomix.errors import InputError, RecordError, first_line
from adautomix.storage.files import replacing, write

Row = dict[str, int | float]
"""A row of the curve: epoch, step, seconds, lr, train_<term>, and the accuracies as fractions."""


class CSVLog:
    """Keeps a CSV file of the epochs up to date: one row for each, also in an interrupted run.

    The file of an earlier training is replaced when the first epoch is done.

    Args:
        path: the file; its folder is made if need be.

    Raises:
        RecordError: at the end of an epoch, a file that cannot be written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.rows: list[Row] = []

    def __call__(self, row: Row) -> None:
        """Write the file with this row as its last."""
        self.rows = [*(self.rows if row["epoch"] > 1 else []), row]
        text = io.StringIO(newline="")
        columns = dict.fromkeys(name for row in self.rows for name in row)
        writer = csv.DictWriter(text, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as place:
                write(place, text.getvalue().encode())
        except OSError as error:
            raise RecordError(
                f"{self.path} cannot be written ({first_line(error)}): choose another file."
            ) from error


class TensorBoardLog:
    """Writes every column of the epochs as scalars over the steps, for `tensorboard --logdir`.

    Args:
        folder: of the event files; each training of yours should have one of its own.

    Raises:
        InputError: tensorboard is not installed.
    """

    def __init__(self, folder: str | Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "TensorBoardLog needs tensorboard: pip install tensorboard, or use CSVLog."
            ) from None
        self.writer = SummaryWriter(str(folder))

    def __call__(self, row: Row) -> None:
        """Write the columns of this row."""
        for name, value in row.items():
            if name != "step":
                self.writer.add_scalar(name.replace("train_", "train/"), value, row["step"])
        self.writer.flush()
