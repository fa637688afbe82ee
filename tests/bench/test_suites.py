"""What the suites measure, on tiny sizes; that they are fast or slow is nobody's test."""

import functools
import io
from dataclasses import replace
from types import SimpleNamespace

import PIL.Image
import pytest
import torch

from adautomix.bench import gpu, loading, memory, methods, models, parts, rules, steps, variants
from adautomix.bench.case import Case, Trial
from adautomix.device import Numerics
from adautomix.errors import InputError
from adautomix.methods import METHODS
from adautomix.models import Net

TINY = {"batch": 4, "side": 16, "classes": 5, "net": Net("resnet18", stem="cifar", width=8)}


def test_a_trial_takes_one_step_of_the_public_loop_at_a_time():
    trial = Trial(Case("plain", **TINY), Numerics())
    for done in range(1, 11):  # past the end of an epoch
        trial.step()
        assert trial.training.step == done
    assert len(trial.training.curve) == 1


def test_every_method_meets_the_same_noise():
    one, other = Case("plain", **TINY).images(), Case("adautomix", **TINY, n=2).images()
    assert one.sha256 == other.sha256


def test_steps_count_what_the_docstrings_promise(options, monkeypatch):
    monkeypatch.setattr(steps, "peak_mib", lambda case, numerics: 3.0 if case.n else 1.5)
    rows = {row["method"]: row for row in steps.steps(options)}
    assert [rows[m]["units"] for m in ("plain", "automix", "adautomix")] == [3, 9, 12]
    for row in rows.values():
        assert row["floor"] == row["units"] / 3
        assert row["counted_floor"] == pytest.approx(row["floor"], rel=0.02), row["method"]
        assert row["ratio"] > 0
    assert rows["plain"]["ratio"] == rows["plain"]["memory_ratio"] == 1


def test_on_a_gpu_steps_say_how_long_it_works(options, monkeypatch):
    monkeypatch.setattr(steps, "peak_mib", lambda case, numerics: 1.0)
    few = replace(options, repeats=1, methods=("adautomix",))
    assert not {"gpu_seconds", "busy"} & set().union(*steps.steps(few))
    monkeypatch.setattr(steps, "busy_seconds", lambda step, numerics: 0.5)
    for row in steps.steps(few):
        assert row["gpu_seconds"] == 0.5
        assert row["busy"] == 0.5 / row["seconds"]


def test_what_a_gpu_does_side_by_side_counts_once():
    def event(start, end, device="CUDA", annotation=False):
        kind = getattr(torch.autograd.DeviceType, device)
        span = SimpleNamespace(start=start, end=end)
        return SimpleNamespace(time_range=span, device_type=kind, is_user_annotation=annotation)

    kernels = [event(10, 20), event(0, 4), event(15, 30), event(16, 18), event(40, 41)]
    others = [event(0, 100, "CPU"), event(0, 100, annotation=True)]
    assert gpu.covered([*kernels, *others]) == pytest.approx(25e-6)
    assert gpu.covered([]) == 0
    assert gpu.busy_seconds(lambda: pytest.fail("profiled"), Numerics()) is None


def test_every_method_stands_beside_plain_training(options, monkeypatch):
    monkeypatch.setattr(steps, "peak_mib", lambda case, numerics: 1.0)
    found = {row["method"]: row for row in methods.methods(replace(options, repeats=1))}
    assert found.keys() == METHODS.keys()
    assert {row["batch"] for row in found.values()} == {options.batches[0]}
    assert found["adautomix"]["n"] == METHODS["adautomix"].n
    assert found["plain"]["ratio"] == 1


def measured_parts(method, monkeypatch):
    monkeypatch.setattr(parts, "STEPS", 1)
    case = Case(method, **TINY)
    return parts.measure([Trial(case, Numerics())])[case]


def test_parts_know_the_players_and_forward_from_backward(monkeypatch):
    found = measured_parts("adautomix", monkeypatch)
    ways = ("forward", "backward")
    players = {f"{who}, {way}" for who in ("classifier", "teacher") for way in ways}
    rest = {parts.MIXING, parts.OPTIMISER, parts.FOLLOWING, parts.SUMS, parts.REST, "generator"}
    assert set(found) == players | rest
    assert all(seconds >= 0 for seconds in found.values())


def test_a_plain_step_has_no_teacher_s_pass(monkeypatch):
    found = measured_parts("plain", monkeypatch)
    assert "classifier, backward" in found
    assert not any("teacher," in part for part in found)


def test_a_folded_network_answers_as_the_network_does():
    torch.manual_seed(0)
    network = Net("resnet18", stem="cifar", width=8).build(5).eval()
    folded, refresh = variants.fold(network)
    images = torch.randn(3, 3, 16, 16)
    for change in (False, True):
        if change:
            for tensor in network.state_dict().values():
                if tensor.is_floating_point():
                    tensor.mul_(1.25).add_(0.01)
            assert not torch.allclose(folded(images), network(images), atol=1e-4)
            refresh()
        torch.testing.assert_close(folded(images), network(images), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())


