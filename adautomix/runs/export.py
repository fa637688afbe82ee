"""Export of a run's networks in timm's layout, with a model card made from the record."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from adautomix import data, recipes
from adautomix.data.dataset_info import DatasetInfo
from adautomix.device import decide
from adautomix.errors import DataError, InputError, RecordError, first_line
from adautomix.models import Net
from adautomix.record import Run
from adautomix.runs.model_card import card, evaluation_results
from adautomix.runs.runner import revive
from adautomix.storage.files import workplace

__all__ = ["evaluation_results", "export", "push"]

CLASSIFIER = "classifier"


def export(run: Run, to: Path) -> Path:
    """Write the networks of a run to a new folder, and return it.

    The folder has the classifier and, in `teacher/`, its teacher, each as `model.safetensors` and
    `config.json` in the layout of timm's models on the Hugging Face hub, and a card, `README.md`.
    `timm.create_model("local-dir:FOLDER", pretrained=True)` loads it; networks with the CIFAR stem
    need `import adautomix.models.timm_entry` before.

    Raises:
        InputError: the folder is there already.
        RecordError: the run has no weights, or the folder cannot be written.
    """
    if to.exists():
        raise InputError(f"{to} is there already: name a new folder, or remove it.")
    method, recipe = revive(run, decide("cpu"))
    info, predictors = data.info(recipe.data), method.predictors()
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with workplace(to.parent) as place:
            whole = place / "model"
            for name, module in predictors.items():
                folder = whole if name == CLASSIFIER else whole / name
                folder.mkdir(parents=True)
                _write(module, recipe.net, info, recipe.augment.side_of(info), folder)
            text = card(run, recipes.from_dict(run.recipe), info, list(predictors))
            (whole / "README.md").write_text(text, encoding="utf-8")
            whole.rename(to)
    except OSError as error:
        raise RecordError(
            f"cannot write {to} ({first_line(error)}): make room or choose another folder."
        ) from error
    return to


def _write(module: nn.Module, net: Net, info: DatasetInfo, side: int, folder: Path) -> None:
    """Write weights and configuration of one network."""
    backbone: Any = getattr(module, "network", module)  # of a teacher, what it averages
    weights = {k: v.contiguous().clone() for k, v in backbone.model.state_dict().items()}
    file = folder / "model.safetensors"
    save_file(weights, file, metadata={"format": "pt"})
    file.chmod(0o644)  # safetensors writes it for its owner alone
    (folder / "config.json").write_text(
        json.dumps(config(net, backbone, info, side), indent=2) + "\n"
    )


def config(net: Net, backbone: Any, info: DatasetInfo, side: int) -> dict[str, Any]:
    """Return timm's `config.json` of a network: how to build it, and how to prepare images."""
    plain = net.stem == "timm"
    arguments: dict[str, Any] = {"base": net.name, "stem": net.stem, "width": net.width}
    found: dict[str, Any] = {
        "architecture": net.name if plain else "adautomix_net",
        "num_classes": info.classes,
        "num_features": backbone.model.num_features,
        "pretrained_cfg": {
            "input_size": [3, side, side],
            "fixed_input_size": False,
            "interpolation": "bilinear",
            "crop_pct": 1.0,
            "mean": list(info.mean),
            "std": list(info.std),
            "num_classes": info.classes,
            **_ends(backbone.model),
        },
    }
    names = _class_names(info)
    if names:
        found["label_names"] = names
    return found if plain else found | {"model_args": arguments}


def _ends(model: Any) -> dict[str, Any]:
    """Return the names of the first convolution and the head, which timm wants to know."""
    known = getattr(model, "pretrained_cfg", None) or {}
    return {key: known[key] for key in ("first_conv", "classifier") if key in known}


def _class_names(info: DatasetInfo) -> list[str]:
    """Return the names of the classes, if the dataset is here; else none."""
    try:
        return list(data.read(info.name, "test").classes)
    except DataError:
        return []


def push(folder: Path, repository: str, *, private: bool = True) -> str:
    """Upload an exported folder to the Hugging Face hub and return its address.

    The token is that of `huggingface-cli login` or HF_TOKEN.

    Raises:
        InputError: a name that is not "user/model".
        DataError: the hub cannot be reached, or refuses.
    """
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise InputError(f"--push takes a repository as user/model, not {repository!r}.")
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder)
    except Exception as error:  # requests, httpx and the hub's own errors
        raise DataError(
            f"{folder} could not be pushed to {repository} ({first_line(error)}): check the "
            "network and the login (`hf auth login`), and push again."
        ) from error
    return str(address)
