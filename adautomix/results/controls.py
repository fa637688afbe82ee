"""The experiment "controls": what is the gain of AdAutoMix made of?

    adautomix experiment run controls --budget lite --time-limit 50m

Written before its runs, which share the ids of those of "reporting".
"""

from adautomix.results.experiment import Experiment, Stage
from adautomix.results.protocol import Decision, Protocol, Setting

TWICE, CONSTANT = "Vanilla, twice the rate", "AutoMix, constant masks"
CLASSIFIER, TEACHER = Setting("cosine", "classifier"), Setting("cosine", "teacher")
SIMPLE = ("plain", "mixup", "decoupled", "regmixup")
LEARNED = ("automix", "adautomix")

CONTROLS = Experiment(
    title="What is the gain made of?",
    family="cifar100/resnet18",
    budgets={"lite": "bf16", "short": "bf16"},
    methods=(*SIMPLE, *LEARNED),
    variants={
        # Losses with weights that sum to 2 take steps of twice the size at one rate.
        TWICE: "plain/optim.lr=0.2",
        CONSTANT: "automix/method.lam_margin=0.499999",
    },
    # Only the cosine to zero: of both schedules of "reporting" it is the one in which plain
    # training, the method to beat, is best by its classifier.
    schedules={"cosine": "schedule.floor=0"},
    # The new rows first, a seed at a time: one seed of each says more than three of one.
    stages=(
        Stage((0, 1, 2), ("regmixup", "decoupled", TWICE)),
        Stage((0, 1, 2)),
    ),
    evaluations={"calibration": {}, "calibration_scaled": {}, "fgsm": {}},
    protocol=Protocol(
        question=(
            "The losses of AdAutoMix's classifier are those of mixed, interpolated and clean "
            "images, with weights that sum to 2, and its masks are learned against it. RegMixup "
            "has clean and interpolated images and the same sum, but no masks, no generator and no "
            "teacher. Is AdAutoMix ahead of it?"
        ),
        reported={
            **dict.fromkeys((*SIMPLE, TWICE), CLASSIFIER),
            **dict.fromkeys((*LEARNED, CONSTANT), TEACHER),
        },
        # The gain needs the generator if the 95 % interval of AdAutoMix minus RegMixup over three
        # paired seeds is above zero by the classifiers and by the teachers, and does not if it is
        # below zero by both. All other differences are shown but decide nothing.
        decides=Decision(
            metric="top1_median10",
            method="adautomix",
            against="regmixup",
            settings=(CLASSIFIER, TEACHER),
            seeds=3,
        ),
        contrasts={
            "the generator and its masks": ("adautomix", "regmixup"),
            "masks of AutoMix, against RegMixup": ("automix", "regmixup"),
            "clean images beside mixed ones": ("regmixup", "mixup"),
            "interpolated images beside clean ones": ("regmixup", "plain"),
            "a step of twice the size": (TWICE, "plain"),
            "RegMixup, against a step of its size": ("regmixup", TWICE),
            "AdAutoMix, against a step of its size": ("adautomix", TWICE),
            "the decoupled term": ("decoupled", "mixup"),
        },
    ),
)
