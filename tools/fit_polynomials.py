#!/usr/bin/env python3
"""Prints the coefficients of src/engine/vector_math.h: polynomials with the smallest largest error, relative to the function that they end up in.

Weighted least squares on Chebyshev nodes, reweighted after Lawson until the errors level out. Needs numpy and mpmath (Debian: python3-numpy, python3-mpmath). Run it to
change a degree or a range; the tests measure what float makes of the result.

Usage: fit_polynomials.py
"""
import math

import mpmath
import numpy

mpmath.mp.dps = 40
NODES = 2000
ROUNDS = 60


def fit(title, function, low, high, degree, weight):
    """`function` over [low, high]; `weight` turns an error of the polynomial into a relative error of the result."""
    nodes = (low + high) / 2 + (high - low) / 2 * numpy.cos(numpy.pi * (numpy.arange(NODES) + 0.5) / NODES)
    values = numpy.array([float(function(mpmath.mpf(x))) for x in nodes])
    weights = numpy.array([weight(x) for x in nodes])
    basis = numpy.polynomial.chebyshev.chebvander((2 * nodes - low - high) / (high - low), degree)
    lawson = numpy.ones(NODES)
    best = (math.inf, None)
    for _ in range(ROUNDS):
        scale = weights * numpy.sqrt(lawson)
        coefficients = numpy.linalg.lstsq(basis * scale[:, None], values * scale, rcond=None)[0]
        errors = numpy.abs(basis @ coefficients - values) * weights
        if errors.max() < best[0]:
            best = (errors.max(), coefficients)
        lawson *= errors / errors.max() + 1e-9
        lawson /= lawson.max()
    power = numpy.polynomial.Chebyshev(best[1], domain=[low, high]).convert(kind=numpy.polynomial.Polynomial).coef
    print(f"{title}: largest error {best[0]:.2g}\n  " + ", ".join(f"{numpy.float32(c):.8g}" for c in power))


def main():
    half = math.log(2) / 2 * 1.0001
    fit("exp: (exp(r) - 1 - r) / r^2, lowest degree first", lambda r: (mpmath.exp(r) - 1 - r) / r**2, -half, half, 4, lambda r: r * r)
    fit("log1p: log(1 + u) / u", lambda u: mpmath.log1p(u) / u, 1e-9, 1, 10, lambda u: u / math.log1p(u))
    fit("log: (log(1 + f) - f + f^2 / 2) / f^3", lambda f: (mpmath.log1p(f) - f + f * f / 2) / f**3, math.sqrt(0.5) - 1, math.sqrt(2) - 1, 7,
        lambda f: abs(f**3 / math.log1p(f)))
    fit("erf below 0.9: erf(x) / x - 1 in x^2", lambda s: mpmath.erf(mpmath.sqrt(s)) / mpmath.sqrt(s) - 1, 1e-9, 0.81, 5,
        lambda s: math.sqrt(s) / math.erf(math.sqrt(s)))
    fit("erf above: -log(1 - erf(t)) - t", lambda t: -mpmath.log(mpmath.erfc(t)) - t, 0.9, 4, 6, lambda t: math.erfc(t) / math.erf(t))


if __name__ == "__main__":
    main()
