"""Training methods:
`METHODS` maps the name used in recipes to the hyper-parameters with their defaults.
"""

from adautomix.methods.adautomix import AdAutoMix, AdAutoMixMethod
from adautomix.methods.base import Losses, Method, MethodConfig
from adautomix.methods.fixed import Fixed, FixedMethod
from adautomix.methods.plain import Plain, PlainMethod
from adautomix.mix import CutMix, Mixup

METHODS: dict[str, MethodConfig] = {
    "plain": Plain(),
    "mixup": Fixed(Mixup()),
    "cutmix": Fixed(CutMix()),
    "adautomix": AdAutoMix(),
}

__all__ = [
    "METHODS",
    "AdAutoMix",
    "AdAutoMixMethod",
    "Fixed",
    "FixedMethod",
    "Losses",
    "Method",
    "MethodConfig",
    "Plain",
    "PlainMethod",
]
