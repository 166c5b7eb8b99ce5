"""Made-up populations: counted, drawn from, and compared with what was drawn."""

import json
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest

from vs_sim.aggregate import FEWEST, aggregate, answers, correlations, encode
from vs_sim.cli import main
from vs_sim.errors import InputError, PersonaError
from vs_sim.personas import ATTRIBUTES, SCALES, Persona, load_personas
from vs_sim.population import P4G_PERSUADEES, Aggregates, groups, questions, read_aggregates, to_json
from vs_sim.synthesize import check, latent_correlations, synthesize

SCORES = [name for scale in SCALES for name in scale.attributes]


def pick(rng, **shares):
    return list(shares)[np.searchsorted(np.cumsum(list(shares.values())), rng.random())]


@lru_cache
def village(n=3000, seed=1, rho=0.6, gap=0.0):
    """People of whom we know all: open and care correlate by `rho` as traits; temples lean right; few young or old earn wages."""
    rng = np.random.default_rng(seed)
    people = []
    for i in range(n):
        z = rng.standard_normal(2)
        z[1] = rho * z[0] + np.sqrt(1 - rho**2) * z[1]
        religion = pick(rng, none=0.5, temple=0.3, grove=0.2)
        age = (20, 21, 22, 35, 36, 45, 61, 70)[rng.integers(8)]
        wages = 0.75 if 22 < age < 60 else 0.25
        person = {
            "open": int(np.clip(np.round(3 + z[0]), 1, 5)),
            "care": int(np.clip(np.round(4 + z[1]), 1, 6)),
            "religion": religion,
            "ideology": pick(rng, left=0.2, right=0.8) if religion == "temple" else pick(rng, left=0.7, right=0.3),
            "age": age,
            "employment": pick(rng, wages=wages, other=1 - wages),
        }
        if rng.random() < gap:
            del person["open"], person["care"]
        people.append(Persona.model_validate({"id": f"v{i}", **person}))
    return tuple(people)


def share(people, **wanted):
    return np.mean([all(getattr(p, name) == value for name, value in wanted.items()) for p in people])


@pytest.fixture(scope="module")
def p4g():
    return read_aggregates()


@pytest.fixture(scope="module")
def crowd(p4g):
    return synthesize(5000, 3, p4g)


# --- drawn from the persuadees of PersuasionForGood ---


def test_the_shipped_population_has_every_attribute_and_says_where_it_is_from(p4g):
    assert list(p4g.attributes) == list(ATTRIBUTES)
    assert (p4g.n, p4g.n_people, p4g.licence) == (1013, 757, "Apache-2.0")
    assert "Wang et al." in (p4g.citation or "")
    assert p4g.made_by.startswith("vs-sim personas aggregate p4g_persuadees.csv ")
    assert min(min(m.counts) for m in p4g.attributes.values()) >= FEWEST
    assert to_json(p4g) == P4G_PERSUADEES.read_text("utf-8")


def test_marginals_of_a_large_crowd_are_those_of_the_population(p4g, crowd):
    # 5,000 draws: a share has a standard error of at most .0071; .025 is more than three of them.
    for name, marginal in p4g.attributes.items():
        found = Counter(getattr(person, name) for person in crowd)
        assert set(found) <= set(marginal.values)
        expected = np.array(marginal.counts) / sum(marginal.counts)
        observed = np.array([found[value] for value in marginal.values]) / len(crowd)
        assert np.abs(np.cumsum(observed - expected)).max() < 0.025, name


def test_correlations_of_a_large_crowd_are_those_of_the_population(p4g, crowd):
    asked = questions(p4g.attributes)
    found = correlations(answers(encode(crowd, p4g.attributes), p4g.attributes), asked)
    difference = np.abs(found - p4g.matrix())
    plain = [i for i, question in enumerate(asked.values()) if question.attribute in SCORES]
    assert difference[np.ix_(plain, plain)].max() < 0.06  # about five standard errors
    assert np.nanmean(difference) < 0.02


def test_the_latent_correlations_are_a_correlation_matrix(p4g):
    latent = latent_correlations(p4g)
    assert np.linalg.eigvalsh(latent)[0] > 0
    assert np.allclose(np.diag(latent), 1)
    assert np.allclose(latent, latent.T)


def test_made_up_people_keep_the_stages_of_life(crowd):
    young = [p for p in crowd if p.age <= 22]
    assert share(young, edu="Postgraduate") < 0.05
    assert share(young, marital="Married") < 0.25 < 0.45 < share(crowd, marital="Married")
    assert share([p for p in crowd if p.age >= 60], employment="Employed for wages") < 0.55 < share(crowd, employment="Employed for wages")


