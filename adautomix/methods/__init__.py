"""Training methods; `METHODS` holds the hyper-parameters of each registered one."""

from adautomix.methods.adautomix import AdAutoMix, AdAutoMixMethod
from adautomix.methods.adautomix_released import AdAutoMixReleased, AdAutoMixReleasedMethod
from adautomix.methods.align import AlignMix, AlignMixMethod
from adautomix.methods.automix import AutoMix, AutoMixMethod
from adautomix.methods.base import Losses, Method, MethodConfig
from adautomix.methods.dada import DADA, DADAMethod
from adautomix.methods.decoupled import DecoupledMixup, DecoupledMixupMethod
from adautomix.methods.fixed import Fixed, FixedMethod
from adautomix.methods.guided import Guided, GuidedMethod
from adautomix.methods.manifold import ManifoldMix, ManifoldMixMethod
from adautomix.methods.me_ada import MEADA, MEADAMethod
from adautomix.methods.plain import Plain, PlainMethod
from adautomix.methods.regmixup import RegMixup, RegMixupMethod
from adautomix.methods.samix import SAMix, SAMixMethod
from adautomix.mix import GUIDED, MIXERS
from adautomix.names import REGISTRY, load


def registered(name: str) -> MethodConfig:
    """Return a method of `adautomix.names.REGISTRY` with its default hyper-parameters."""
    if name in MIXERS:
        return Fixed(MIXERS[name]())
    if name in GUIDED:
        return Guided(GUIDED[name]())
    return load(REGISTRY[name].home)()


METHODS: dict[str, MethodConfig] = {name: registered(name) for name in REGISTRY}
"""Default hyper-parameters of each method, by its name in recipes and records."""

__all__ = [
    "DADA",
    "MEADA",
    "METHODS",
    "AdAutoMix",
    "AdAutoMixMethod",
    "AdAutoMixReleased",
    "AdAutoMixReleasedMethod",
    "AlignMix",
    "AlignMixMethod",
    "AutoMix",
    "AutoMixMethod",
    "DADAMethod",
    "DecoupledMixup",
    "DecoupledMixupMethod",
    "Fixed",
    "FixedMethod",
    "Guided",
    "GuidedMethod",
    "Losses",
    "MEADAMethod",
    "ManifoldMix",
    "ManifoldMixMethod",
    "Method",
    "MethodConfig",
    "Plain",
    "PlainMethod",
    "RegMixup",
    "RegMixupMethod",
    "SAMix",
    "SAMixMethod",
    "registered",
]
