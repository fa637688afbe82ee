"""The teacher against its formula and against torch's own moving average."""

import math

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from adautomix.errors import InputError
from adautomix.models import Net, Teacher, momentum_at


@pytest.fixture
def classifier():
    return Net("resnet18", width=8).build(5).train()


def stir(classifier, seed):
    """Other weights, other statistics and one batch more on every counter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in classifier.state_dict().values():
            if tensor.is_floating_point():
                tensor += torch.rand(tensor.shape, generator=generator)
            else:
                tensor += 3


def copies(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.999, 1.0])
def test_the_teacher_follows_by_the_formula_and_counters_are_copied(classifier, momentum):
    teacher = Teacher(classifier)
    stir(classifier, 1)
    before, there = copies(teacher.network), copies(classifier)
    teacher.follow(classifier, momentum)
    assert before.keys() == there.keys() == copies(teacher.network).keys()
    for name, found in teacher.network.state_dict().items():
        if found.is_floating_point():
            expected = momentum * before[name] + (1 - momentum) * there[name]
            torch.testing.assert_close(found, expected)
        else:
            assert found == there[name] == 3
    assert all(torch.equal(a, there[name]) for name, a in classifier.state_dict().items())


def test_the_teacher_is_torchs_average_of_parameters_and_buffers(classifier):
    teacher = Teacher(classifier)
    average = get_ema_multi_avg_fn(0.9)
    theirs = AveragedModel(classifier, multi_avg_fn=average, use_buffers=True)
    theirs.update_parameters(classifier)  # torch's first update is a copy
    for step in range(4):
        stir(classifier, step)
        teacher.follow(classifier, 0.9)
        theirs.update_parameters(classifier)
    expected = theirs.module.state_dict()
    for name, found in teacher.network.state_dict().items():
        if found.is_floating_point():
            torch.testing.assert_close(found, expected[name])


def test_the_momentum_rises_on_a_cosine():
    assert momentum_at(0.0) == pytest.approx(0.999, abs=1e-15)
    assert momentum_at(0.5) == pytest.approx(0.9995, abs=1e-15)
    assert momentum_at(1.0) == 1.0
    assert momentum_at(0.0, 0.9) == pytest.approx(0.9)
    assert momentum_at(1 / 3, 0.9) == pytest.approx(1 - 0.1 * (1 + math.cos(math.pi / 3)) / 2)
    path = [momentum_at(step / 50, 0.9) for step in range(51)]
    assert path == sorted(path)


@pytest.mark.parametrize("progress", [-0.1, 1.1, 7.0])
def test_a_share_of_the_run_is_a_share(progress):
    with pytest.raises(InputError, match=f"lies in .0, 1., not {progress}"):
        momentum_at(progress)


def test_the_teacher_stays_in_evaluation_mode_and_its_forward_changes_nothing(classifier):
    teacher = Teacher(classifier)
    parent = nn.ModuleList([teacher]).train()
    assert parent.training
    assert not any(module.training for module in teacher.modules())
    before = copies(teacher)
    images = torch.randn(4, 3, 32, 32)
    logits = teacher(images)
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    torch.testing.assert_close(teacher(images[:1]), logits[:1])  # not a function of the batch
    torch.testing.assert_close(teacher.forward_with_features(images).logits, logits)


def test_the_teacher_is_a_copy_without_gradients(classifier):
    teacher = Teacher(classifier, 0.5)
    mine, theirs = teacher.network.state_dict(), classifier.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert all(mine[name].data_ptr() != theirs[name].data_ptr() for name in theirs)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.requires_grad for parameter in classifier.parameters())
    assert classifier.training
    assert teacher.base == 0.5


@pytest.mark.parametrize("base", [-0.1, 1.5, float("nan")])
def test_a_momentum_outside_zero_to_one_is_refused(classifier, base):
    with pytest.raises(InputError, match=rf"momentum must lie in \[0, 1\], not {base}"):
        Teacher(classifier, base)
