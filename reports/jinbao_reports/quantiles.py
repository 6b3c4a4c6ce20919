"""Quantiles of the chi-square and F distributions, to 20 digits and more: the same on every machine."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath

_CONTEXT = mpmath.MPContext()
_CONTEXT.dps = 30
_TOLERANCE = _CONTEXT.mpf(10) ** -25
_STEPS = 200


@cache
def chi_square(p: Fraction, degrees: int) -> Fraction:
    """The value below which a chi-square variable of so many degrees of freedom lies with probability p, 0 < p < 1."""
    half, wanted = _CONTEXT.mpf(degrees) / 2, _number(p)

    def missing(x: Any) -> Any:
        return _CONTEXT.gammainc(half, 0, x / 2, regularized=True) - wanted

    high = _CONTEXT.mpf(degrees)
    while missing(high) < 0:
        high *= 2
    return _exactly(_root(missing, 0, high))


@cache
def fisher(p: Fraction, degrees: int) -> Fraction:
    """The same of an F variable with as many degrees of freedom above as below, through the beta distribution."""
    half, wanted = _CONTEXT.mpf(degrees) / 2, _number(p)
    share = _exactly(_root(lambda x: _CONTEXT.betainc(half, half, 0, x, regularized=True) - wanted, 0, 1))
    return share / (1 - share)


def _root(missing: Callable[[Any], Any], low: Any, high: Any) -> Any:
    """Where a rising function crosses zero between two values. Raises ValueError, with what is missing, rather than miss it."""
    return _CONTEXT.findroot(missing, (low, high), solver="illinois", tol=_TOLERANCE, maxsteps=_STEPS)


def _number(p: Fraction) -> Any:
    return _CONTEXT.mpf(p.numerator) / p.denominator


def _exactly(value: Any) -> Fraction:
    return Fraction(*map(int, value.as_integer_ratio()))
