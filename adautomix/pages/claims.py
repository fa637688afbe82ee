"""Every claim of the paper, in its order, with what would settle it and where we have evidence."""

from adautomix.pages.claim import Claim, Evidence, Lead, Printed
from adautomix.pages.claim_checks import (
    any_number_of_images,
    cost_of_a_step,
    each_term_helps,
    features_transfer,
    images_are_diverse,
    images_are_harder,
    objects_kept,
)
from adautomix.results import paper
from adautomix.results.columns import name_of
from adautomix.results.mechanism import WITHOUT

TOP1 = {"metric": "top1_percent"}
REAL = ("paper", "short", "lite")
"""Budgets on real datasets, the longest first."""
QUICK = ("quick",)
"""The budget of the ablations, on PhotoDigits."""
TRIALS = "three seeds of each method by the paper's schedule, compared seed by seed"
IN_SECTION = {1: "4.1.1", 2: "4.1.2", 3: "4.5"}
"""Table → section that claims its best column."""
PAGES = {1: "classification", 2: "fine-grained", 3: "transfer"}
"""Table → the chapter that shows it."""


def best_of_columns(table: int) -> list[Claim]:
    """Return, for each column of Tables 1 to 3, the claim that AdAutoMix is the best there."""
    columns = paper.table(table)[["dataset", "backbone"]].drop_duplicates()
    found = []
    for dataset, backbone in columns.itertuples(index=False):
        after = " after transfer from ImageNet-1K" if table == 3 else ""
        found.append(
            Claim(
                f"table-{table}-{dataset}-{backbone}".lower(),
                f"With {backbone} on {dataset}{after}, AdAutoMix is the most accurate method.",
                f"{IN_SECTION[table]}, Table {table}",
                TRIALS,
                Printed(table, {"dataset": dataset, "backbone": backbone} | TOP1),
                _of_column(table, dataset, backbone),
                PAGES[table],
            )
        )
    return found


def _of_column(table: int, dataset: str, backbone: str) -> Evidence | None:
    """Return the evidence for a column: its experiment at the longest budget that has runs."""
    if table == 3:
        return features_transfer if dataset == "CUB-200" else None
    return Lead(name_of(table, dataset, backbone), REAL)