def test_made_up_people_are_matched_to_nobody(p4g):
    people = synthesize(3, 0, p4g)
    assert [p.id for p in people] == ["synthetic-0001", "synthetic-0002", "synthetic-0003"]
    assert [(p.human_cents, p.text, p.facts) for p in people] == [(None, None, {})] * 3


def test_the_same_seed_gives_the_same_people_and_a_larger_crowd_begins_with_the_smaller(p4g):
    assert synthesize(40, 0, p4g) == synthesize(100, 0, p4g)[:40]
    assert synthesize(40, 0, p4g) != synthesize(40, 1, p4g)


@pytest.mark.parametrize("n", [0, -1])
def test_a_crowd_has_somebody(p4g, n):
    with pytest.raises(InputError, match=rf"^n is {n}, expected 1 or more personas; pass a larger n$"):
        synthesize(n, 0, p4g)


# --- there and back ---


def test_a_known_population_comes_back():
    known = aggregate(village(), source="village")
    asked = list(questions(known.attributes))
    latent = latent_correlations(known)
    assert latent[asked.index("open"), asked.index("care")] == pytest.approx(0.6, abs=0.04)
    people = synthesize(4000, 2, known)
    for religion in ("none", "temple", "grove"):
        for ideology in ("left", "right"):
            wanted = {"religion": religion, "ideology": ideology}
            assert share(people, **wanted) == pytest.approx(share(village(), **wanted), abs=0.025)
    for low, high, wages in ((0, 30, 0.25), (30, 50, 0.75), (50, 99, 0.25)):
        # Rises and falls with age. The bands' traits are solved one by one: strong relations come back within .08.
        assert share([p for p in people if low < p.age < high], employment="wages") == pytest.approx(wages, abs=0.08)
    again = aggregate(people, source="again")
    assert again.attributes.keys() == known.attributes.keys()
    a, b = again.matrix(), known.matrix()
    i, j = asked.index("open"), asked.index("care")
    assert a[i, j] == pytest.approx(b[i, j], abs=0.04)


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.9])
def test_a_correlation_keeps_sign_and_size_through_the_levels(rho):
    known = aggregate(village(rho=rho, n=2000), source="village")
    asked = list(questions(known.attributes))
    assert latent_correlations(known)[asked.index("care"), asked.index("open")] == pytest.approx(rho, abs=0.05)


@pytest.mark.parametrize("care", [(10, 90), (90, 10)])
@pytest.mark.parametrize("rho", [-0.88, -0.7, 0.7, 0.88])
def test_a_strong_correlation_of_rare_answers_is_solved_where_the_series_is_cut_short(rho, care):
    from scipy.stats import multivariate_normal, norm

    cuts = norm.ppf([0.1, care[0] / 100])  # of the traits: below is no, above is yes
    both = multivariate_normal.cdf(cuts, cov=[[1, rho], [rho, 1]], abseps=1e-9, releps=1e-9)
    observed = (both - 0.1 * care[0] / 100) / 0.09
    whole = {"source": "pair", "citation": None, "licence": None, "made_by": "hand", "rule": "none", "n": 100, "n_people": 100}
    attributes = {name: {"values": (1, 2), "counts": counts} for name, counts in (("open", (10, 90)), ("care", care))}
    pair = Aggregates.model_validate({**whole, "attributes": attributes, "correlations": {"open": (), "care": (observed,)}})
    assert latent_correlations(pair)[1, 0] == pytest.approx(rho, abs=0.02)


def test_what_is_missing_stays_missing_as_often_and_together():
    known = aggregate(village(gap=0.3, n=1000), source="village")
    people = synthesize(3000, 5, known)
    assert share(people, open=None) == pytest.approx(0.3, abs=0.04)
    assert share(people, open=None, care=None) == pytest.approx(0.3, abs=0.05)  # independent gaps would give .09
    assert share(people, age=None) == 0


def test_nobody_is_made_up_who_has_nothing_to_show():
    people = [Persona(id=f"a{i}", age=30 + i % 3) if i % 2 else Persona(id=f"a{i}", sex="Male") for i in range(60)]
    made = synthesize(200, 0, aggregate(people, source="halves"))
    assert all(p.age is not None or p.sex is not None for p in made)


# --- what is published ---


def test_rare_values_are_merged_or_left_out():
    people = [
        Persona(id=f"a{i}", age=age, sex=sex) for i, (age, sex) in enumerate([(3, "Other"), *[(18, "Male")] * 6, *[(40, "Female")] * 7])
    ]
    known = aggregate([*people, Persona(id="old", age=90)], source="few")
    assert known.attributes["age"].values == (18, 40)  # 3 joins 18, 90 joins 40: their ages are nowhere
    assert known.attributes["age"].counts == (7, 8)
    assert known.attributes["sex"].model_dump() == {"values": ("Female", "Male"), "counts": (7, 6), "n_missing": 0}
    assert not {"3", "90", "Other"} & set(json.dumps(known.model_dump()["attributes"]).replace(",", " ").replace("]", " ").split())


