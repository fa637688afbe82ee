"""The experiment "mechanism": does the adversary do what the paper says?

    adautomix experiment run mechanism --time-limit 50m

Written before its runs. The claims (Sec. 1, 3.3, A.9, B.4), and what decides each; every number is
the mean over seeds 3, 4 and 5, every difference paired over them, and shown if its 95 % interval
does not contain 0:

1. *The generator makes harder images.* The classifier's loss on the method's own images minus that
   on spatially constant masks of the same λ (evaluation "mixing": loss_own − loss_constant) is
   above 0, and is larger with the adversary than without.
2. *They are hard by what they show.* The same difference against constant masks of the same area
   (loss_own − loss_area) is above 0. If only loss_area − loss_constant is, the images are hard
   because their labels no longer fit.
3. *They are more diverse than AutoMix's* (Fig. 14). Between 10 % and 100 % of the run, the masks of
   fixed images and λ move farther (`between_times` of `adautomix.evaluate.diversity`); and at the
   end the shape of a mask depends more on the images (mask_between_sets).
4. *Their meaning does not collapse.* The object coverage at the end (`kept_share`) is above chance,
   1/N.
5. *The adversary raises the accuracy* (Fig. 10). `top1_median10` of the classifier with the
   adversary at the package's 0.3 minus that without; the paper's weight is 1.

Seeds 0 to 2 are recorded for two of the rows, but without the weights that "mixing" needs.
"""

from adautomix.results.experiment import EMBEDDED, Experiment, Stage

WITHOUT, LETTER = "AdAutoMix, no adversary", "AdAutoMix, adversary 1"
SEEDS = (3, 4, 5)

MECHANISM = Experiment(
    title="Does the adversary do what the paper says?",
    family=EMBEDDED,
    # AutoMix is the cooperative end: its generator lowers the loss that AdAutoMix's raises.
    methods=("automix", "adautomix"),
    variants={
        WITHOUT: "adautomix/method.adversary=0",
        LETTER: "adautomix/method.adversary=1",
    },
    stages=(Stage(SEEDS, ("adautomix", WITHOUT)), Stage(SEEDS)),
    budgets={"quick": "fp32", "smoke": "fp32"},
    evaluations={"mixing": {}},
)
