"""An experiment for every column of Tables 1 and 2: each method of the table by one network.

Table 3 has none: its networks are fine-tuned from runs, see `adautomix.results.cells`.
"""

from adautomix.results.experiment import Experiment

FIRST_ROWS = ("plain", "mixup", "cutmix")
LAST_ROWS = ("saliencymix", "fmix", "puzzlemix", "resizemix", "automix", "adautomix")
METHODS = {1: (*FIRST_ROWS, *LAST_ROWS), 2: (*FIRST_ROWS, "manifoldmix", *LAST_ROWS)}
"""Table → its rows, in their order."""
COLUMNS = {
    (1, "CIFAR-100", "ResNet-18"): "cifar100/resnet18",
    (1, "CIFAR-100", "ResNeXt-50"): "cifar100/resnext50",
    (1, "CIFAR-100", "Swin-T"): "cifar100/swin_tiny",
    (1, "CIFAR-100", "ConvNeXt-T"): "cifar100/convnext_tiny",
    (1, "Tiny-ImageNet", "ResNet-18"): "tinyimagenet/resnet18",
    (1, "Tiny-ImageNet", "ResNeXt-50"): "tinyimagenet/resnext50",
    (1, "ImageNet-1K", "ResNet-18"): "imagenet/resnet18",
    (1, "ImageNet-1K", "ResNet-34"): "imagenet/resnet34",
    (1, "ImageNet-1K", "ResNet-50"): "imagenet/resnet50",
    (2, "CUB-200", "ResNet-18"): "cub200/resnet18",
    (2, "CUB-200", "ResNet-50"): "cub200/resnet50",
    (2, "FGVC-Aircraft", "ResNet-18"): "aircraft/resnet18",
    (2, "FGVC-Aircraft", "ResNeXt-50"): "aircraft/resnext50",
    (2, "Stanford-Cars", "ResNet-18"): "cars/resnet18",
    (2, "Stanford-Cars", "ResNeXt-50"): "cars/resnext50",
}
"""Table, dataset, backbone → data and network of the recipes."""
FIRST = "table-1-resnet18"
"""The experiment of the first column, which the notebook on CIFAR-100 trains."""


def name_of(table: int, dataset: str, backbone: str) -> str:
    """Return the name of a column's experiment; KeyError if the table has no such column.

    >>> name_of(2, "CUB-200", "ResNet-18")
    'table-2-cub200-resnet18'
    """
    family = COLUMNS[table, dataset, backbone]
    return FIRST if family == "cifar100/resnet18" else f"table-{table}-{family.replace('/', '-')}"


BY_COLUMN: dict[str, Experiment] = {
    name_of(table, dataset, backbone): Experiment(
        f"Table {table}: top-1 accuracy of {backbone} on {dataset}",
        family=family,
        methods=METHODS[table],
        paper=(table, {"dataset": dataset, "backbone": backbone}),
    )
    for (table, dataset, backbone), family in COLUMNS.items()
}
