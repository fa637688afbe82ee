"""Labels: the same class numbers whatever they come as, and one sentence for what names none."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from adautomix.data.labels import INTEGERS, LEFT_OUT, class_numbers
from adautomix.errors import InputError

CLASSES = 5
NUMBERS = torch.tensor([3, 0, 4, 1, 1, 2])
ONE_HOT = F.one_hot(NUMBERS, CLASSES)
WITH_A_GAP = NUMBERS.where(NUMBERS != 4, LEFT_OUT)
TAKEN = {
    **{str(dtype): NUMBERS.to(dtype) for dtype in INTEGERS},
    "(b, 1)": NUMBERS[:, None],
    "(b, 1) int8": NUMBERS.to(torch.int8)[:, None],
    **{
        f"one-hot {dtype}": ONE_HOT.to(dtype)
        for dtype in (*INTEGERS, torch.bool, torch.float32, torch.float64, torch.bfloat16)
    },
}
REFUSED = {
    "fractions": (NUMBERS + 0.7, "labels are torch.float32, .*labels.long"),
    "whole floats": (NUMBERS.double(), "labels are torch.float64, but class numbers are integers"),
    "(b, 1) of floats": (NUMBERS.float()[:, None], "labels are torch.float32"),
    "booleans": (NUMBERS > 1, "labels are torch.bool"),
    "smoothed": (0.9 * ONE_HOT + 0.1 / CLASSES, r"not one-hot, .* labels.argmax\(dim=1\)"),
    "two ones": (ONE_HOT + F.one_hot((NUMBERS + 1) % CLASSES, CLASSES), "not one-hot"),
    "no one": (0 * ONE_HOT, "not one-hot"),
    "one row of them": (ONE_HOT.index_fill(0, torch.tensor(2), 0), "not one-hot"),
    "a one and a NaN": (ONE_HOT.float().where(ONE_HOT == 1, float("nan")), "not one-hot"),
    "one-hot of others": (
        F.one_hot(NUMBERS, 7),
        r"shape \(6, 7\) are neither .* one-hot rows of shape \(batch, 5\)",
    ),
    "three axes": (ONE_HOT[:, None], r"shape \(6, 1, 5\) are neither"),
    "one number": (NUMBERS[0], r"shape \(\) are neither"),
    "too large": (NUMBERS + 1, r"run from 1 to 5, but the model has 5 classes \(0 to 4\)"),
    "negative": (NUMBERS - 1, "run from -1 to 3"),
    "too large by far": (NUMBERS.where(NUMBERS != 2, 2**62), f"run from 0 to {2**62}"),
    "numpy": (NUMBERS.numpy(), r"not a ndarray: give torch.as_tensor\(labels\)"),
    "a list": (NUMBERS.tolist(), "not a list"),
    "none": (None, "not a NoneType"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_labels_of_any_kind_are_the_same_numbers(kind):
    found = class_numbers(TAKEN[kind], CLASSES)
    assert found.dtype == torch.int64
    assert torch.equal(found, NUMBERS)


@pytest.mark.parametrize("left_out", [False, True])
@pytest.mark.parametrize("kind", REFUSED)
def test_what_names_no_class_is_refused_in_one_sentence(kind, left_out):
    labels, sentence = REFUSED[kind]
    with pytest.raises(InputError, match=sentence) as raised:
        class_numbers(labels, CLASSES, left_out=left_out)
    assert re.fullmatch(r"[^\n]*\.", str(raised.value))


def test_a_label_that_is_left_out_is_one_only_where_it_may_be():
    assert torch.equal(class_numbers(WITH_A_GAP, CLASSES, left_out=True), WITH_A_GAP)
    with pytest.raises(InputError, match="run from -100 to 3"):
        class_numbers(WITH_A_GAP, CLASSES)
    with pytest.raises(InputError, match="run from 1 to 5, but"):
        class_numbers((NUMBERS + 1).where(NUMBERS != 3, LEFT_OUT), CLASSES, left_out=True)


def test_all_labels_may_be_left_out_and_there_may_be_none():
    gone = torch.full((3,), LEFT_OUT)
    assert torch.equal(class_numbers(gone, CLASSES, left_out=True), gone)
    assert len(class_numbers(gone[:0], CLASSES)) == 0


def test_a_single_image_of_two_classes_is_taken_either_way():
    assert class_numbers(torch.tensor([[0, 1]]), 2).tolist() == [1]
    assert class_numbers(torch.tensor([[1]]), 2).tolist() == [1]


def test_what_is_left_out_is_what_the_cross_entropy_leaves_out():
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(len(NUMBERS), CLASSES)))
    kept = WITH_A_GAP != LEFT_OUT
    both = (F.cross_entropy(logits[rows], WITH_A_GAP[rows]) for rows in (slice(None), kept))
    assert next(both) == next(both)
