"""Walk-through of one step of AdAutoMix on a real batch: every quantity of Sec. 3 as an array."""

import copy
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from adautomix import data
from adautomix.data.augment import normalise, to_bytes
from adautomix.data.loaders import on_device
from adautomix.device import decide
from adautomix.errors import InputError
from adautomix.figures.game import Network, Pull, Term
from adautomix.methods import AdAutoMixMethod
from adautomix.methods.adautomix import AdAutoMix
from adautomix.mix import Mixed, blend
from adautomix.pages.notebook import holds
from adautomix.record import Run
from adautomix.results import experiments
from adautomix.rng import StepRNG, rng_for
from adautomix.runs.runner import revive

SYMBOLS = {
    "amce": r"$L_{amce}(\psi_W)$",
    "mce": r"$L_{mce}(\psi_W)$",
    "ace": r"$L_{ace}(\psi_W)$",
    "teacher_amce": r"$L_{amce}(\psi_{\hat W})$",
    "cosine": r"$L_{cosine}$",
}

RATES = {"generator": 1.0, "classifier": 0.01}
"""Learning rate of one step of each network, for `Walkthrough.one_step`."""


class Walkthrough:
    """A trained AdAutoMix, a batch of test images, and one set of partners and ratios for each.

    Args:
        run: a run of AdAutoMix with its weights.
        batch: number of images; each is the first of one set.
        seed: of the choice of images, partners and ratios.

    Raises:
        InputError: a run of another method.
        RecordError: the run was recorded without weights.
    """

    def __init__(self, run: Run, batch: int = 32, seed: int = 0):
        self.run = run
        method, self.recipe = revive(run, decide("cpu"))
        if not isinstance(method, AdAutoMixMethod):
            raise InputError(
                f"the run {run.id} was made with another method than AdAutoMix: "
                "give one whose name begins with adautomix-."
            )
        self.method = method
        whole = data.load(self.recipe.data, self.recipe.evaluate_on)
        order = StepRNG(seed, stream="evaluate").permutation(len(whole)).numpy()
        self.set = whole.take(order[:batch])
        pixels, self.labels = on_device(self.set, "cpu")
        self.info = whole.info
        self.images = normalise(pixels, self.info.mean, self.info.std)
        self.rng = rng_for(seed, step=1)
        self.n = self.method.config.n
        self.partners = self.rng.partners(batch, self.n)
        self.ratios = self.rng.ratios(batch, self.n, self.method.config.concentration)

    @cached_property
    def features(self) -> Tensor:
        """z: the teacher's tapped features of the batch, "b d h w"."""
        with torch.no_grad():
            return self.method.teacher.forward_with_features(self.images).features

    def names(self, which: int = 0) -> list[str]:
        """Return the class names of the images of one set."""
        return [self.set.classes[self.set.labels[i]] for i in self.partners[which]]

    def sizes(self) -> pd.DataFrame:
        """Return a table of the shapes in one step."""
        q, k, v = self.method.generator.attend_to(self.features, self.partners, self.ratios)
        mixed = self.mixed()
        shapes = {
            "images x": ("b c h w", self.images),
            "features z": ("b d h w", self.features),
            "partners": ("b n", self.partners),
            "ratios λ": ("b n", self.ratios),
            "queries q_n": ("b n l e", q),
            "keys Σ k_i, i ≠ n": ("b n l e", k),
            "values v_n": ("b n l 1", v),
            "mask logits P_n (Eq. 5)": (
                "b n h w",
                self.method.generator.logits(self.features, self.partners, self.ratios),
            ),
            "masks P' (Eq. 6, 7)": ("b n H W", mixed.masks),
            "mixed images (Eq. 7)": ("b c H W", mixed.images),
        }
        rows = {name: (axes, " × ".join(map(str, t.shape))) for name, (axes, t) in shapes.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["axes", "here"])

    @torch.no_grad()
    def mixed(self, ratios: Tensor | None = None) -> Mixed:
        """Return x_mix and its masks, for these partners and ratios (Eq. 8)."""
        ratios = self.ratios if ratios is None else ratios
        size = self.images.shape[-2:]
        masks = self.method.generator(self.features, self.partners, ratios, size)
        return Mixed(blend(self.images, self.partners, masks), self.partners, ratios, masks)

    def anatomy(self, which: int = 0) -> dict:
        """Return the arguments of `figures.mix_anatomy` for one set."""
        mixed = self.mixed()
        return {
            "parents": self.set.images[self.partners[which].numpy()],
            "masks": mixed.masks[which].numpy().clip(0, 1),
            "mixed": self.pixels(mixed.images)[which],
            "ratios": self.ratios[which].numpy(),
            "names": self.names(which),
            "features": self.features[self.partners[which]].mean(1).numpy(),
        }

    @torch.no_grad()
    def attention(self, which: int = 0, of: int = 0) -> dict:
        """Return the arguments of `figures.attention_maps`, for four query positions."""
        height, width = self.features.shape[-2:]
        places = [(height // 4, width // 4), (height // 4, 3 * width // 4)]
        places += [(3 * height // 4, width // 4), (3 * height // 4, 3 * width // 4)]
        maps = self.method.generator.attention(self.features, self.partners, self.ratios)[which, of]
        rows = [maps[row * width + column].reshape(height, width).numpy() for row, column in places]
        image = self.set.images[self.partners[which, of]]
        return {"image": image, "maps": np.stack(rows), "queries": np.array(places)}

    def along_ratio(self, shares: tuple[float, ...] = (0.1, 0.33, 0.6, 0.9), sets: int = 4) -> dict:
        """Return the arguments of `figures.methods_grid`: the same sets for several λ_1."""
        rows = {}
        for share in shares:
            rest = (1 - share) / (self.n - 1)
            ratios = torch.full_like(self.ratios, rest)
            ratios[:, 0] = share
            rows[f"λ₁ = {share:g}"] = self.pixels(self.mixed(ratios).images)[:sets]
        parents = self.set.images[self.partners[:sets].numpy()].swapaxes(0, 1)
        return {"mixed": rows, "parents": parents}

    def area_along_ratio(self, steps: int = 9) -> dict:
        """Return the arguments of `figures.sensitivity`: the first mask's mean area by its λ."""
        rows = []
        for share in np.linspace(0.1, 0.9, steps):
            ratios = torch.full_like(self.ratios, (1 - share) / (self.n - 1))
            ratios[:, 0] = share
            rows.append({"x": share, "y": float(self.mixed(ratios).masks[:, 0].mean())})
        words = {
            "xlabel": "ratio λ of the first image",
            "ylabel": "area of its mask",
            "diagonal": True,
        }
        return {"frame": pd.DataFrame(rows), **words}

    def steps(self) -> pd.DataFrame:
        """Return what a step of each network alone changes, see `one_step`, beside the values."""
        every = {network: self.one_step(network) for network in RATES}
        before = next(iter(every.values()))["before"]
        changes = {f"change by the {network}": frame["change"] for network, frame in every.items()}
        return pd.DataFrame({"before": before, **changes})

    def losses(self) -> pd.DataFrame:
        """Return the five loss terms on this batch, with their weights in Eq. 14 and Eq. 15."""
        return self._terms(self.method)

    def game(self) -> dict[str, float | str]:
        """Return what a step of `one_step` changes of its own network's sum, for prose.

        "generator" is the change of Eq. 15, "classifier" that of Eq. 14, and "verdict" says whether
        the first is a rise and the second a fall.
        """
        raised, lowered = (
            float(self.one_step(network).loc[own, "change"])
            for network, own in {"generator": "Eq. 15", "classifier": "Eq. 14"}.items()
        )
        words = holds(raised > 0, lowered < 0)
        return {"generator": raised, "classifier": lowered, "verdict": words}

    def one_step(self, network: str, rate: float | None = None) -> pd.DataFrame:
        """Return the loss terms before and after one gradient step of one network, on this batch.

        The last rows are the weighted sums Eq. 14 and Eq. 15 of this run.

        Args:
            network: "generator" or "classifier".
            rate: learning rate of the step, which is plain gradient descent; None for `RATES`.
        """
        method = copy.deepcopy(self.method)
        before = _with_sums(self._terms(method))
        self._descend(method, network, RATES[network] if rate is None else rate)
        after = _with_sums(self._terms(method))
        return pd.DataFrame({"before": before, "after": after, "change": after - before})

    def pixels(self, images: Tensor) -> np.ndarray:
        """Convert normalised images "b c h w" to uint8 "b h w c"."""
        return to_bytes(images, self.info.mean, self.info.std).numpy()

    def _descend(self, method: AdAutoMixMethod, network: str, rate: float) -> None:
        """Take one step of gradient descent, in evaluation mode, so that no statistics change."""
        method.eval()
        method(self.images, self.labels, self.rng_again(), network).total.backward()
        with torch.no_grad():
            for parameter in method.param_groups()[network]:
                if parameter.grad is not None:
                    parameter.sub_(rate * parameter.grad)

    def rng_again(self) -> StepRNG:
        """Return a new generator of the same random numbers as for this batch."""
        seed, _, step, rank = self.rng.key
        return rng_for(seed, step, rank)

    @torch.no_grad()
    def _terms(self, method: AdAutoMixMethod) -> pd.DataFrame:
        method.eval()
        terms = method(self.images, self.labels, self.rng_again()).terms
        weights = weights_of(method.config)
        rows = [
            {"loss": name, "value": float(terms[name]), "in Eq. 14": own, "in Eq. 15": other}
            for name, (own, other) in weights.items()
        ]
        return pd.DataFrame(rows).set_index("loss")


def _with_sums(terms: pd.DataFrame) -> pd.Series:
    """Return the value of each term, followed by those of Eq. 14 and Eq. 15."""
    sums = terms[["in Eq. 14", "in Eq. 15"]].mul(terms["value"], axis=0).sum()
    return pd.concat([terms["value"], sums.rename(lambda name: name.removeprefix("in "))])


def trained(seed: int = 0, *, budget: str = "quick", device: str = "auto") -> Walkthrough:
    """Return the walk-through of AdAutoMix on PhotoDigits; a missing run is trained.

    The arguments are as for `adautomix.results.experiments.obtain`.
    """
    found = experiments.obtain(
        "photodigits", methods=["adautomix"], budget=budget, seeds=[seed], device=device
    )
    return Walkthrough(found.local[0])


def weights_of(config: AdAutoMix) -> dict[str, tuple[float, float]]:
    """Return each term's weights in Eq. 14 (minimised) and Eq. 15 (maximised)."""
    return {
        "amce": (1.0, config.adversary),
        "mce": (config.alpha, 0.0),
        "ace": (1 - config.alpha, 0.0),
        "teacher_amce": (0.0, -config.beta),
        "cosine": (0.0, 1 - config.beta),
    }


def who_trains_what() -> dict:
    """Return the arguments of `figures.who_trains_what` for the game of Eq. 11."""
    classifier, generator = "classifier", "generator"
    down, up = "minimises", "maximises"
    terms = [
        Term(
            SYMBOLS["amce"], "the generator's image", {classifier: Pull(down), generator: Pull(up)}
        ),
        Term(SYMBOLS["mce"], "the plain interpolation", {classifier: Pull(down, r"\alpha")}),
        Term(SYMBOLS["ace"], "the clean images", {classifier: Pull(down, r"1-\alpha")}),
        Term(SYMBOLS["teacher_amce"], "the teacher on the mix", {generator: Pull(down, r"\beta")}),
        Term(SYMBOLS["cosine"], "the teacher's two views", {generator: Pull(up, r"1-\beta")}),
    ]
    networks = [
        Network(classifier, "classifier", r"$\psi_W$", "descent on Eq. 14"),
        Network(generator, "generator", r"$G_\theta$", "ascent on Eq. 15"),
        Network("teacher", "teacher", r"$\psi_{\hat W}$", "moving average of $W$"),
    ]
    return {"terms": terms, "networks": networks}
