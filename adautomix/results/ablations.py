"""The ablations of Sec. 4.6, A.8, A.9 and A.10, on PhotoDigits at `quick`: one experiment a table.

    adautomix experiment run loss-terms --time-limit 50m

Written before their runs. Common to all:

- Nothing is chosen by them. The defaults stay as they are, so every run is evaluated on the test
  images, once, at values that were fixed beforehand.
- The number that decides is the paper's: `top1_median10` of the classifier, on seeds 0, 1 and 2.
  A difference is shown if its 95 % interval over paired seeds does not contain 0. The teacher's
  accuracy is shown beside it.
- Only one thing changes at a time. The learning rate stays 0.2, also where the weights of the
  losses no longer sum to 2, as the paper too changes nothing else.
- AdAutoMix is the package's default, whose adversary has the weight 0.3 and not 1.
"""

from collections.abc import Mapping, Sequence

from adautomix.results.experiment import EMBEDDED, Experiment, Stage

SEEDS = (0, 1, 2)
BASE = 'adautomix/method.without=["mce", "ace", "teacher_amce", "cosine"]'


def ablation(
    title: str,
    variants: Mapping[str, str],
    *,
    methods: tuple[str, ...] = ("adautomix",),
    last: tuple[str, ...] = (),
) -> Experiment:
    """Return an experiment on PhotoDigits with three seeds; the rows in `last` are run last."""
    rows = (*methods, *variants)
    first = tuple(row for row in rows if row not in last)
    stages = (Stage(SEEDS, first), *([Stage(SEEDS, last)] if last else []))
    return Experiment(
        title,
        family=EMBEDDED,
        methods=methods,
        variants=variants,
        stages=stages,
        budgets={"quick": "fp32", "smoke": "fp32"},
    )


def values(field: str, chosen: Sequence[float | int], symbol: str) -> dict[str, str]:
    """Return variants of AdAutoMix with other values of a field, `symbol` = value → its run."""
    return {f"{symbol} = {value:g}": f"adautomix/{field}={value:g}" for value in chosen}


ABLATIONS = {
    # Tables 5 and 8. Question: does every term of Eq. 14 and Eq. 15 that is added to the
    # adversarial mixing raise the accuracy, and do the two of the generator raise it most? The
    # paper: 79.38, 79.98, 80.04, 81.32, 81.55. What decides: each row minus the row above it. "Base
    # at twice the rate" takes the step of the whole sum: what it gains is no merit of a term.
    "loss-terms": ablation(
        "Tables 5 and 8: the terms of the losses, added one by one",
        {
            "Base": BASE,
            "Base + L_ace": 'adautomix/method.without=["mce", "teacher_amce", "cosine"]',
            "Base + L_ace + L_mce": 'adautomix/method.without=["teacher_amce", "cosine"]',
            "Base + L_ace + L_mce + teacher's L_amce": 'adautomix/method.without=["cosine"]',
            "Base, twice the rate": f"{BASE}/optim.lr=0.4",
        },
    ),
    # Table 9 and Fig. 6 (d). Question: is the concentration 1 the best, and by how much? The paper
    # calls it the λ ratio: 82.27 at 0.2, 82.32 at 1, 81.73 at 2, 80.02 at 5, 81.05 at 10. What
    # decides: the default minus each other value.
    "concentration": ablation(
        "Table 9: the concentration of the distribution of λ",
        values("method.concentration", (0.2, 2.0, 5.0, 10.0), "λ"),
    ),
    # Table 10 and Fig. 6 (c). Question: are three images better than two, and four or five worse?
    # The paper: 82.16, 82.32, 81.78, 80.79 for 2 to 5. What decides: N = 3 minus each other N.
    "images": ablation(
        "Table 10: the number of images in a mixed one",
        values("method.n", (2, 4, 5), "N"),
        methods=("plain", "adautomix"),
    ),
    # Fig. 6 (a) and (b). Question: are α = 0.5 and β = 0.3 the best? The paper prints no numbers;
    # the values are ours. What decides: the default minus each other value. The outer values are
    # run first, as they would show an effect.
    "alpha": ablation(
        "Fig. 6 (a): the weight of L_mce against L_ace",
        values("method.alpha", (0.1, 0.3, 0.7, 0.9), "α"),
        last=("α = 0.3", "α = 0.7"),
    ),
    "beta": ablation(
        "Fig. 6 (b): the weight of the teacher's cross-entropy against its cosine",
        values("method.beta", (0.1, 0.5, 0.7, 0.9), "β"),
        last=("β = 0.5", "β = 0.7"),
    ),
    # Table 11. Question: is AdAutoMix ahead of other adversarial augmentation? The paper: Baseline
    # 76.42, MixUp 78.52, DADA 78.86, ME-ADA 77.45, SAMix 54.01, AdAutoMix 81.55. What decides:
    # AdAutoMix minus each other row. The paper's SAMix is spectral adversarial mixup, a method for
    # domain adaptation (Zhang et al., 2023); ours is scenario-agnostic mixup, a variant of AutoMix,
    # so it is no test of that number. AutoMix is added beside it.
    "other-adversaries": ablation(
        "Table 11: other adversarial data augmentation",
        {},
        methods=("plain", "mixup", "dada", "me_ada", "samix", "automix", "adautomix"),
    ),
}
