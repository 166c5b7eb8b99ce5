"""Made-up people with the marginals and correlations of a population, and how close a persona file comes to it.

A Gaussian copula: every question about a person (how old, is the religion Catholic, ...) is decided by a latent normal trait, cut where
the population's shares ask for it; the traits are correlated so that the answers are correlated as in the population.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vs_sim.aggregate import Codes, answers, correlations, encode, normal_scores
from vs_sim.errors import InputError
from vs_sim.personas import Persona
from vs_sim.population import Aggregates, Marginal, Matrix, groups, questions

N_SAMPLES = 200
"""Random samples behind the floor of a check."""

_TERMS = 200  # of the Hermite series; at a correlation of .9 the rest is below 1e-4
_SMALLEST = 1e-3  # eigenvalue of the latent correlations, at least: what was estimated pair by pair may contradict itself


def latent_correlations(aggregates: Aggregates) -> Matrix:
    """Correlations that the latent traits need for their answers to correlate as in the population.

    Each pair is solved exactly with the Hermite series of its two step functions: answers with coefficients a and b correlate by
    sum a_k b_k rho^k. What is unknown is 0. If the whole is not positive definite, its eigenvalues are clipped.

    Returns:
        Symmetric and positive definite, 1 on the diagonal.

    Source:
        Cario and Nelson (1997), "NORmal To Anything"; the series in place of their numerical integration. Close to polychoric
        correlations, which maximise a likelihood for each pair instead.
    """
    from statsmodels.stats.correlation_tools import corr_clipped

    observed = aggregates.matrix()
    series = [_hermite(q.counts) for q in questions(aggregates.attributes).values()]
    grid = np.linspace(-1, 1, 401)
    powers = grid ** np.arange(1, _TERMS + 1)[:, None]
    latent = np.eye(len(observed))
    for i in range(len(observed)):
        for j in range(i):
            if not np.isnan(observed[i, j]):
                latent[i, j] = latent[j, i] = np.interp(observed[i, j], _rising((series[i] * series[j]) @ powers), grid)
    if len(latent) and np.linalg.eigvalsh(latent)[0] < _SMALLEST:
        latent = np.asarray(corr_clipped(latent, threshold=_SMALLEST))
    return latent


def _rising(curve: Matrix) -> Matrix:
    """The curve without the dents of a series cut short, which lie near both ends: from its middle outwards it never turns back."""
    middle = len(curve) // 2
    return np.concatenate([np.minimum.accumulate(curve[middle::-1])[:0:-1], np.maximum.accumulate(curve[middle:])])


def _hermite(counts: Sequence[int]) -> Matrix:
    """Coefficients 1 to _TERMS of the normal scores of these counts in normalised Hermite polynomials of the latent trait."""
    cuts, scores = normal_scores(counts)
    density = np.exp(-0.5 * cuts**2) / np.sqrt(2 * np.pi)
    terms = [density, cuts * density]
    for k in range(1, _TERMS - 1):
        terms.append((cuts * terms[k] - np.sqrt(k) * terms[k - 1]) / np.sqrt(k + 1))
    return np.array([np.diff(scores) @ term / np.sqrt(k) for k, term in enumerate(terms, start=1)])


def synthesize(n: int, seed: int, aggregates: Aggregates) -> tuple[Persona, ...]:
    """Personas drawn at random from a population's aggregates; none of them is a person of that population.

    Args:
        n: how many, 1 or more.
        seed: 0 or more; the first personas of a larger n are those of a smaller one.
        aggregates: the population.

    Returns:
        Personas ``synthetic-0001`` and so on, without text, facts and human donation. Missing is missing as often as in the population.

    Raises:
        InputError: n is below 1.
    """
    if n < 1:
        raise InputError(f"n is {n!r}, expected 1 or more personas; pass a larger n")
    root = _root(aggregates)
    generators = [np.random.default_rng((seed, i)) for i in range(n)]
    codes = np.full((n, len(aggregates.attributes)), -1, dtype=np.int64)
    while len(empty := np.flatnonzero((codes == -1).all(axis=1))):  # who lacks every attribute is drawn again: there is nothing to show
        normal = np.array([generators[i].standard_normal(len(root)) for i in empty])
        codes[empty] = _decide(normal, root, aggregates.attributes)
    names = list(aggregates.attributes.items())
    return tuple(
        Persona.model_validate({"id": f"synthetic-{i + 1:04}", **{a: m.values[k] for (a, m), k in zip(names, row, strict=True) if k >= 0}})
        for i, row in enumerate(codes.tolist())
    )


def _root(aggregates: Aggregates) -> Matrix:
    return np.asarray(np.linalg.cholesky(latent_correlations(aggregates)), dtype=np.float64)


def _decide(normal: Matrix, root: Matrix, attributes: Mapping[str, Marginal]) -> Codes:
    """Independent normal numbers, people x questions, to the values of attributes, people x attributes."""
    traits = np.einsum("ij,kj->ik", normal, root)  # not @, whose last bit may depend on the number of rows
    asked = questions(attributes)
    codes = np.full((len(normal), len(attributes)), -1, dtype=np.int64)
    for j, (name, marginal) in enumerate(attributes.items()):
        told_apart = groups(name, marginal)
        group = np.full(len(normal), len(told_apart) - 1)
        level = np.zeros(len(normal))
        missing = np.zeros(len(normal), dtype=bool)
        for q, question in reversed(list(enumerate(asked.values()))):  # backwards, so that the first yes counts
            if question.attribute != name:
                continue
            if question.kind in ("level", "within"):
                level = traits[:, q]
                continue
            yes = traits[:, q] > normal_scores(question.counts)[0][0]
            if question.kind == "group":
                group[yes] = question.group
            else:
                missing = yes
        for k, members in enumerate(told_apart):
            mine = group == k
            codes[mine, j] = members[0]
            if len(members) > 1:
                codes[mine, j] += np.searchsorted(normal_scores([marginal.counts[m] for m in members])[0], level[mine])
        codes[missing, j] = -1
    return codes


@dataclass(frozen=True)
class Closeness:
    """How far a persona file is from a population in one respect, beside random samples of the same size from the population.

    Attributes:
        name: attribute, or which summary of the correlations.
        measure: ``"KS"`` (largest difference of cumulative shares), ``"TV"`` (total variation: half the sum of absolute differences of
            shares) or ``"r"`` (absolute difference of correlations).
        n: personas that have the attribute; pairs for the correlations.
        missing: share of the personas that lack the attribute, 0 to 1; None for the correlations.
        expected_missing: the same in the population.
        distance: 0 to 1 (correlations: 0 to 2).
        floor_mean: mean distance of the random samples.
        floor_q95: their 95 % quantile: a file drawn from the population is beyond it once in twenty.
    """

    name: str
    measure: str
    n: int
    missing: float | None
    expected_missing: float | None
    distance: float
    floor_mean: float
    floor_q95: float

    @property
    def beyond(self) -> bool:
        """Whether the distance exceeds what 95 % of the random samples show."""
        return self.distance > self.floor_q95


@dataclass(frozen=True)
class Check:
    """A persona file against a population.

    Attributes:
        n: personas of the file.
        source: whose aggregates these are.
        attributes: one for each attribute that the file has.
        correlations: ``"mean"`` and ``"largest"`` over the pairs of questions; empty if there is no pair.
        absent: attributes of the population that no persona of the file has.
    """

    n: int
    source: str
    attributes: tuple[Closeness, ...]
    correlations: tuple[Closeness, ...]
    absent: tuple[str, ...]


def check(personas: Sequence[Persona], aggregates: Aggregates, seed: int = 0) -> Check:
    """How close personas come to a population.

    The floor is simulated: samples of the same size, lacking the same attributes, are drawn from the model that `synthesize` draws
    from, and compared with it (their correlations with their own mean, so that it is noise of sampling alone).

    Args:
        personas: the file.
        aggregates: the population.
        seed: of the floor.

    Raises:
        InputError: the personas have none of the population's attributes.
    """
    whole = _without_gaps(aggregates)
    attributes, population = whole.attributes, whole.matrix()
    codes = encode(personas, attributes)
    lacks = codes == -1
    present = ~lacks.all(axis=0)
    if not present.any():
        raise InputError(f"none of {len(codes)} personas has an attribute of the population, expected one of {', '.join(attributes)}")
    rng, root, asked = np.random.default_rng(seed), _root(whole), questions(attributes)
    distances, matrices = [], []
    for _ in range(N_SAMPLES):
        sample = np.where(lacks, -1, _decide(rng.standard_normal((len(codes), len(root))), root, attributes))
        distances.append(_distances(sample, attributes))
        matrices.append(correlations(answers(sample, attributes), asked))
    gaps = {name: m.n_missing / (m.n_missing + sum(m.counts)) for name, m in aggregates.attributes.items()}
    floors, found = np.array(distances), _distances(codes, attributes)
    rows = [
        Closeness(
            name,
            "KS" if marginal.ordered else "TV",
            int((~lacks[:, j]).sum()),
            float(lacks[:, j].mean()),
            gaps[name],
            float(found[j]),
            float(floors[:, j].mean()),
            float(np.quantile(floors[:, j], 0.95)),
        )
        for j, (name, marginal) in enumerate(attributes.items())
        if present[j]
    ]
    return Check(
        n=len(codes),
        source=aggregates.source,
        attributes=tuple(rows),
        correlations=_summaries(correlations(answers(codes, attributes), asked), population, np.array(matrices)),
        absent=tuple(name for name, there in zip(attributes, present, strict=True) if not there),
    )


def _distances(codes: Codes, attributes: Mapping[str, Marginal]) -> Matrix:
    """KS or total variation of each attribute's marginal; NaN where nobody has it."""
    distances = np.full(len(attributes), np.nan)
    for j, marginal in enumerate(attributes.values()):
        code = codes[codes[:, j] >= 0, j]
        if len(code):
            expected = np.append(marginal.counts, 0) / sum(marginal.counts)  # the last is for values that are none of the categories
            difference = np.bincount(code, minlength=len(expected)) / len(code) - expected
            distances[j] = np.abs(np.cumsum(difference)).max() if marginal.ordered else np.abs(difference).sum() / 2
    return distances