ARGUMENT = (
    Claim(
        "objects-lost",
        "Hand-made rules lose the objects of the images that they mix; learned masks keep them.",
        "1, Fig. 1",
        "the share of labelled objects that every method keeps, at equal λ",
        evidence=objects_kept,
        page="mixed-images",
    ),
    Claim(
        "hard-samples",
        "The generator makes mixed images that are hard for the classifier.",
        "1, 3.3",
        "the classifier's loss on these images against cooperative and spatially constant masks",
        evidence=images_are_harder,
        page="mechanism",
    ),
    Claim(
        "diverse-images",
        "Without an adversary AutoMix's mixed images stay alike over training; AdAutoMix's differ.",
        "1, B.4, Fig. 14",
        "a stated distance of the images mixed from the same pairs at different epochs",
        evidence=images_are_diverse,
        page="mechanism",
    ),
    Claim(
        "overfitting",
        "A cooperative generator makes simple images, on which the classifier overfits.",
        "1",
        "training and test accuracy over long schedules, with and without the adversary",
    ),
    Claim(
        "any-number",
        "The generator mixes any number of images, and its architecture does not change with it.",
        "1, 3.2",
        "one generator, several numbers of images",
        evidence=any_number_of_images,
        page="method",
    ),
)
CIFAR = {"dataset": "CIFAR-100", "backbone": "ResNet-18"}
ROBUST = (
    Claim(
        "calibration-resnet18",
        "AdAutoMix has the lowest calibration error (ResNet-18, CIFAR-100).",
        "4.2, Fig. 4, Fig. 7, Table 6",
        "the error with its spread over three seeds, before and after temperature scaling",
        Printed(6, CIFAR, less=True),
        Lead("evaluations", (*REAL, "quick"), metric="calibration/ece", less=True),
        "calibration",
    ),
    Claim(
        "calibration-swin",
        "AdAutoMix has the lowest calibration error (Swin-T, CIFAR-100).",
        "A.5, Table 6",
        "the error with its spread over three seeds, before and after temperature scaling",
        Printed(6, CIFAR | {"backbone": "Swin-T"}, less=True),
    ),
    Claim(
        "corruption",
        "AdAutoMix is the most accurate on corrupted images.",
        "4.3, Table 4",
        "CIFAR-100-C, three seeds",
        Printed(4, CIFAR | {"metric": "corruption_top1_percent"}),
        Lead("evaluations", (*REAL, "quick"), metric="corruption/mean_run"),
        "robustness",
    ),
    Claim(
        "fgsm",
        "AdAutoMix withstands FGSM of 8/255 best.",
        "4.3, Table 4",
        "FGSM in pixels, beside stronger attacks and the clean error, three seeds",
        Printed(4, CIFAR | {"metric": "fgsm_error_percent"}, less=True),
        Lead("evaluations", (*REAL, "quick"), metric="fgsm/error", less=True),
        "robustness",
    ),
    Claim(
        "occlusion-swin",
        "With Swin-T on CIFAR-100, AdAutoMix is the most accurate at every occlusion.",
        "4.4, Fig. 5, Table 7",
        "accuracy by occluded share, three seeds",
        page="occlusion",
    ),
    Claim(
        "occlusion-resnet50",
        "With ResNet-50 on CUB-200, AdAutoMix is the most accurate at every occlusion.",
        "4.4, Fig. 5, Table 7",
        "accuracy by occluded share, three seeds",
        page="occlusion",
    ),
)
ABLATIONS = (
    Claim(
        "clean-and-interpolated",
        "L_mce and L_ace raise the accuracy.",
        "4.6, Table 5",
        TRIALS,
        Printed(5, CIFAR),
        Lead("loss-terms", QUICK, "Base + L_ace + L_mce", ("Base",)),
        "ablations",
    ),
    Claim(
        "teacher-and-cosine",
        "The teacher's terms of Eq. 15 keep the images' meaning and raise the accuracy further.",
        "3.3.1, 4.6, Table 5",
        TRIALS,
        Printed(5, CIFAR),
        Lead("loss-terms", QUICK, over=("Base + L_ace + L_mce",)),
        "ablations",
    ),
    Claim(
        "each-term",
        "Every regularising term raises the accuracy.",
        "A.8, Table 8",
        TRIALS,
        Printed(8, CIFAR),
        each_term_helps,
        "ablations",
    ),
    *(
        Claim(
            name,
            f"{value} is best.",
            f"4.6, Fig. 6 ({panel})",
            f"a sweep of {value[0]}, three seeds",
            evidence=Lead(name, QUICK),
            page="ablations",
        )
        for panel, name, value in (("a", "alpha", "α = 0.5"), ("b", "beta", "β = 0.3"))
    ),
    *(
        Claim(
            f"lambda-{backbone}".lower(),
            f"λ = 1 is best ({backbone}).",
            "A.8, Fig. 6 (d), Table 9",
            "a sweep of λ, three seeds",
            Printed(9, CIFAR | {"backbone": backbone}, by="ratio"),
            Lead("concentration", QUICK) if backbone == "ResNet-18" else None,
            "ablations",
        )
        for backbone in ("ResNet-18", "ResNeXt-50")
    ),
    Claim(
        "three-images",
        "N = 3 images in a mix are best.",
        "A.8, Fig. 6 (c), Table 10",
        "a sweep of N, three seeds",
        Printed(10, CIFAR | TOP1, by="n"),
        Lead("images", QUICK, over=("N = 2", "N = 4", "N = 5")),
        "ablations",
    ),
    Claim(
        "cost",
        "A step costs as many plain steps as Table 10 prints, more with every image in a mix.",
        "A.7, A.8, Fig. 9, Table 10",
        "the time of a step of each N beside that of plain training, on one device",
        Printed(10, CIFAR | {"metric": "seconds_per_iteration"}, by="n", less=True),
        cost_of_a_step,
        "efficiency",
    ),
    Claim(
        "with-adversary",
        "With the adversary the classifier is more accurate than without.",
        "A.9, Fig. 10",
        TRIALS,
        evidence=Lead("mechanism", QUICK, over=(WITHOUT,)),
        page="mechanism",
    ),
    Claim(
        "other-adversaries",
        "AdAutoMix is more accurate than DADA, ME-ADA and SAMix.",
        "A.10, Table 11",
        TRIALS,
        Printed(11, CIFAR),
        Lead("every-method", ("quick",), over=("plain", "mixup", "dada", "me_ada")),
        "photodigits",
    ),
)
CLAIMS: tuple[Claim, ...] = (
    *ARGUMENT,
    *best_of_columns(1),
    *best_of_columns(2),
    *best_of_columns(3),
    *ROBUST,
    *ABLATIONS,
)
