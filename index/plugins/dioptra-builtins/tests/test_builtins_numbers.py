from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from dioptra_builtins.metrics import distance
from dioptra_builtins.random.rng import init_rng
from dioptra_builtins.random.sample import draw_random_integer, draw_random_integers

ONE = np.array([[[3.0, 4.0]], [[0.0, 0.0]]])
OTHER = np.array([[[0.0, 0.0]], [[1.0, -2.0]]])


def test_the_same_seed_draws_the_same_numbers() -> None:
    seed, first = init_rng(7)
    _, second = init_rng(7)
    assert seed == 7
    assert draw_random_integers(first, size=(2, 3)).tolist() == draw_random_integers(second, size=(2, 3)).tolist()


def test_a_negative_seed_is_replaced_by_one_that_repeats() -> None:
    seed, generator = init_rng(-1)
    assert seed >= 0
    assert draw_random_integer(generator) == draw_random_integer(init_rng(seed)[1])


def test_integers_stay_in_their_range() -> None:
    drawn = draw_random_integers(init_rng(1)[1], low=3, high=6, size=500)
    assert set(drawn.tolist()) == {3, 4, 5}
    assert isinstance(draw_random_integer(init_rng(1)[1], 0, 2), int)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (distance.l_inf_norm, [4.0, 2.0]),
        (distance.l_1_norm, [7.0, 3.0]),
        (distance.l_2_norm, [5.0, 5.0**0.5]),
        (distance.paired_cosine_similarities, [0.0, 0.0]),
        (distance.paired_euclidean_distances, [1.0, 1.0]),
        (distance.paired_manhattan_distances, [1.4, 3 / 5**0.5]),
        (distance.paired_wasserstein_distances, [3.5, 1.5]),
    ],
)
def test_known_distances(function: object, expected: list[float]) -> None:
    assert callable(function)
    np.testing.assert_allclose(function(ONE, OTHER), expected)


def test_equal_images_have_no_distance_and_full_similarity() -> None:
    batch = np.random.default_rng(0).random((3, 4, 4, 3))
    np.testing.assert_allclose(distance.l_2_norm(batch, batch), 0.0)
    np.testing.assert_allclose(distance.paired_cosine_similarities(batch, batch), 1.0)


def test_integer_images_do_not_wrap_around() -> None:
    dark, bright = np.zeros((1, 2, 2), np.uint8), np.full((1, 2, 2), 255, np.uint8)
    assert distance.l_inf_norm(dark, bright).tolist() == [255.0]


def test_batches_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes \(1, 2\) and \(2, 2\)"):
        distance.l_1_norm(np.zeros((1, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="one image for each"):
        distance.l_1_norm(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize("function", [distance.l_inf_norm, distance.l_2_norm, distance.paired_wasserstein_distances])
def test_an_empty_batch_has_no_values(function: Callable[..., np.ndarray[tuple[int], np.dtype[np.float64]]]) -> None:
    assert function(np.zeros((0, 3, 3)), np.zeros((0, 3, 3))).shape == (0,)
