"""The weights of recorded runs: where they lie, and a network that starts from them."""

from dataclasses import replace
from pathlib import Path

from adautomix import seals
from adautomix.errors import RecordError, first_line
from adautomix.models import Backbone, Net
from adautomix.record import Run, Store, local, recorded
from adautomix.train.weights_file import load_body

WEIGHTS = "weights.safetensors"


def weights_of(run: Run) -> Path:
    """The file of a run's weights, which is read once to see that it is the one recorded.

    Raises:
        RecordError: there is none, or another one.
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
    """A network with fresh weights, or with those of the run that `net.pretrained` names.

    The head is fresh in both cases: the run may have learned other classes.

    Args:
        net: which network.
        classes: of the head.
        seed: of the fresh weights.
        store: where the run lies; None for `local()`.

    Raises:
        RecordError: no such run, no weights, weights of another network or without that predictor.
        InputError: a predictor other than "classifier" or "teacher".
    """
    if not isinstance(net.pretrained, str):
        return net.build(classes, seed=seed)
    store = store or local()
    run_id, _, predictor = net.pretrained.partition(":")
    source = store.find(run_id)
    if source is None:
        raise RecordError(f"no run {run_id} in {store.root} to start from: train that one first.")
    fresh = replace(net, pretrained=False).build(classes, seed=seed)
    load_body(fresh, weights_of(source), predictor or "classifier")
    return fresh
