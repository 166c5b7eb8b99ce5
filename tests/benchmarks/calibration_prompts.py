"""How well the intervals and tests of studies of prompts keep their promises, by simulation in worlds whose truth is known.

    python -m tests.benchmarks.calibration_prompts            about 20 minutes
    python -m tests.benchmarks.calibration_prompts --quick    about 2 minutes, with a tenth of the repetitions

A world is a reference over answers (a fair die; fifty states, whose shares fall as 1, 1/2, 1/3...) and a model that piles its answers up
on the frequent ones. An asking gives one answer, or a list of k different ones. Rates are printed with the standard error that the number
of repetitions gives them; where some samples have no interval, how many is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.coverage import Coverage, coverage, kl_divergence
from analysis.diversity import Diversity, diversities
from analysis.levels import of_diversity
from analysis.over_prompts import over_prompts
from analysis.quality import Rated, qualities
from analysis.reliability import reliabilities
from analysis.replies import Floats, Replies
from analysis.side_by_side import method_tests
from analysis.sweep_effects import sweep
from analysis.uncertainty import Interval
from tests.benchmarks.promises import Parts, print_table, rate, row
from vs_sim.condition import Condition

Lists = npt.NDArray[np.int64]
"""Askings x k: the answers of each."""
N_RESAMPLES = 400


@dataclass(frozen=True)
class World:
    """A reference, and how often the model gives each answer if it gives one."""

    name: str
    reference: Floats
    model: Floats

    def lists(self, rng: np.random.Generator, n: int, k: int) -> Lists:
        """Answers of n askings for k different ones, drawn one after another."""
        keys = np.log(self.model) + rng.gumbel(size=(n, len(self.model)))
        return np.argsort(-keys, axis=1)[:, :k]


class TwoLists(World):
    """Nearly always the same list; one asking in ten gives quite another."""

    def lists(self, rng: np.random.Generator, n: int, k: int) -> Lists:
        """One of the two."""
        return np.arange(k) + k * (rng.random((n, 1)) < 0.1)


def _world(name: str, reference: Floats, power: float) -> World:
    model = reference**power
    return World(name, reference / reference.sum(), model / model.sum())


ZIPF = 1 / np.arange(1.0, 51)
DIE = World("die", np.full(6, 1 / 6), np.array([0.05, 0.1, 0.1, 0.4, 0.2, 0.15]))
STUCK = World("stuck die", np.full(6, 1 / 6), np.array([0.006, 0.006, 0.006, 0.97, 0.006, 0.006]))
STATES = _world("50 states", ZIPF, 2.0)
FAIR_STATES = _world("50 states as they are", ZIPF, 1.0)
TWO_LISTS = TwoLists("states, two lists", STATES.reference, STATES.model)
SHAPES = (
    (DIE, 120, 1),
    (DIE, 40, 3),
    (DIE, 20, 1),
    (STUCK, 60, 1),
    (STATES, 100, 1),
    (STATES, 20, 5),
    (STATES, 12, 5),
    (STATES, 10, 10),
    (FAIR_STATES, 20, 5),
    (TWO_LISTS, 12, 5),
    (TWO_LISTS, 20, 5),
)
"""World, askings, answers an asking."""


def shape(world: World, n: int, k: int) -> str:
    return f"{world.name}, {n} askings of {k}"


def held(what: str, found: Sequence[Interval | None], truth: float) -> None:
    """A row: how many of the intervals hold the truth."""
    known = [one for one in found if one is not None]
    if not known:
        return row(what, "95 %", "no interval")
    none = f", none in {1 - len(known) / len(found):.0%}" if len(known) < len(found) else ""
    row(what, "95 %", rate([one.low - 1e-9 <= truth <= one.high + 1e-9 for one in known]) + none)


def replies(lists: Lists, condition: str = "vs", prompt: str = "p") -> Replies:
    n, k = lists.shape
    texts = tuple(map(str, lists.ravel()))
    return Replies(prompt, condition, "m", texts, np.full(n * k, 1 / k), np.arange(n).repeat(k), np.arange(0, n * k, k), n)


def covered(world: World, lists: Lists, seed: int) -> Coverage:
    names = [str(i) for i in range(len(world.reference))]
    reference = dict(zip(names, world.reference.tolist(), strict=True))
    match = {name: name for name in names}.get
    return coverage(replies(lists), names, reference, match, n=lists.size, seed=seed, n_resamples=N_RESAMPLES)


def divergence(rng: np.random.Generator, n_runs: int) -> None:
    for world, n, k in SHAPES:
        many = world.lists(rng, 50_000, k)
        truth = kl_divergence(np.bincount(many.ravel(), minlength=len(world.reference)) / many.size, world.reference)
        found = [covered(world, world.lists(rng, n, k), i).kl_interval for i in range(n_runs)]
        held(f"interval holds the KL of ever more askings ({truth:.3f}), {shape(world, n, k)}", found, truth)


def found_answers(rng: np.random.Generator, n_runs: int) -> None:
    for world, n, k in SHAPES:
        truth = float(np.mean([len(np.unique(world.lists(rng, n, k))) for _ in range(2000)]))
        found = [covered(world, world.lists(rng, n, k), i).n_found_interval for i in range(n_runs)]
        held(f"interval holds the number found by as many ({truth:.1f}), {shape(world, n, k)}", found, truth)


def precision(rng: np.random.Generator, n_runs: int) -> None:
    for n, k, right, alike in ((20, 5, 0.7, False), (20, 5, 0.7, True), (12, 5, 0.95, False), (100, 1, 0.3, False), (100, 1, 0.98, False)):
        found = []
        for i in range(n_runs):
            wrong = rng.random((n, 1 if alike else k)) >= right
            found.append(covered(DIE, np.where(wrong, 99, rng.integers(6, size=(n, k))), i).precision_interval)
        together = ", all or none of a list" if alike else ""
        held(f"interval holds the share that is right ({right}), {n} askings of {k}{together}", found, right)


def chi_square(rng: np.random.Generator, n_runs: int) -> None:
    for world in (DIE, STATES):
        for n in (20, 100):
            ps = [covered(world, rng.choice(len(world.reference), (n, 1), p=world.reference), i).chi_square_p for i in range(n_runs)]
            row(f"draws from the reference rejected at .05, {world.name}, {n}", "5 %", rate([p is not None and p <= 0.05 for p in ps]))


def unequal(texts: Sequence[str]) -> Floats:
    """Distances of texts that are the same or not."""
    array = np.array(texts)
    return (array[:, None] != array).astype(np.float64)


def true_diversity(rng: np.random.Generator, world: World, n: int, k: int) -> float:
    """Expected diversity of that many askings."""
    samples = (world.lists(rng, n, k).ravel() for _ in range(2000))
    return float(np.mean([np.mean(one[:, None] != one) for one in samples])) * n * k / (n * k - 1)


def diverse(found: Sequence[Replies], n: int, seed: int) -> list[Diversity]:
    return diversities("words", found, unequal, n=n, seed=seed, n_resamples=N_RESAMPLES)


def diversity(rng: np.random.Generator, n_runs: int) -> None:
    for world, n, k in ((DIE, 30, 1), (STATES, 30, 1), (STATES, 4, 5), (FAIR_STATES, 4, 5), (STATES, 20, 5), (TWO_LISTS, 6, 5)):
        for n_prompts in (1, 5):
            truth = true_diversity(rng, world, n, k)
            found = []
            for i in range(n_runs):
                of = [replies(world.lists(rng, n, k), prompt=str(prompt)) for prompt in range(n_prompts)]
                found.append(diverse(of, n * k, i)[0].interval)
            held(f"interval holds the diversity ({truth:.3f}), prompts: {n_prompts}, {shape(world, n, k)}", found, truth)


def ratio(rng: np.random.Generator, n_runs: int) -> None:
    for n_prompts, n, k in ((1, 6, 5), (1, 20, 5), (5, 6, 5)):
        truth = true_diversity(rng, FAIR_STATES, n, k) / true_diversity(rng, STATES, n * k, 1)
        found = []
        for i in range(n_runs):
            direct = [replies(STATES.lists(rng, n * k, 1), "direct", str(prompt)) for prompt in range(n_prompts)]
            lists = [replies(FAIR_STATES.lists(rng, n, k), "vs", str(prompt)) for prompt in range(n_prompts)]
            found.append(diverse(direct + lists, n * k, i)[1].ratio_interval)
        held(f"interval holds the ratio to direct ({truth:.2f}), prompts: {n_prompts}, {n} lists of {k}", found, truth)


def over_prompt_tests(rng: np.random.Generator, n_runs: int) -> None:
    for n_prompts in (10, 30):
        t: list[bool] = []
        u: list[bool] = []
        for i in range(n_runs):
            worlds = [_world("", ZIPF, power) for power in rng.uniform(0.5, 2.5, n_prompts)]  # prompts differ, conditions do not
            both = [replies(world.lists(rng, 20, 1), name, str(p)) for name in ("direct", "vs") for p, world in enumerate(worlds)]
            (test,) = method_tests(diverse(both, 20, i))
            t.append(test.t_p is not None and test.t_p <= 0.05)
            u.append(test.u_p is not None and test.u_p <= 0.05)
        row(f"equal conditions told apart, paired t over {n_prompts} prompts", "5 %", rate(t))
        row(f"equal conditions told apart, U over {n_prompts} prompts (unpaired)", "at most 5 %", rate(u))


def quality(rng: np.random.Generator, n_runs: int) -> None:
    for n_prompts, n, k in ((1, 2, 5), (1, 6, 5), (5, 2, 5), (5, 4, 5), (5, 20, 1)):
        means, differences = [], []
        for _ in range(n_runs):
            of = []
            for name, level in (("direct", 0.5), ("vs", 0.6)):
                for prompt in range(n_prompts):
                    asking = np.arange(n).repeat(k)
                    rated = level + 0.1 * rng.standard_normal(n)[asking] + 0.2 * rng.standard_normal(n * k)
                    of.append(Rated(str(prompt), name, "m", asking, rated[:, None, None]))
            direct, vs = qualities(of, ["appeal"])
            means.append(direct.interval)
            differences.append(vs.difference_interval)
        held(f"interval holds the quality, prompts: {n_prompts}, {n} askings of {k}", means, 0.5)
        held(f"interval holds the difference of quality, prompts: {n_prompts}, {n} askings of {k}", differences, 0.1)


def accuracy(rng: np.random.Generator, n_runs: int) -> None:
    for n, a, b in ((30, 0.5, 0.5), (40, 8.0, 2.0), (60, 0.05, 0.95), (200, 1.0, 3.0)):
        means, differences = [], []
        for i in range(n_runs):
            difficulty = rng.beta(a, b, n)
            own, first = ({f"p{j}": x / 5 for j, x in enumerate(rng.binomial(5, difficulty))} for _ in range(2))
            one = over_prompts(own, first, seed=i, n_resamples=N_RESAMPLES)
            means.append(one.interval)
            differences.append(one.difference_interval)
        held(f"interval holds the accuracy ({a / (a + b):.2f}), {n} prompts asked 5 times", means, a / (a + b))
        held(f"interval holds the difference of accuracy (0), {n} prompts asked 5 times", differences, 0.0)


def calibration(rng: np.random.Generator, n_runs: int) -> None:
    condition = Condition(name="vs", method="vs_standard", k=2)
    for n, true, said in ((40, 0.5, 0.8), (40, 0.8, 0.8), (200, 0.4, 0.95), (200, 0.8, 0.8)):
        found = []
        for i in range(n_runs):
            is_first = rng.random(n) < true
            of = [
                Replies(f"p{j}", "vs", "m", ("right", "wrong"), np.array([p, 1 - p]), np.zeros(2, np.int64), np.zeros(1, np.int64), 1)
                for j, p in enumerate(np.where(is_first, said, 1 - said).tolist())
            ]
            match = {one.prompt: (lambda text: text if text == "right" else None) for one in of}
            (one,) = reliabilities(of, [condition], match, seed=i, n_resamples=N_RESAMPLES)
            found.append(one.ece_interval)
        held(f"interval holds the calibration error ({abs(said - true):.2f}), {n} prompts", found, abs(said - true))


def interaction(rng: np.random.Generator, n_runs: int) -> None:
    conditions = [
        Condition(name=f"{method}-{t}", method=method, k=5 if method == "sequence" else None, temperature=t)
        for method in ("direct", "sequence")
        for t in (0.5, 1.0)
    ]
    found = []
    for i in range(n_runs):
        of = []
        for one in conditions:
            k = 5 if one.method == "sequence" else 1
            of.append(replies(rng.choice(6, (60 // k, k), p=DIE.model), one.name))
        panels = sweep(of_diversity(diverse(of, 60, i)), conditions, temperature=0.7, top_p=1.0)
        found.append(panels[0].effects[1].interval)
    held("interval holds the interaction of temperature and method (0), 60 replies each", found, 0.0)


PARTS: Parts = {
    "divergence": (divergence, 1000),
    "found": (found_answers, 1000),
    "precision": (precision, 1000),
    "chi_square": (chi_square, 1000),
    "diversity": (diversity, 1000),
    "ratio": (ratio, 500),
    "over_prompts": (over_prompt_tests, 500),
    "quality": (quality, 1000),
    "accuracy": (accuracy, 1000),
    "calibration": (calibration, 400),
    "interaction": (interaction, 500),
}


if __name__ == "__main__":
    print_table(__doc__, PARTS)
