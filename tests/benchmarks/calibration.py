"""How well every test and interval of a comparison keeps its promise, by simulation on the humans' own distribution.

    python -m tests.benchmarks.calibration            about half an hour
    python -m tests.benchmarks.calibration --quick    about 3 minutes, with a tenth of the repetitions

Simulated people are drawn from the 982 donations up to $2 (the null), or from a mixture of them with people who all give $1 (an
alternative whose distance is known exactly); the humans that they are compared with are a fresh sample of 982 every time. Rates are
printed with the standard error that the number of repetitions gives them.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from analysis.compare import DISTANCES, SUMMARIES, compare
from analysis.distance import ks_of, tabulate
from analysis.pairs import compare_pairs
from analysis.samples import Arm, Cents, human_cents, human_sample
from analysis.uncertainty import permutation_ps
from tests.benchmarks.promises import Parts, print_table, rate, row

HUMAN = human_cents("drop").cents
SUPPORT = np.unique(HUMAN)
SHARE = tabulate(HUMAN, SUPPORT) / len(HUMAN)


def population(weight: float) -> np.ndarray:
    """Shares over `SUPPORT` of a crowd in which `weight` of the people give $1 whatever happens."""
    shares = SHARE * (1 - weight)
    shares[SUPPORT == 100] += weight
    return shares


def people(rng: np.random.Generator, weight: float, n_personas: int, n_replicates: int, alike: float) -> tuple[Cents, list[str]]:
    """Donations and personas; a conversation repeats its persona's own donation with probability `alike`."""
    own = rng.choice(SUPPORT, n_personas, p=population(weight)).repeat(n_replicates)
    fresh = rng.choice(SUPPORT, n_personas * n_replicates, p=population(weight))
    return np.where(rng.random(len(own)) < alike, own, fresh), [f"p{i}" for i in range(n_personas) for _ in range(n_replicates)]


def arm(cents: Cents, personas: list[str], label: str = "simulated") -> Arm:
    n = len(cents)
    return Arm(label, label, "m", "actual", cents, tuple(personas), tuple(range(n)), (None,) * n, n, {})


def type_one(rng: np.random.Generator, n_runs: int) -> None:
    for n in (50, 200):
        ours: dict[str, list[bool]] = {name: [] for name in DISTANCES}
        textbook = []
        for _ in range(n_runs):
            a, b = rng.choice(HUMAN, n), rng.choice(HUMAN, len(HUMAN))
            found = permutation_ps(a, b, DISTANCES, rng=rng, n_resamples=199)
            for name, p in found.items():
                ours[name].append(p <= 0.05)
            textbook.append(bool(stats.ks_2samp(a, b, method="asymp").pvalue <= 0.05))
        for name, hits in ours.items():
            row(f"true null rejected at .05, {name}, n = {n}", "5 %", rate(hits))
        row(f"  the textbook p of KS, for comparison, n = {n}", "5 %", rate(textbook))


def type_one_replicates(rng: np.random.Generator, n_runs: int) -> None:
    for alike in (0.0, 0.5, 1.0):
        hits: list[bool] = []
        naive: list[bool] = []
        for _ in range(n_runs):
            cents, personas = people(rng, 0.0, 40, 5, alike)
            b = rng.choice(HUMAN, len(HUMAN))
            hits.append(permutation_ps(cents, b, {"ks": ks_of}, rng=rng, n_resamples=199, clusters=personas)["ks"] <= 0.05)
            naive.append(permutation_ps(cents, b, {"ks": ks_of}, rng=rng, n_resamples=199)["ks"] <= 0.05)
        row(f"true null rejected, 40 personas x 5 replicates, {alike:.0%} alike", "at most 5 %", rate(hits))
        row("  counting replicates as independent, for comparison", "5 %", rate(naive))


def type_one_people(rng: np.random.Generator, n_runs: int) -> None:
    hits: list[bool] = []
    naive: list[bool] = []
    for _ in range(n_runs):
        people = [f"p{i}" for i in range(545)]
        own = rng.choice(HUMAN, 545)
        again = rng.integers(545, size=437)  # who takes part once more, and gives as before seven times in ten
        fresh = np.where(rng.random(437) < 0.7, own[again], rng.choice(HUMAN, 437))
        human = human_sample([*own, *fresh], "drop", "drawn", [*people, *(people[i] for i in again)])
        a = rng.choice(HUMAN, 200)
        hits.append(permutation_ps(a, human.cents, {"ks": ks_of}, rng=rng, n_resamples=199, n_effective=human.n_effective)["ks"] <= 0.05)
        naive.append(permutation_ps(a, human.cents, {"ks": ks_of}, rng=rng, n_resamples=199)["ks"] <= 0.05)
    row("true null rejected, n = 200, humans who took part more than once", "5 %", rate(hits))
    row("  counting their donations as independent, for comparison", "5 %", rate(naive))


def truth(weight: float) -> dict[str, float]:
    """Metric -> its value for a crowd without end."""
    found = {name: float(summary(SUPPORT, population(weight))) for name, summary in SUMMARIES.items() if name != "median"}
    return found | {name: float(distance(SUPPORT, population(weight), SHARE)) for name, distance in DISTANCES.items()}


