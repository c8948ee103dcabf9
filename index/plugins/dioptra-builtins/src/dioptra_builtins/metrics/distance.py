"""Distances and similarities between two batches of images.

A batch is an array of shape (n, …): n images of any shape, such as (n, height, width, channels). Both batches have one
shape. Every result has shape (n,): one value for each pair of images, in the images' own unit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import wasserstein_distance

from dioptra import pyplugs

Batch = npt.ArrayLike
Values = npt.NDArray[np.float64]


@pyplugs.register
def l_inf_norm(y_true: Batch, y_pred: Batch) -> Values:
    """Largest absolute difference of each pair.

    Args:
        y_true: Batch of shape (n, …).
        y_pred: Batch of the same shape.

    Returns:
        Shape (n,).

    Raises:
        ValueError: The shapes differ, or a batch holds single values.
    """
    return _norm(y_true, y_pred, np.inf)


@pyplugs.register
def l_1_norm(y_true: Batch, y_pred: Batch) -> Values:
    """Sum of absolute differences of each pair.

    Args:
        y_true: Batch of shape (n, …).
        y_pred: Batch of the same shape.

    Returns:
        Shape (n,).

    Raises:
        ValueError: The shapes differ, or a batch holds single values.
    """
    return _norm(y_true, y_pred, 1)


@pyplugs.register
def l_2_norm(y_true: Batch, y_pred: Batch) -> Values:
    """Euclidean norm of the difference of each pair.

    Args:
        y_true: Batch of shape (n, …).
        y_pred: Batch of the same shape.

    Returns:
        Shape (n,).

    Raises:
        ValueError: The shapes differ, or a batch holds single values.
    """
    return _norm(y_true, y_pred, 2)


@pyplugs.register
def paired_cosine_similarities(y_true: Batch, y_pred: Batch) -> Values:
    """Cosine of the angle between each pair, -1 to 1; 0 where an image is all zero.

    Args:
        y_true: Batch of shape (n, …).
        y_pred: Batch of the same shape.

    Returns:
        Shape (n,).

    Raises:
        ValueError: The shapes differ, or a batch holds single values.
    """
    one, other = _rows(y_true, y_pred)
    products = np.einsum("ij,ij->i", one, other)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0), dtype=np.float64)


@pyplugs.register
def paired_euclidean_distances(y_true: Batch, y_pred: Batch) -> Values:
    """Euclidean distance of each pair, both scaled to unit length first.

    Args:
        y_true: Batch of shape (n, …).
        y_pred: Batch of the same shape.

    Returns:
        Shape (n,), 0 to 2; an image that is all zero stays so.

    Raises:
        ValueError: The shapes differ, or a batch holds single values.
    """
    one, other = _rows(y_true, y_pred)
    return np.asarray(np.linalg.norm(_unit(one) - _unit(other), axis=1), dtype=np.float64)


@pyplugs.register
def paired_manhattan_distances(y_true: Batch, y_pred: Batch) -> Values:
    """Manhattan distance of each pair, both scaled to unit length first.

    Args:
        y_true: Batch of shape (n, …).
        y_pred: Batch of the same shape.

    Returns:
        Shape (n,); an image that is all zero stays so.

    Raises:
        ValueError: The shapes differ, or a batch holds single values.
    """
    one, other = _rows(y_true, y_pred)
    return np.asarray(np.abs(_unit(one) - _unit(other)).sum(axis=1), dtype=np.float64)


@pyplugs.register
def paired_wasserstein_distances(y_true: Batch, y_pred: Batch) -> Values:
    """Wasserstein distance between the value distributions of each pair.

    Args:
        y_true: Batch of shape (n, …).
        y_pred: Batch of the same shape.

    Returns:
        Shape (n,).

    Raises:
        ValueError: The shapes differ, or a batch holds single values.
    """
    one, other = _rows(y_true, y_pred)
    return np.array([wasserstein_distance(a, b) for a, b in zip(one, other, strict=True)], dtype=np.float64)


def _rows(y_true: Batch, y_pred: Batch) -> tuple[Values, Values]:
    """Both batches with one row an image."""
    one, other = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if one.shape != other.shape:
        raise ValueError(f"the batches have shapes {one.shape} and {other.shape}; they must be the same")
    if one.ndim < 2:
        raise ValueError(f"the batches have shape {one.shape}; wanted (n, …), one image for each of n")
    rows = (len(one), math.prod(one.shape[1:]))
    return one.reshape(rows), other.reshape(rows)


def _norm(y_true: Batch, y_pred: Batch, order: float) -> Values:
    one, other = _rows(y_true, y_pred)
    return np.asarray(np.linalg.norm(one - other, ord=order, axis=1), dtype=np.float64)


def _unit(rows: Values) -> Values:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0), dtype=np.float64)
