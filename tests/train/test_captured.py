"""A captured step computes what an eager one does; a stand-in takes the place of CUDA graphs."""

import random

import pytest
import torch
from tape import Tape

from adautomix.data.labels import Targets
from adautomix.data.loaders import Batch
from adautomix.device import Numerics
from adautomix.methods import METHODS, AdAutoMix, AdAutoMixReleased, ManifoldMix, Plain
from adautomix.methods.plain import PlainMethod
from adautomix.models import Net
from adautomix.recipes import SGD
from adautomix.train import Plan, Training, checkpoint
from adautomix.train.captured import MOST, REHEARSALS, CapturedStep
from adautomix.train.recorder import recorder_for

pytestmark = pytest.mark.usefixtures("annotations_unchecked")  # checks draw from `random`

CLASSES, SIDE, BATCH, STEPS = 4, 16, 6, 20


def noise(step, size=BATCH):
    generator = torch.Generator().manual_seed(step)
    images = torch.randn(size, 3, SIDE, SIDE, generator=generator)
    return Batch(images, torch.randint(CLASSES, (size,), generator=generator))


def captured(training):
    """The training, captured by the stand-in."""
    training.captured = CapturedStep(training.method, training.numerics, Tape())
    return training


def state_of(training):
    """Everything that a later step depends on."""
    optimiser = training.optimiser.state_dict()["state"]
    moments = {f"moment {k}": v["momentum_buffer"] for k, v in optimiser.items()}
    return {**training.method.state_dict(), **moments, **training.sums}


def same(training, other):
    mine, theirs = state_of(training), state_of(other)
    assert mine.keys() == theirs.keys()
    assert [k for k in mine if not torch.equal(mine[k], theirs[k])] == []


def compare(training, other, batches):
    """Take the steps with both, one of them captured, and expect the same bits."""
    for batch in batches:
        theirs = other.update(Batch(*map(torch.clone, batch)))
        mine = training.update(batch)
        for tensor in batch:  # what a recording reads is its own
            tensor.zero_()
        found, expected = ({"total": x.total} | x.terms for x in (mine, theirs))
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in found)
    same(training, other)


@pytest.mark.parametrize("name", METHODS)
def test_repeated_steps_equal_eager_ones_bit_for_bit(name):
    pair = []
    for _ in range(2):
        net = Net("resnet18", stem="cifar", width=8).build(CLASSES)
        method = METHODS[name].build(net, SIDE)
        pair.append(Training(method, Plan(4, SGD(lr=0.1)), 10, numerics=Numerics()))
    compare(captured(pair[0]), pair[1], map(noise, range(STEPS)))
    step = pair[0].captured
    assert step.why == ""
    assert max(step.seen.values()) <= REHEARSALS
    assert step.repeated == STEPS - step.seen.total() > 0


SEVERAL = AdAutoMix(momentum=0.9, classifier_updates=2, generator_updates=3)


@pytest.mark.parametrize(
    ("config", "plan"),
    [
        (AdAutoMix(momentum=0.9), {}),
        (AdAutoMix(momentum=0.9), {"optim": SGD(lr=0.1, clip=0.01)}),
        (AdAutoMix(momentum=0.9), {"numerics": Numerics(channels_last=True)}),
        (AdAutoMix(momentum=0.9), {"numerics": Numerics(precision="bf16")}),
        (SEVERAL, {}),
        (AdAutoMix(momentum=0.9, n=2), {}),
    ],
    ids=["plain", "clipped", "channels last", "bf16", "several updates", "two images"],
)
def test_so_they_do_with(make, config, plan):
    """Dropout is on: its random numbers are drawn anew at each repetition."""
    pair = [make(config, epochs=5, dropout=0.5, **plan) for _ in range(2)]
    compare(captured(pair[0]), pair[1], map(noise, range(8)))
    assert pair[0].captured.repeated > 0


def test_a_random_number_of_images_has_a_recording_for_each():
    config, pair = AdAutoMixReleased(n=3, random_n=True), []
    for _ in range(2):
        method = config.build(Net("resnet18", stem="cifar", width=8).build(CLASSES), SIDE)
        pair.append(Training(method, Plan(4), 10, numerics=Numerics()))
    compare(captured(pair[0]), pair[1], map(noise, range(24)))
    assert len(pair[0].captured.recordings) == 4  # of 2 or 3 images, in even and odd steps


def one_hot(batch):
    return Batch(batch.images, torch.eye(CLASSES)[batch.labels])


def column(batch):
    return Batch(batch.images, batch.labels[:, None].to(torch.int32))


@pytest.mark.parametrize("kind", [one_hot, column])
@pytest.mark.parametrize(
    "targets", [Targets(), Targets(smoothing=0.1, class_weights=(1.0, 2.0, 0.5, 1.0))]
)
def test_so_they_do_for_every_kind_of_labels(make, kind, targets):
    pair = [make(AdAutoMix(momentum=0.9), epochs=5) for _ in range(2)]
    for training in pair:
        training.method.targets = targets
    compare(captured(pair[0]), pair[1], (kind(noise(step)) for step in range(6)))
    assert pair[0].captured.repeated == 6 - REHEARSALS


def test_an_odd_batch_runs_eagerly_between_repeated_ones(make):
    pair = [make(AdAutoMix(momentum=0.9), epochs=5) for _ in range(2)]
    sizes = [6, 6, 6, 4, 6, 6, 4, 6]
    compare(captured(pair[0]), pair[1], map(noise, range(8), sizes))
    assert pair[0].way == "captured (4 of 8 updates repeated from a recording)"


