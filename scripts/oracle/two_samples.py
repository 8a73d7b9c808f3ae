"""python3 scripts/oracle/two_samples.py: the numbers in tests/test_two_samples.c, from SciPy."""
import numpy as np
import scipy
from scipy import stats

A = np.array([0.512, 0.498, 0.531, 0.476, 0.505, 0.549, 0.488, 0.521, 0.467, 0.515, 0.502, 0.539])
B = np.array([0.533, 0.527, 0.540, 0.518, 0.561, 0.572, 0.509, 0.556, 0.471, 0.548])
C = np.array([1.0, 2.0, 2.0, 3.0, 5.0, 5.0, 5.0, 8.0])
D = np.array([2.0, 3.0, 5.0, 5.0, 6.0, 8.0, 9.0, 9.0, 12.0])
P = np.array([0.01, 0.04, 0.03, 0.005, 0.2, 0.03, 0.9, 0.0004])


def line(name, *values):
    print(f"{name:34s}", " ".join(f"{v:.15g}" for v in values))


def one_sided(test, a, b, **options):
    """p of "b no higher than a", of "no lower"."""
    return test(b, a, alternative="greater", **options).pvalue, test(b, a, alternative="less", **options).pvalue


print("scipy", scipy.__version__)
w = stats.ttest_ind(B, A, equal_var=False)
line("welch t, freedom, p, interval", w.statistic, w.df, w.pvalue, *w.confidence_interval(0.95))
n = len(B)
w = stats.ttest_rel(B, A[:n])
line("paired t, freedom, p, interval", w.statistic, w.df, w.pvalue, *w.confidence_interval(0.95))
distinct = B + 0.0001 * np.arange(1, n + 1) / 7      # no ties with A
w = stats.mannwhitneyu(distinct, A, method="exact")
line("mann-whitney exact U, p", w.statistic, w.pvalue)
line("  one-sided", *one_sided(stats.mannwhitneyu, A, distinct, method="exact"))
w = stats.mannwhitneyu(D, C, method="asymptotic", use_continuity=True)
line("mann-whitney with ties U, p", w.statistic, w.pvalue)
w = stats.wilcoxon(distinct - A[:n], alternative="greater", method="exact")
line("signed ranks exact W+, p greater", w.statistic, w.pvalue)
line("  p less", stats.wilcoxon(distinct - A[:n], alternative="less", method="exact").pvalue)
d = D[:8] - C
w = stats.wilcoxon(d, alternative="greater", method="asymptotic", correction=True, zero_method="wilcox")
line("signed ranks with ties W+, p", w.statistic, w.pvalue)
se = np.hypot(0.02, 0.03)
line("normal p, interval", 2 * stats.norm.sf(0.08 / se), *(0.08 + se * stats.norm.ppf([0.025, 0.975])))
order = np.argsort(P, kind="stable")
holm = np.empty(len(P))
holm[order] = np.minimum(1, np.maximum.accumulate((len(P) - np.arange(len(P))) * P[order]))
line("holm", *holm)
line("benjamini-hochberg", *stats.false_discovery_control(P))
shifts = np.sort((D[:, None] - C[None]).ravel())
line("hodges-lehmann", np.median(shifts))
