"""Many generators at once: what numpy's `SeedSequence` computes for one key after the other."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import UInt32, UInt64
from numpy.random.bit_generator import ISeedSequence

WORDS = 4
"""Words of 32 bits in a key, and in the pool of numpy's `SeedSequence`."""
LARGEST_WORD = 2**32
POOL, MULTIPLY_POOL = 0x43B0D7E5, 0x931E8875
STATE, MULTIPLY_STATE = 0x8B51F9DD, 0x58F38DED
LEFT, RIGHT = 0xCA01F9DD, 0x4973F715
HALF = np.uint32(16)


def generators(keys: UInt32[np.ndarray, "b 4"]) -> Iterator[np.random.Generator]:
    """Yield `Generator(PCG64(SeedSequence(key)))` for each key, of four numbers below 2^32."""
    states: Iterator[Any] = map(_Seeded, seeds(keys))
    for state in states:
        yield np.random.Generator(np.random.PCG64(state))


class _Seeded(ISeedSequence):
    """A seed sequence whose words were computed before."""

    def __init__(self, words: UInt64[np.ndarray, " 4"]):
        self.words = words

    def generate_state(self, n_words: int, dtype: object = np.uint32) -> np.ndarray:
        return self.words


def seeds(keys: UInt32[np.ndarray, "b 4"]) -> UInt64[np.ndarray, "b 4"]:
    """Return `SeedSequence(key).generate_state(4, uint64)` of many keys at once.

    numpy computes it for one key at a time, which takes longer than the numbers that are drawn for
    an image. The algorithm is that of O'Neill (2015), which numpy promises not to change.
    """
    factor = POOL

    def hashed(words: UInt32[np.ndarray, " b"]) -> UInt32[np.ndarray, " b"]:
        nonlocal factor
        words = words ^ np.uint32(factor)
        factor = factor * MULTIPLY_POOL % 2**32
        words = words * np.uint32(factor)
        return words ^ (words >> HALF)

    pool = [hashed(word) for word in keys.T]
    for source in range(WORDS):
        for target in range(WORDS):
            if source != target:
                pool[target] = np.uint32(LEFT) * pool[target] - np.uint32(RIGHT) * hashed(
                    pool[source]
                )
                pool[target] ^= pool[target] >> HALF
    state, factor = np.empty((len(keys), 2 * WORDS), "<u4"), STATE
    for i in range(2 * WORDS):
        words = pool[i % WORDS] ^ np.uint32(factor)
        factor = factor * MULTIPLY_STATE % 2**32
        words = words * np.uint32(factor)
        state[:, i] = words ^ (words >> HALF)
    return state.view("<u8").astype(np.uint64)