def coverage(rng: np.random.Generator, n_runs: int) -> None:
    for n_personas, n_replicates, alike, weight in (
        (50, 1, 0, 0),
        (50, 1, 0, 0.3),
        (200, 1, 0, 0),
        (200, 1, 0, 0.1),
        (200, 1, 0, 0.3),
        (40, 5, 0.5, 0.3),
        (20, 1, 0, 0.8),
    ):
        true = truth(weight)
        inside: dict[str, list[bool]] = {}
        for i in range(n_runs):
            cents, personas = people(rng, weight, n_personas, n_replicates, alike)
            human = human_sample(rng.choice(HUMAN, len(HUMAN)).tolist(), "drop", "drawn")
            for metric in compare(arm(cents, personas), human, seed=i, n_resamples=400).metrics:
                if metric.name in true and metric.low is not None and metric.high is not None:
                    inside.setdefault(metric.name, []).append(metric.low - 1e-9 <= true[metric.name] <= metric.high + 1e-9)
                if metric.difference_low is not None and metric.difference_high is not None and metric.name in true:
                    gap = true[metric.name] - truth(0)[metric.name]
                    inside.setdefault(f"difference of {metric.name}", []).append(metric.difference_low <= gap <= metric.difference_high)
        crowd = f"{n_personas} personas" + (f" x {n_replicates}, {alike:.0%} alike" if n_replicates > 1 else "")
        for name, hits in inside.items():
            row(f"interval covers, {name}, {crowd}, {weight:.0%} moved to $1", "95 %", rate(hits))


def equivalence(rng: np.random.Generator, n_runs: int) -> None:
    for n, weight in ((200, 0.3), (400, 0.3)):
        true = truth(weight)
        margins = {"ks": true["ks"], "wasserstein": true["wasserstein"], "mean": true["mean"] - truth(0)["mean"]}
        shown: dict[str, list[bool]] = {name: [] for name in margins}
        for i in range(n_runs):
            cents, personas = people(rng, weight, n, 1, 0)
            human = human_sample(rng.choice(HUMAN, len(HUMAN)).tolist(), "drop", "drawn")
            for e in compare(arm(cents, personas), human, seed=i, margins=margins, n_resamples=400).equivalences:
                shown[e.metric].append(bool(e.shown))
        for name, hits in shown.items():
            row(f"equivalence shown though {name} lies on the margin, n = {n}", "at most 5 %", rate(hits))


def pairs(rng: np.random.Generator, n_runs: int) -> None:
    for n_personas, n_replicates in ((100, 1), (30, 3)):
        rejected: dict[str, list[bool]] = {"mean": [], "share_zero": []}
        for i in range(n_runs):
            human = human_sample(rng.choice(HUMAN, len(HUMAN)).tolist(), "drop", "drawn")
            both = np.random.SeedSequence(i).spawn(2)
            # The two conditions share what a persona is like: the same seed draws the personas' own donations.
            (a, personas), (b, _) = (people(np.random.default_rng(both[0]), 0.3, n_personas, n_replicates, 0.5) for _ in range(2))
            noise = rng.random(len(a)) < 0.5
            fresh = rng.choice(SUPPORT, (2, len(a)), p=population(0.3))
            a, b = np.where(noise, fresh[0], a), np.where(noise, fresh[1], b)
            found = compare_pairs(arm(a, personas), arm(b, personas, "other"), human, seed=i, n_resamples=199)
            for name, hits in rejected.items():
                p = found.difference(name).p
                hits.append(p is not None and p <= 0.05)
        for name, hits in rejected.items():
            row(f"equal conditions told apart, {name}, {n_personas} personas x {n_replicates}", "5 %", rate(hits))
        for start in (0.0, 0.3):
            covered: dict[str, list[bool]] = {"mean": [], "ks": [], "wasserstein": []}
            before, after = truth(start), truth(start + 0.3 * (1 - start))
            for i in range(n_runs):
                human = human_sample(rng.choice(HUMAN, len(HUMAN)).tolist(), "drop", "drawn")
                a, personas = people(rng, start, n_personas, n_replicates, 0.5)
                b = np.where(rng.random(len(a)) < 0.3, 100, a)
                found = compare_pairs(arm(a, personas), arm(b, personas, "other"), human, seed=i, n_resamples=400)
                for name, hits in covered.items():
                    d = found.difference(name)
                    if d.low is not None and d.high is not None:
                        hits.append(d.low <= after[name] - before[name] <= d.high)
            for name, hits in covered.items():
                row(
                    f"paired interval covers, {name}, {n_personas} personas x {n_replicates}, {start:.0%} then more at $1",
                    "95 %",
                    rate(hits),
                )


PARTS: Parts = {
    "type_one": (type_one, 4000),
    "replicates": (type_one_replicates, 600),
    "people": (type_one_people, 2000),
    "coverage": (coverage, 1000),
    "equivalence": (equivalence, 800),
    "pairs": (pairs, 1000),
}


if __name__ == "__main__":
    print_table(__doc__, PARTS)