def test_rows_of_one_person_do_not_make_five_people():
    def row(i, person, **more):
        return Persona.model_validate({"id": f"r{i}", **dict.fromkeys(SCORES, 2 + person % 3), **more})

    crowd = [row(i, i, power=1 + (i // 3) % 4 / 4) for i in range(60)]
    twelve = [row(100 + i, 1, power=6) for i in range(12)]
    assert 6 not in aggregate([*crowd, *twelve], source="x").attributes["power"].values
    # With few attributes, equal rows are different people.
    assert 6 in aggregate([Persona(id=p.id, power=p.power) for p in (*crowd, *twelve)], source="x").attributes["power"].values


def test_numbers_are_told_from_words_and_ages_come_in_bands():
    attributes = aggregate(village(300), source="village").attributes
    assert [name for name, m in attributes.items() if not m.ordered] == ["employment", "religion", "ideology"]
    assert [[attributes["age"].values[k] for k in band] for band in groups("age", attributes["age"])] == [
        [20, 21, 22],
        [35, 36],
        [45],
        [61, 70],
    ]
    assert list(questions(attributes))[:4] == ["age: 20 to 22", "age: 35 to 36", "age: 45", "age: within"]


def test_a_population_too_small_to_publish_is_refused():
    with pytest.raises(
        PersonaError, match=r"^few: no attribute has a value that 5 different people share, .* got 4 people with attributes"
    ):
        aggregate([Persona(id=f"a{i}", age=30) for i in range(4)], source="few")
    with pytest.raises(PersonaError, match="got 0 people with attributes"):
        aggregate([Persona(id="a", text="You.")] * 9, source="texts")


# --- files of aggregates ---


def small():
    return json.loads(to_json(aggregate(village(200), source="village")))


def damaged(*keys, value=None):
    content = small()
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not valid JSON (Expecting property name"),
        ("[]", "the file holds list, expected one object with the keys source, citation,"),
        (damaged("attributes"), "key 'attributes' is missing, expected source, citation,"),
        (damaged("nn", value=3), "unknown key 'nn', expected source,"),
        (damaged("n", value="many"), "key 'n' is 'many': "),
        (damaged("attributes", value={}), "key 'attributes' is empty, expected at least one attribute"),
        (damaged("attributes", "opn", value={"values": [1], "counts": [9]}), "key 'attributes' holds 'opn', expected the name of an"),
        (damaged("attributes", "open", "counts", value=[3]), "key 'attributes.open': expected as many counts as values and at least one"),
        (damaged("attributes", "open", "counts", 0, value=-1), "key 'attributes.open': expected counts of 1 or more"),
        (
            damaged("attributes", "open", "counts", 0, value=10**18),
            "key 'attributes.open': expected counts of at most 1000000000, got 1000",
        ),
        (
            damaged("attributes", "open", "counts", 0, value=10**400),
            "key 'attributes.open': expected counts of at most 1000000000, got 1000",
        ),
        (damaged("n", value=10**18), "key 'n' is 1000000000000000000: "),
        (damaged("attributes", "open", "values", 0, value=5), "key 'attributes.open': expected every value once, numbers in rising order"),
        (damaged("attributes", "open", "values", 0, value=0), "key 'attributes.open.values' holds 0, expected values that a persona can"),
        (damaged("attributes", "care"), "key 'correlations' has the unknown row 'care', expected one per question"),
        (damaged("correlations", "care"), "key 'correlations' has no row 'care', expected one per question"),
        (damaged("correlations", "care", value=[0.5]), "key 'correlations.care' holds [0.5], expected "),
        (damaged("correlations", "care", 0, value=1.5), "key 'correlations.care' holds [1.5, "),
    ],
)
def test_a_damaged_file_is_refused_with_its_key(tmp_path, content, sentence):
    path = tmp_path / "village.json"
    path.write_text(content, "utf-8")
    with pytest.raises(PersonaError) as raised:
        read_aggregates(path)
    found = str(raised.value)
    assert found.startswith(f"{path}: ")
    assert sentence in found
    assert found.endswith("; make the file again with 'vs-sim personas aggregate'")


def test_a_file_keeps_the_whole_population(tmp_path):
    known = aggregate(village(200), source="village", citation="nobody", licence="none")
    (tmp_path / "a.json").write_text(to_json(known), "utf-8")
    assert read_aggregates(tmp_path / "a.json") == known
    with pytest.raises(PersonaError, match=r"b\.json: there is no such file, expected aggregates of a population; check the path"):
        read_aggregates(tmp_path / "b.json")


# --- the check ---


def test_a_draw_from_the_population_is_within_the_floor_and_another_population_is_not():
    known = aggregate(village(1000), source="village")
    own = check(synthesize(150, 1, known), known)
    assert (own.n, own.absent, len(own.attributes)) == (150, (), 6)
    assert sum(row.beyond for row in own.attributes) <= 1
    assert not any(row.beyond for row in own.correlations)
    other = check(village(150, rho=-0.6), known)
    assert other.correlations[1].beyond
    old = check([p.model_copy(update={"age": 70, "religion": "moon"}) for p in village(150)], known)
    beyond = {row.name: row.distance for row in old.attributes if row.beyond}
    assert beyond["religion"] == 1.0  # a category that the population lacks
    assert beyond["age"] > 0.8


def test_the_floor_shrinks_with_the_size_and_is_what_samples_show():
    known = aggregate(village(1000), source="village")
    few, many = check(village(50, seed=8), known), check(village(500, seed=8), known)
    assert few.attributes[0].floor_q95 > 2 * many.attributes[0].floor_q95
    # Total variation of two categories is |p - share|: its mean is sqrt(2 / pi) standard errors.
    row = next(row for row in many.attributes if row.name == "ideology")
    p = share(village(1000), ideology="left")
    assert row.floor_mean == pytest.approx(np.sqrt(2 / np.pi * p * (1 - p) / 500), rel=0.2)


def test_absent_attributes_are_named_and_a_file_without_any_is_refused():
    known = aggregate(village(300), source="village")
    checked = check([Persona(id=f"a{i}", age=20 + i, sex="Male") for i in range(9)], known)
    assert [row.name for row in checked.attributes] == ["age"]
    assert checked.absent == ("employment", "religion", "ideology", "open", "care")
    with pytest.raises(InputError, match="none of 1 personas has an attribute of the population, expected one of age, employment,"):
        check([Persona(id="a", text="You.")], known)


def test_gaps_of_the_file_are_shown_beside_those_of_the_population():
    known = aggregate(village(500, gap=0.3), source="village")
    rows = {row.name: row for row in check([p.model_copy(update={"age": None}) for p in village(100)], known).attributes}
    assert rows.keys() == {"employment", "religion", "ideology", "open", "care"}
    assert (rows["open"].missing, rows["open"].n) == (0.0, 100)
    assert rows["open"].expected_missing == pytest.approx(0.3, abs=0.05)


# --- the command ---


def test_from_a_file_to_a_crowd_and_its_check(tmp_path, capsys):
    rows = [json.dumps(p.model_dump(mode="json", exclude_defaults=True)) for p in village(300)]
    (tmp_path / "village.jsonl").write_text("\n".join(rows), "utf-8")
    file, counted, crowd = (str(tmp_path / name) for name in ("village.jsonl", "village.json", "crowd.jsonl"))
    assert main(["personas", "aggregate", file, "--out", counted, "--licence", "CC0"]) == 0
    known = read_aggregates(counted)
    assert (known.source, known.licence, known.n) == ("village.jsonl", "CC0", 300)
    assert known.made_by == "vs-sim personas aggregate village.jsonl --out village.json --licence CC0"
    assert main(["personas", "synthesize", "-n", "30", "--seed", "4", "--from", counted, "--out", crowd]) == 0
    assert load_personas(crowd) == synthesize(30, 4, known)
    capsys.readouterr()
    assert main(["personas", "synthesize", "-n", "30", "--seed", "4", "--from", counted]) == 0
    assert capsys.readouterr().out == (tmp_path / "crowd.jsonl").read_text("utf-8")
    assert main(["personas", "check", crowd, "--against", counted]) == 0
    out = capsys.readouterr().out
    assert out.startswith("30 personas against village.jsonl\n")
    assert max(map(len, out.splitlines())) <= 100
    assert main(["personas", "check", crowd, "--against", counted, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["attributes"]] == list(known.attributes)
    assert [row["name"] for row in found["correlations"]] == ["mean", "largest"]
    assert Aggregates.model_validate_json(to_json(known)) == known


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["synthesize", "-n", "0"], "vs-sim: n is 0, expected 1 or more personas"),
        (
            ["synthesize", "--out", "a.csv"],
            "vs-sim: --out 'a.csv': expected a name that ends in .jsonl, the format that is written; rename",
        ),
        (["synthesize", "--out", "nowhere/a.jsonl"], "vs-sim: nowhere/a.jsonl: cannot be written (No such file or directory), expected a"),
        (["synthesize", "--from", "none.json"], "vs-sim: none.json: there is no such file, expected aggregates of a population"),
        (["check", "none.jsonl"], "vs-sim: none.jsonl: there is no such file, expected a persona file"),
    ],
)
def test_each_mistake_ends_with_a_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert main(["personas", *arguments]) == 2
    assert capsys.readouterr().err.startswith(sentence)
