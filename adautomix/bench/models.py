"""Suite `models`: which of timm's families train with AdAutoMix as they are, and what others need.

A row says what one step on a batch of noise showed. It is no measurement of time.
"""

from collections.abc import Iterator

import timm
import torch
from torch import nn

from adautomix.bench.options import BenchOptions, Row
from adautomix.device import Numerics
from adautomix.errors import InputError, first_line
from adautomix.methods import AdAutoMix, Fixed, MethodConfig
from adautomix.mix import CutMix
from adautomix.models import Backbone
from adautomix.models.tap import names_of_maps
from adautomix.rng import StepRNG, initial_weights, own_randomness

SMALLEST = (
    *("resnet18", "resnext50_32x4d", "resnetv2_18", "res2net50_14w_8s", "resnest14d", "skresnet18"),
    *("densenet121", "vgg11_bn", "regnetx_002", "dla34", "dpn48b", "cspresnet50", "darknet53"),
    *("efficientnet_b0", "mobilenetv3_small_100", "ghostnet_100", "rexnet_100", "selecsls42b"),
    *("ese_vovnet19b_dw", "hrnet_w18_small", "inception_v3", "xception41", "nf_regnet_b0"),
    *("hgnetv2_b0", "repvgg_a0", "repvit_m0_9", "starnet_s050", "tresnet_m"),
    *("convnext_atto", "convnextv2_atto", "inception_next_atto", "edgenext_xx_small"),
    *("swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "davit_tiny", "focalnet_tiny_srf"),
    *("vit_tiny_patch16_224", "deit_tiny_patch16_224", "eva02_tiny_patch14_224", "cait_xxs24_224"),
    *("convit_tiny", "xcit_nano_12_p16_224", "pit_ti_224", "hiera_tiny_224", "mvitv2_tiny"),
    *("pvt_v2_b0", "twins_pcpvt_small", "nest_tiny", "gcvit_xxtiny", "coat_lite_tiny"),
    *("coatnet_nano_rw_224", "maxvit_rmlp_pico_rw_256", "crossvit_9_240", "levit_128s"),
    *("mobilevit_xxs", "efficientformer_l1", "efficientvit_b0", "fastvit_t8", "poolformer_s12"),
    *("tiny_vit_5m_224", "tnt_s_legacy_patch16_224", "visformer_tiny", "volo_d1_224"),
    *(
        "legacy_xception",
        "inception_v4",
        "inception_resnet_v2",
        "legacy_seresnet18",
        "convmixer_768_32",
    ),
    *("botnet26t_256", "vit_relpos_small_patch16_224", "swinv2_cr_tiny_224", "nextvit_small"),
    *("efficientvit_m0", "shvit_s1", "csatv2"),
    *("mixer_s32_224", "resmlp_12_224", "sequencer2d_s", "mambaout_femto", "swiftformer_xs"),
)
"""A small model of each family."""
SIDES = (64, 128)
"""Image sizes that are tried, the smallest first, before the model's own."""
VERDICTS = ("as it is", "with a tap by name", "hand-made rules alone", "not at all")
BATCH, CLASSES = 4, 10


def models(options: BenchOptions) -> Iterator[Row]:
    """Yield a row for each family: how its smallest image size trains, and why not otherwise."""
    names = ("test_resnet", "test_vit") if options.tiny else SMALLEST
    for name in names:
        yield _best(name, options.numerics)


def _best(name: str, numerics: Numerics) -> Row:
    """Return the row of the first image size that trains as it is, or else of the best verdict."""
    rows = []
    known = timm.get_pretrained_cfg(name)
    for side in (*SIDES, *([known.input_size[-1]] if known else [])):
        rows.append(_row(name, side, numerics))
        if rows[-1]["verdict"] == VERDICTS[0]:
            break
    return min(rows, key=lambda row: VERDICTS.index(row["verdict"]))


def _row(name: str, side: int, numerics: Numerics) -> Row:
    row = {"family": _family(name), "model": name, "side": side}
    why = ""
    for verdict, tap, config, model in _ways(name, side):
        try:
            backbone = Backbone(model) if tap is None else Backbone(model, tap)
            features = _step(config, backbone, side, numerics)
        except Exception as error:
            why = why or first_line(error)
            continue
        return row | {"verdict": verdict, "tap": tap, "features": features, "why": why}
    return row | {"verdict": VERDICTS[-1], "tap": None, "features": None, "why": why}


def _family(name: str) -> str:
    """Return timm's module that defines the model."""
    return timm.models.model_entrypoint(name).__module__.rpartition(".")[2]


def _ways(name: str, side: int) -> Iterator[tuple[str, str | None, MethodConfig, nn.Module]]:
    """Yield what to try, the best first: verdict, tap, method and a new model."""
    yield VERDICTS[0], None, AdAutoMix(), _made(name, side)
    model = _made(name, side).eval()
    for tap in reversed(names_of_maps(model, torch.zeros(2, 3, side, side))):
        yield VERDICTS[1], tap, AdAutoMix(), _made(name, side)
    yield VERDICTS[2], None, Fixed(CutMix()), _made(name, side)


def _made(name: str, side: int) -> nn.Module:
    """Return the model for images of that size, which some families must be told."""
    with initial_weights(seed=0):
        try:
            return timm.create_model(name, num_classes=CLASSES, img_size=side)
        except (TypeError, AssertionError, ValueError, RuntimeError):
            return timm.create_model(name, num_classes=CLASSES)


def _step(config: MethodConfig, backbone: Backbone, side: int, numerics: Numerics) -> str | None:
    """Take one step on noise and return the shape of the features, if any are tapped.

    Raises InputError if the features are one pixel, or a trained network got no gradient.
    """
    method = numerics.place(config.build(backbone, side)).train()
    shape = None
    if isinstance(config, AdAutoMix):
        shape = backbone.feature_shape(side)
        if shape.height * shape.width == 1:
            raise InputError(f"its features are one pixel for {side}×{side} images.")
    source = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, side, side, generator=source).to(numerics.device)
    labels = torch.arange(BATCH, device=numerics.device) % CLASSES
    with own_randomness(), numerics.autocast():
        method(numerics.layout(images), labels, StepRNG(0)).total.backward()
    for network, parameters in method.param_groups().items():
        if not any(p.grad is not None and p.grad.isfinite().all() for p in parameters):
            raise InputError(f"the {network} got no gradient.")
    return None if shape is None else "×".join(map(str, shape))
