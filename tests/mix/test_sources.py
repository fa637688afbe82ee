"""The rules that move pixels say from where: against the pixels themselves, and their gradients."""

from dataclasses import replace

import pytest
import torch

from adautomix.evaluate import object_coverage
from adautomix.evaluate.masks import shown
from adautomix.mix import CutMix, GuidedRule, PuzzleMix, ResizeMix, SnapMix
from adautomix.mix.snapmix import Box
from adautomix.rng import rng_for

BATCH, HEIGHT, WIDTH = 6, 16, 24
EXACT = {
    "resizemix": ResizeMix(),
    "resizemix-sample": ResizeMix(per="sample"),
    "puzzlemix": PuzzleMix(blocks=(2, 4), solver="relaxed"),
}
SMOOTH = {"snapmix": SnapMix(), "snapmix-sample": SnapMix(per="sample")}
each_exact_rule = pytest.mark.parametrize("rule", EXACT.values(), ids=EXACT)
every_rule = pytest.mark.parametrize("rule", (EXACT | SMOOTH).values(), ids=EXACT | SMOOTH)
each_step = pytest.mark.parametrize("step", range(4))


def batch_of():
    return torch.rand(BATCH, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


def applied(rule, images, step=0):
    if not isinstance(rule, GuidedRule):
        return rule(images, rng_for(0, step))
    generator = torch.Generator().manual_seed(1)
    saliency = torch.rand(BATCH, HEIGHT, WIDTH, generator=generator) ** 4
    return rule(images, rng_for(0, step), saliency)


def discs():
    """One round object an image, at different places."""
    generator = torch.Generator().manual_seed(2)
    centres = torch.rand(BATCH, 2, generator=generator) * torch.tensor([HEIGHT, WIDTH])
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    places = torch.stack([rows, columns], dim=-1)
    return (places - centres[:, None, None]).square().sum(dim=-1) < 36


@each_exact_rule
@each_step
def test_the_image_is_its_sources_under_the_masks(rule, step):
    images = batch_of()
    mixed = applied(rule, images, step)
    for b in range(BATCH):
        expected = torch.zeros(3, HEIGHT * WIDTH)
        for n in range(2):
            pixels = images[mixed.partners[b, n]].flatten(1)[:, mixed.sources[b, n].flatten()]
            expected += pixels * mixed.masks[b, n].flatten()
        torch.testing.assert_close(mixed.images[b].flatten(1), expected)


@pytest.mark.parametrize("rule", SMOOTH.values(), ids=SMOOTH)
@each_step
def test_a_resized_pixel_is_named_by_its_nearest_source(rule, step):
    """On images that show rows and columns, a bilinear pixel tells the place it comes from."""
    rows = torch.arange(HEIGHT).float()[:, None].expand(HEIGHT, WIDTH)
    columns = torch.arange(WIDTH).float()[None].expand(HEIGHT, WIDTH)
    ramps = torch.stack([rows, columns]).expand(BATCH, 2, -1, -1)
    mixed = applied(rule, ramps, step)
    picked = mixed.sources[:, 1]
    named = torch.stack([picked // WIDTH, picked % WIDTH], dim=1)
    away = (mixed.images - named).abs() * mixed.masks[:, 1:]
    assert away.max() <= 0.5 + 1e-4


@each_exact_rule
@each_step
def test_what_is_shown_is_the_derivative_of_the_image_by_its_parents(rule, step):
    images = batch_of().requires_grad_()
    mixed = applied(rule, images, step)
    found = shown(mixed)
    for b in range(BATCH):
        (gradient,) = torch.autograd.grad(mixed.images[b].sum(), images, retain_graph=True)
        expected = gradient[mixed.partners[b]].mean(dim=1)  # over the channels
        torch.testing.assert_close(found[b], expected.clamp(max=1))


@every_rule
@each_step
def test_the_kept_share_is_that_of_the_derivative(rule, step):
    """For a resized box the nearest pixel stands for four, so that a disc is met nearly."""
    images, objects = batch_of().requires_grad_(), discs()
    mixed = applied(rule, images, step)
    found = object_coverage(mixed, objects)
    close = 0.12 if isinstance(rule, SnapMix) else 1e-5
    for b in range(BATCH):
        (gradient,) = torch.autograd.grad(mixed.images[b].sum(), images, retain_graph=True)
        weights = gradient[mixed.partners[b]].mean(dim=1).clamp(max=1)
        theirs = objects[mixed.partners[b]]
        expected = (weights * theirs).sum(dim=(1, 2)) / theirs.sum(dim=(1, 2))
        torch.testing.assert_close(found[b], expected, atol=close, rtol=0)


def test_a_shrunk_object_keeps_the_share_of_its_pixels_that_are_picked():
    """All of a quarter-size partner is in sight, yet of its pixels one in four."""
    rule = ResizeMix(low=0.5, high=0.5)
    objects = torch.ones(BATCH, HEIGHT, WIDTH, dtype=torch.bool)
    mixed = applied(rule, batch_of(), step=1)
    torch.testing.assert_close(object_coverage(mixed, objects)[:, 1], mixed.ratios[:, 1])


def test_an_enlarged_object_is_kept_once(monkeypatch):
    """A box of an eighth of the image fills all of it: its pixels count once, not eight times."""
    ends = [(0, HEIGHT, 0, WIDTH), (0, HEIGHT // 2, 0, WIDTH // 4)]  # covered, taken
    boxes = iter([Box(*torch.tensor(end)[:, None].float()) for end in ends])
    monkeypatch.setattr(SnapMix, "_box", lambda *_: next(boxes))
    mixed = applied(SnapMix(), batch_of())
    left = torch.zeros(BATCH, HEIGHT, WIDTH, dtype=torch.bool)
    left[:, : HEIGHT // 2, : WIDTH // 4] = True
    assert object_coverage(mixed, left).tolist() == [[0.0, 1.0]] * BATCH
    assert object_coverage(mixed, ~left).tolist() == [[0.0, 0.0]] * BATCH


@pytest.mark.parametrize(
    "rule", [CutMix(), replace(EXACT["puzzlemix"], transport=False)], ids=["cutmix", "stay"]
)
def test_where_nothing_moves_there_are_no_sources(rule):
    mixed = applied(rule, batch_of())
    assert mixed.sources is None
    assert torch.equal(shown(mixed), mixed.masks)
