"""The model card of an exported run, made from its record."""

from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCardData

from adautomix.data.dataset_info import DatasetInfo
from adautomix.names import method_title
from adautomix.recipes import Recipe
from adautomix.record import Run

MEASURED = {
    "fgsm": ("error", "error under FGSM"),
    "pgd": ("error", "error under PGD"),
    "calibration": ("ece", "expected calibration error"),
    "calibration_scaled": ("ece", "expected calibration error after temperature scaling"),
    "corruption": ("mean", "accuracy on corrupted images"),
}
"""Evaluation → the value that the card shows, and its name."""
NETWORK = {"classifier": "the classifier", "teacher": "the teacher, in `teacher/`"}


def card(run: Run, recipe: Recipe, info: DatasetInfo, predictors: Sequence[str]) -> str:
    """Return the text of README.md: the hub's metadata, then what a reader should know.

    Args:
        run: the run.
        recipe: its recipe.
        info: the dataset.
        predictors: the exported networks.
    """
    results = evaluation_results(run, info, predictors)
    head = ModelCardData(
        library_name="timm",
        license="apache-2.0",
        pipeline_tag="image-classification",
        tags=["image-classification", "timm", "mixup", run.method],
        model_name=run.id,
        eval_results=results,
    )
    rows = "\n".join(
        f"| {NETWORK[each.dataset_config or 'classifier']} | {each.metric_name} | "
        f"{100 * each.metric_value:.2f} % |"
        for each in results
    )
    made = run.provenance
    return f"""---
{head.to_yaml()}
---

# {method_title(run.method)} on {info.title}: {recipe.net.name}

Trained with `adautomix`, a reproduction of Adversarial AutoMixup
([arXiv:2312.11954](https://arxiv.org/abs/2312.11954)), as run `{run.id}`: {_size(run, recipe)}.

| network | measured on the {recipe.evaluate_on} images | value |
| --- | --- | ---: |
{rows}

These are the weights of the last epoch, and so are the accuracies. It is one seed; others differ.

## Use

```python
{_usage(recipe)}
```

## How it was made

- Images: {info.title}, {info.source} ({info.licence}); sha256 {_digests(run)}.
- Recipe: `{run.name}` at the budget `{run.budget}`, seed {run.seed}.
- To repeat it: `{made["command"]}`, at commit {made["commit"] or "unknown"}.
- On {made["device"]}, {made["precision"]}, in {made["seconds"]:.0f} s.
"""


def evaluation_results(run: Run, info: DatasetInfo, predictors: Sequence[str]) -> list[EvalResult]:
    """Return accuracies and evaluations of a run in the form that the hub reads; fractions."""
    found = []
    for predictor in predictors:
        values = {name: run.metrics[predictor][f"{name}_last"] for name in ("top1", "top5")}
        rows = [(f"{name[:-1]}-{name[-1]} accuracy", value) for name, value in values.items()]
        for evaluation, (key, words) in MEASURED.items():
            measured = run.metric(predictor, f"{evaluation}/{key}")
            if measured is not None:
                rows.append((words, measured))
        found += [
            EvalResult(
                task_type="image-classification",
                dataset_type=info.name,
                dataset_name=info.title,
                dataset_config=predictor,
                dataset_split=run.recipe["evaluate_on"],
                metric_type="accuracy" if "accuracy" in words else words.replace(" ", "_"),
                metric_name=words,
                metric_value=value,
            )
            for words, value in rows
        ]
    return found


def _size(run: Run, recipe: Recipe) -> str:
    """Return in words how long and on how much it was trained."""
    images = "" if recipe.per_class is None else f" on {recipe.per_class} images a class"
    width = "" if recipe.net.width is None else f" of width {recipe.net.width}"
    return f"a network{width}, {recipe.epochs} epochs of batch {recipe.batch}{images}"


def loading(recipe: Recipe, folder: str) -> list[str]:
    """Return the lines of Python in which timm loads a network exported to the folder."""
    lines = ["import timm"]
    if recipe.net.stem != "timm":
        lines.append("import adautomix.models.timm_entry  # timm has no CIFAR stem of its own")
    lines.append(f'model = timm.create_model("local-dir:{folder}", pretrained=True).eval()')
    return lines


def _usage(recipe: Recipe) -> str:
    transform = (
        "transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))"
    )
    return "\n".join([*loading(recipe, "FOLDER"), transform])


def _digests(run: Run) -> str:
    digests = run.provenance.get("data_sha256", {})
    return ", ".join(f"{split} `{digest[:16]}…`" for split, digest in digests.items())
