"""What a step costs: `python -m adautomix.bench SUITE` measures, prints a table, writes a record.

One file a suite: `steps` sets every method beside plain training, `growth` follows one method as
N, the batch, the images or the classes grow, `parts` says where a step's time goes, `variants` what
changes of the step would gain, `compiled` what `torch.compile` makes of it, `rules` what mixing
costs beside a copy of the batch, `device` what share of its speed a step reaches.

Everything runs through the public trainer on images of noise. Each suite interleaves what it
compares in one process; nothing here decides whether a number is good.
"""