@pytest.mark.parametrize(
    ("change", "usual", "then"),
    [
        (variants.folded_teacher, ("BatchNorm2d", torch.float32), None),
        (variants.teacher_in_bf16, ("Conv2d", torch.float32), ("Conv2d", torch.bfloat16)),
    ],
)
def test_a_changed_teacher_answers_and_leaves_the_step_as_it_is(change, usual, then):
    losses, seen = [], []
    for changed in (False, True):
        trial = Trial(Case("adautomix", **TINY), Numerics())
        if changed:
            change(trial)
        seen.append(set())
        for module in trial.training.method.teacher.network.modules():
            module.register_forward_hook(functools.partial(note, seen[-1]))
        for _ in range(2):
            trial.step()
        losses.append({k: float(v) for k, v in trial.training.sums.items()})
    assert usual in seen[0]
    assert usual not in seen[1]
    assert then is None or then in seen[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05, abs=0.05)


def note(seen, module, _, answer):
    if isinstance(answer, torch.Tensor):
        seen.add((type(module).__name__, answer.dtype))


def test_when_gradients_are_taken_changes_no_bit():
    trials = [Trial(Case("adautomix", **TINY), Numerics()) for _ in range(2)]
    variants.gradients_at_the_end(trials[1])
    for trial in trials:
        trial.step()
    usual, late = (trial.training.method.state_dict() for trial in trials)
    assert all(torch.equal(usual[name], late[name]) for name in usual)


def test_a_change_is_made_where_the_memory_is_measured(monkeypatch):
    changed = []
    monkeypatch.setattr(memory.provenance, "peak_memory_mib", lambda: 1.0)
    memory._rise(Case("plain", **TINY), Numerics(), changed.append, torch.get_num_threads())
    assert [trial.case for trial in changed] == [Case("plain", **TINY)]


def test_rules_are_set_beside_a_copy(options):
    rows = {row["rule"]: row for row in rules.rules(options)}
    assert rows["copy"]["copies"] == 1
    assert {"mixup", "cutmix", "snapmix"} <= set(rows)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_loading_is_set_beside_torchvision_on_files_of_the_same_size(options, tmp_path):
    torch.manual_seed(0)
    PIL.Image.effect_noise((60, 80), 50).save(tmp_path / "photo.png")
    for photos in (None, tmp_path):
        rows = loading.loading(replace(options, photos=photos, repeats=1))
        *theirs, ours = rows
        assert ours["loader"] == "adautomix"
        assert max(row["ratio"] for row in theirs) == 1
        assert all(row["images_per_second"] > 0 for row in rows)
        assert {row["kilobytes"] for row in rows} == {ours["kilobytes"]}
    (content,) = loading._contents(None, 1)
    assert PIL.Image.open(io.BytesIO(content)).size == (500, 375)
    assert 80_000 < len(content) <= 110_000
    with pytest.raises(InputError, match="holds no images"):
        loading._contents(tmp_path / "nothing", 1)


def test_memory_is_measured_in_a_process_of_its_own(monkeypatch):
    """The child's measurement, here: a larger batch needs more, and the peak never falls."""
    peaks = iter([100.0, 160.0])
    monkeypatch.setattr(memory.provenance, "peak_memory_mib", lambda: next(peaks))
    found = memory._rise(Case("plain", **TINY), Numerics(), None, torch.get_num_threads())
    assert found == 60.0


@pytest.mark.slow
def test_more_images_need_more_memory():
    small, large = (Case("plain", batch=b, side=32, classes=5) for b in (2, 64))
    assert memory.peak_mib(large, Numerics()) > memory.peak_mib(small, Numerics()) + 50


def test_all_methods_have_units():
    assert all(config.passes >= 3 for config in METHODS.values())


def test_small_models_of_timm_train_as_they_are(options):
    for row in models.models(options):
        assert (row["verdict"], row["side"], row["why"]) == ("as it is", 64, "")
        assert row["features"].count("×") == 2


@pytest.mark.parametrize(
    ("body", "verdict", "tap"),
    [
        (lambda: torch.nn.Conv2d(3, 8, 3), "with a tap by name", "0"),
        (lambda: torch.nn.AvgPool2d(16), "hand-made rules alone", None),
    ],
)
def test_a_model_that_needs_more_is_told_from_one_that_does_not(body, verdict, tap, monkeypatch):
    def made(name, side):
        heads = torch.nn.LazyLinear(models.CLASSES)
        model = torch.nn.Sequential(body(), torch.nn.Flatten(), heads)
        model(torch.zeros(2, 3, side, side))
        return model

    monkeypatch.setattr(models, "_made", made)
    row = models._row("resnet18", 32, Numerics())
    assert (row["verdict"], row["tap"]) == (verdict, tap)
    assert row["why"]
