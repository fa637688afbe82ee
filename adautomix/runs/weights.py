"""Weights of recorded runs: their file, and networks that start from them."""

from dataclasses import replace
from pathlib import Path

from adautomix.errors import RecordError, first_line
from adautomix.models import Backbone, Net
from adautomix.models.pretrained import is_file
from adautomix.record import Run, Store, local, recorded
from adautomix.record.run import WEIGHTS
from adautomix.storage import seals
from adautomix.train.weights_file import load_body


def weights_of(run: Run) -> Path:
    """Return the file of a run's weights, after a check of its digest.

    Raises:
        RecordError: the file is missing, or not the one that was recorded.
    """
    weights, command = run.path / WEIGHTS, run.provenance["command"]
    if not weights.exists():
        if run.path.is_relative_to(recorded().root):
            raise RecordError(
                f"the run {run.id} was recorded without weights: make them with `{command}`."
            )
        raise RecordError(
            f"the run {run.id} has lost its weights: delete {run.path} and run `{command}`."
        )
    try:
        known = run.sha256.get(WEIGHTS)
        same = known is None or seals.of_file(weights) == known
    except OSError as error:
        raise RecordError(f"{weights}: cannot be read ({first_line(error)}).") from error
    if not same:
        raise RecordError(
            f"{weights}: not the file that was recorded (another sha256); restore it, or delete "
            f"{run.path} and run `{command}`."
        )
    return weights


def start_network(net: Net, classes: int, *, seed: int = 0, store: Store | None = None) -> Backbone:
    """Build a network, with the weights of a run if `net.pretrained` names one.

    The head is always newly initialised, since the run may have had other classes.

    Args:
        net: hyper-parameters of the network.
        classes: number of classes of the head.
        seed: of the initial weights.
        store: the store of the run; None for `local()`.

    Raises:
        RecordError: no such run, no weights, weights of another network or without that predictor.
        InputError: a predictor other than "classifier" or "teacher".
    """
    if not isinstance(net.pretrained, str) or is_file(net.pretrained):
        return net.build(classes, seed=seed)
    store = store or local()
    run_id, _, predictor = net.pretrained.partition(":")
    source = store.find(run_id)
    if source is None:
        raise RecordError(f"no run {run_id} in {store.root} to start from: train that one first.")
    fresh = replace(net, pretrained=False).build(classes, seed=seed)
    load_body(fresh, weights_of(source), predictor or "classifier")
    return fresh


def start_sha256(net: Net) -> dict[str, str]:
    """Return the digest of the file that a network starts from as "start"; empty for no file."""
    return {"start": seals.of_file(Path(str(net.pretrained)))} if is_file(net.pretrained) else {}
