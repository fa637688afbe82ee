"""Benchmarks: `python -m adautomix.bench SUITE` measures, prints a table and writes a record.

Each suite is a module: `steps` and `methods` compare methods with plain training, `growth` measures
scaling with N, batch, image size and classes, `parts` the parts of a step's time, `variants` the
gain of possible changes of the step, `compiled` the effect of `torch.compile`, `rules` mixing rules
compared with a copy of the batch, `device` the share of the device's speed that a step reaches.

Everything runs through the public trainer on images of noise. Each suite interleaves what it
compares in one process; there are no pass or fail thresholds.
"""