def test_a_run_resumed_in_the_middle_goes_on_with_the_same_bits(make, tmp_path):
    straight = captured(make(AdAutoMix(momentum=0.9), epochs=5, dropout=0.5))
    for step in range(4):
        straight.update(noise(step))
    straight.curve.append({})
    checkpoint.save(straight, tmp_path)
    resumed = captured(make(AdAutoMix(momentum=0.9), epochs=5, dropout=0.5))
    checkpoint.load(resumed, checkpoint.latest(tmp_path))
    for training in (straight, resumed):
        for step in range(4, 9):
            training.update(noise(step))
    same(resumed, straight)
    assert resumed.captured.repeated == 5 - REHEARSALS


def test_losses_that_a_caller_keeps_stay_as_they_are(make):
    training = captured(make(Plain(), epochs=5))
    kept = [training.update(noise(step)) for step in range(6)]
    assert len({float(losses.total) for losses in kept}) == 6
    assert len({float(losses.terms["ce"]) for losses in kept}) == 6


def test_gradients_that_a_caller_takes_away_are_there_in_the_next_step(make):
    pair = [make(Plain(), epochs=5) for _ in range(2)]
    captured(pair[0])
    for step in range(6):
        pair[0].optimiser.zero_grad(set_to_none=True)
        compare(*pair, [noise(step)])


def test_no_more_recordings_are_kept_than_are_allowed(monkeypatch):
    monkeypatch.setattr("adautomix.train.captured.MOST", 1)
    assert MOST > 5  # enough for every layer and direction of Manifold Mixup and AlignMix
    nets = [Net("resnet18", stem="cifar", width=8).build(CLASSES) for _ in range(2)]
    pair = [
        Training(ManifoldMix().build(net, SIDE), Plan(4), 10, numerics=Numerics()) for net in nets
    ]
    compare(captured(pair[0]), pair[1], map(noise, range(14)))
    assert len(pair[0].captured.recordings) == 1


class Own(PlainMethod):
    """A method of one's own, of the kinds that a recording would get wrong."""

    kind = ""

    def prepare(self, images, labels, rng):
        if self.kind == "hands over an object":
            return images, labels, rng
        if self.kind == "depends on the weights":
            images = images + 0 * self.classifier.model.fc.weight.sum()
        return images, labels, None

    def compute(self, images, labels, rest):
        if self.kind == "reads" and images.mean() > 100:
            labels = labels.flip(0)
        if self.kind == "draws":
            images = images * (random.random() < 2)
        return super().compute(images, labels)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("reads", "the host reads values"),
        ("draws", "the network draws random numbers on the host"),
        ("hands over an object", "a StepRNG is prepared for it"),
        ("depends on the weights", "what is prepared for it depends on trained weights"),
    ],
)
def test_what_a_recording_would_get_wrong_runs_eagerly_and_is_told(make, kind, why):
    pair = [make(Plain(momentum=None), epochs=5) for _ in range(2)]
    own = Own(pair[0].method.classifier, None).train()
    own.kind = kind
    pair[0].method = pair[0].forward = own
    compare(captured(pair[0]), pair[1], map(noise, range(5)))
    assert pair[0].way == f"eager ({why})"


def test_what_fails_to_be_recorded_runs_eagerly_and_is_told(make):
    class Failing(Tape):
        def record(self, work):
            raise RuntimeError("out of memory\nand more")

    pair = [make(AdAutoMix(momentum=0.9), epochs=5) for _ in range(2)]
    pair[0].captured = CapturedStep(pair[0].method, Numerics(), Failing())
    compare(*pair, map(noise, range(5)))
    assert pair[0].way == "eager (it could not be recorded: out of memory)"


def test_the_stand_in_refuses_to_record_what_reads_values():
    with pytest.raises(RuntimeError, match="waits"):
        Tape().record(lambda: float(torch.ones(2).sum()))


def test_the_stand_in_repeats_what_was_decided_at_the_recording():
    factor, read, written = [2.0], torch.ones(2), torch.zeros(2)

    def work():
        written.add_(1)
        return read * factor[0]

    repeat = Tape().record(work)
    assert written.tolist() == [0, 0]  # recorded, not done
    factor[0] = 3.0
    read.fill_(5)
    assert repeat().tolist() == [10, 10]
    read.fill_(7)
    assert repeat().tolist() == [14, 14]
    assert written.tolist() == [2, 2]


def test_a_method_may_declare_that_it_cannot_be_recorded(make):
    class Counting(PlainMethod):
        captures = False

    class WithForward(PlainMethod):
        def forward(self, *given):
            return super().forward(*given)

    classifier = make(Plain()).method.classifier
    for kind, why in (
        (Counting, "eager (Counting declares captures = False)"),
        (WithForward, "eager (WithForward has a forward of its own)"),
    ):
        assert str(CapturedStep(kind(classifier, None), Numerics(), Tape())) == why


def test_what_is_wrapped_or_in_parts_runs_eagerly_and_is_told(make):
    class Wrapped(torch.nn.Module):
        def __init__(self, method):
            super().__init__()
            self.forward = method.forward

    parts = captured(make(Plain(), epochs=5, parts=2))
    wrapped = captured(make(Plain(), epochs=5))
    wrapped.forward = Wrapped(wrapped.method)
    for training, why in (
        (parts, "eager (a batch is divided into parts)"),
        (wrapped, "eager (the method is wrapped in Wrapped)"),
    ):
        for step in range(4):
            training.update(noise(step))
        assert training.way == why
        assert training.captured.repeated == 0


def test_only_a_gpu_records_and_only_if_it_may(make):
    assert make(Plain()).way == "eager (on cpu)"
    assert recorder_for(Numerics("cuda", capture=False)) == (None, "as asked")