def _without_gaps(aggregates: Aggregates) -> Aggregates:
    """The population if nobody lacked an attribute: whom a check compares lacks what the file's personas lack."""
    kept = [i for i, question in enumerate(questions(aggregates.attributes).values()) if question.kind != "missing"]
    rows = list(aggregates.correlations.items())
    return aggregates.model_copy(
        update={
            "attributes": {name: m.model_copy(update={"n_missing": 0}) for name, m in aggregates.attributes.items()},
            "correlations": {rows[i][0]: tuple(rows[i][1][j] for j in kept if j < i) for i in kept},
        }
    )


def _summaries(found: Matrix, population: Matrix, samples: Matrix) -> tuple[Closeness, ...]:
    """Mean and largest absolute difference of the correlations that file and population both have."""
    upper = np.triu_indices(len(population), 1)
    pairs = np.isfinite(found[upper]) & np.isfinite(population[upper])
    if not pairs.any():
        return ()
    difference = np.abs(found - population)[upper][pairs]
    # In a small sample an answer may always be the same: that pair has no correlation there.
    drawn = np.ma.masked_invalid(samples[:, *upper][:, pairs])
    noise = np.abs(drawn - drawn.mean(axis=0))
    rows = []
    for name, value, floor in (("mean", difference.mean(), noise.mean(axis=1)), ("largest", difference.max(), noise.max(axis=1))):
        floor = np.ma.compressed(floor)
        if len(floor):
            rows.append(
                Closeness(name, "r", len(difference), None, None, float(value), float(floor.mean()), float(np.quantile(floor, 0.95)))
            )
    return tuple(rows)
