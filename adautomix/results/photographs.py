"""The experiments "flowers17" and "tiny30": does AdAutoMix help on photographs, from new weights?

    adautomix data add flowers17 PATH
    adautomix data add tiny30 PATH
    adautomix experiment run flowers17 --budget lite
    adautomix experiment run tiny30 --budget lite

They were written before any of their runs. `data/README.md` says what the two datasets are.

Cost: a step of the thin ResNet-18 on 100 images of 64 pixels takes a core of the recording machine
0.65 s (plain), 2.1 s (AutoMix) and 3.1 s (AdAutoMix) in bf16, so the longest run takes 21 minutes
of 400 steps on Flowers-17, and 27 minutes on Tiny-ImageNet with its evaluations. That is why it
has 16 epochs (480 steps) and not the 40 of `lite`; nothing else was chosen.
"""

from adautomix.results.experiment import Experiment, Stage
from adautomix.results.protocol import Decision, Protocol, Setting

HAND_MADE = ("plain", "mixup", "cutmix")
LEARNED = ("automix", "adautomix")


def _experiment(title: str, family: str, images: int, name: str, change: str) -> Experiment:
    """Return an experiment whose schedule `name` is the recipes' but for `change`."""
    classifier, teacher = Setting(name, "classifier"), Setting(name, "teacher")
    return Experiment(
        title=title,
        family=family,
        budgets={"lite": "bf16"},
        methods=(*HAND_MADE, *LEARNED),
        schedules={name: change},
        stages=(Stage((0, 1)),),
        protocol=Protocol(
            question=(
                f"With {images} photographs a class and a network that starts from nothing, is a "
                "classifier that AdAutoMix trains more accurate than one by plain training?"
            ),
            reported=dict.fromkeys(HAND_MADE, classifier) | dict.fromkeys(LEARNED, teacher),
            # AdAutoMix helps if the 95 % interval of its lead over two paired seeds is above zero
            # by the classifiers and by the teachers. All other differences decide nothing.
            decides=Decision(
                metric="top1_median10",
                method="adautomix",
                against="plain",
                settings=(classifier, teacher),
                seeds=2,
            ),
            contrasts={
                "the adversary": ("adautomix", "automix"),
                "AdAutoMix, against interpolation": ("adautomix", "mixup"),
                "AdAutoMix, against pasting": ("adautomix", "cutmix"),
            },
        ),
    )


PHOTOGRAPHS = {
    "flowers17": _experiment(
        "17 flowers, trained from new weights",
        "flowers17-07d5350e/resnet18",
        60,
        "cosine",
        "schedule.floor=0",
    ),
    "tiny30": _experiment(
        "30 classes of Tiny-ImageNet, trained from new weights",
        "tiny30-30e5974c/resnet18",
        100,
        "16 epochs",
        "epochs=16",
    ),
}
