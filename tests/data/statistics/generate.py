#!/usr/bin/env python3
"""Writes scipy.json: SciPy's results on numbers that are stored with them.

Run as `python3 generate.py > scipy.json` with SciPy 1.17 and statsmodels 0.15. The numbers come
from NumPy's generator with the seed below; whoever runs it again gets the same file.
"""

import json

import numpy as np
import scipy
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20240517)


def samples():
    """Differences of many kinds: sizes, shifts, tails, ties, zeros."""
    yield "normal-6", rng.normal(0.4, 1.0, 6)
    yield "normal-10", rng.normal(0.4, 1.0, 10)
    yield "normal-20", rng.normal(0.3, 1.0, 20)
    yield "normal-50", rng.normal(0.1, 1.0, 50)
    yield "normal-51", rng.normal(0.1, 1.0, 51)
    yield "normal-200", rng.normal(0.05, 1.0, 200)
    yield "lognormal-12", rng.lognormal(0.0, 1.0, 12)
    yield "lognormal-30", rng.lognormal(0.0, 1.5, 30) - 1.0
    yield "cauchy-25", rng.standard_cauchy(25)
    yield "ties-8", np.round(rng.normal(0.5, 1.0, 8), 0)
    yield "ties-13", np.round(rng.normal(0.5, 2.0, 13), 0)
    yield "ties-14", np.round(rng.normal(0.5, 2.0, 14), 0)
    yield "ties-40", np.round(rng.normal(0.5, 2.0, 40), 0)
    yield "zeros-12", np.concatenate([np.zeros(4), rng.normal(1.0, 1.0, 8)])
    yield "zeros-30", np.concatenate([np.zeros(10), rng.normal(0.5, 1.0, 20)])
    yield "tiny-11", rng.normal(1e-9, 1e-9, 11)
    yield "large-15", rng.normal(1e12, 2e12, 15)


def exact_signed_rank(values):
    """The two-sided p over all signs with whole numbers. SciPy counts them where nothing is tied or zero."""
    apart = values[values != 0]
    ranks = [int(2 * rank) for rank in stats.rankdata(np.abs(apart))]
    ways = {0: 1}
    for rank in ranks:
        after = dict(ways)
        for total, count in ways.items():
            after[total + rank] = after.get(total + rank, 0) + count
        ways = after
    positive = sum(rank for rank, value in zip(ranks, apart) if value > 0)
    smaller = min(positive, sum(ranks) - positive)
    p = min(1.0, 2 * sum(count for total, count in ways.items() if total <= smaller) / 2 ** len(ranks))
    if len(apart) == len(values) == len(set(np.abs(values))):
        assert abs(p - stats.wilcoxon(values, method="exact").pvalue) < 1e-12
    return p


def one(name, values):
    n = len(values)
    margin = float(np.std(values, ddof=1) * 0.5)
    signed = stats.wilcoxon(values)
    t = stats.ttest_1samp(values, 0.0)
    ci = t.confidence_interval(0.95)
    boot = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=200_000,
        batch=20_000,
        method="BCa",
        random_state=np.random.default_rng(7),
    )
    pairs = [(values[i] + values[j]) / 2 for i in range(n) for j in range(i, n)]
    flips = None
    if n <= 12:
        flips = float(
            stats.permutation_test(
                (values,),
                lambda x, axis: np.abs(np.mean(x, axis=axis)),
                permutation_type="samples",
                vectorized=True,
                n_resamples=np.inf,
                alternative="greater",
            ).pvalue
        )
    return {
        "name": name,
        "values": [float(v) for v in values],
        "mean": float(np.mean(values)),
        "standardError": float(stats.sem(values)),
        "quantiles": [[p, float(np.quantile(values, p))] for p in (0.05, 0.25, 0.5, 0.99)],
        "wilcoxon": {"statistic": float(signed.statistic), "p": exact_signed_rank(values)},
        "signFlip": flips,
        "hodgesLehmann": float(np.median(pairs)),
        "student": [float(ci.low), float(ci.high)],
        "bca": [float(boot.confidence_interval.low), float(boot.confidence_interval.high)],
    }


def corrections():
    for size in (1, 2, 5, 24, 100):
        p = rng.uniform(0, 1, size) ** 3
        yield {
            "p": [float(v) for v in p],
            "holm": [float(v) for v in multipletests(p, method="holm")[1]],
            "benjaminiHochberg": [float(v) for v in stats.false_discovery_control(p)],
        }


def distribution():
    for degrees in (1, 2, 3, 5, 9, 19, 63, 199, 999):
        for t in (-30.0, -4.0, -1.7, -0.3, 0.0, 0.01, 1.0, 2.5, 12.0):
            yield [degrees, t, float(stats.t.cdf(t, degrees))]


def quantiles():
    for degrees in (1, 2, 3, 5, 9, 19, 63, 199, 999):
        for p in (0.001, 0.025, 0.05, 0.4, 0.5, 0.9, 0.975, 0.995):
            yield [degrees, p, float(stats.t.ppf(p, degrees))]


print(
    json.dumps(
        {
            "scipy": scipy.__version__,
            "samples": [one(name, values) for name, values in samples()],
            "corrections": list(corrections()),
            "studentCdf": list(distribution()),
            "studentQuantile": list(quantiles()),
        },
        indent=1,
    )
)
