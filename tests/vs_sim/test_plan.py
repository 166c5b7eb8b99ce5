"""The plan: what identifies a conversation, what its draws are seeded by, and what it will cost."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import DIRECT, VS
from vs_sim.plan import SHAPES_CONVERSATION, estimate, plan, turn_rng
from vs_sim.run import run_study
from vs_sim.store import RunFolder
from vs_sim.study import Study, load_study

RULES = Path(__file__).parents[2] / "vs_sim" / "rules" / "donation.toml"
ONE_ASKER = '[[persona]]\nid = "asker"\ntext = "You ask."\n'


def by_content(specs):
    return {(s.condition, s.persuadee_model, s.persuadee, s.replicate): (s.id, s.seed) for s in specs}


@pytest.fixture
def planned(study_folder):
    return lambda **changes: plan(load_study(study_folder.write(**changes)))


def test_every_combination_stands_there_once_with_an_id_of_its_own(planned):
    specs = planned(persuadee_models=["scripted:a", "scripted:b"], replicates=3)
    assert len(specs) == 2 * 2 * 4 * 3 == len({s.id for s in specs}) == len(by_content(specs))
    assert all(len(s.id) == 16 and int(s.id, 16) >= 0 for s in specs)


def test_the_human_gift_of_a_matched_persona_comes_along(planned):
    assert {s.persuadee: s.human_cents for s in planned()} == {"ann": 0, "ben": 10, "cem": 20, "dot": 30}


def test_additions_and_another_order_change_no_id(study_folder, planned):
    few = by_content(planned())
    study_folder.people(["ann", "ben", "cem", "dot", "eve"])
    many = by_content(
        planned(
            conditions=[VS, {"name": "cot", "method": "cot"}, DIRECT], persuadee_models=["scripted:x", "scripted:donation"], replicates=2
        )
    )
    assert len(many) == 3 * 2 * 5 * 2
    assert {key: many[key] for key in few} == few


def test_with_one_persuader_the_order_of_personas_changes_no_id(study_folder, planned):
    (study_folder.path / "persuaders.toml").write_text(ONE_ASKER)
    entries = (study_folder.path / "people.toml").read_text().split("\n\n")
    few = by_content(planned())
    (study_folder.path / "people.toml").write_text("\n\n".join(reversed(entries)))
    assert by_content(planned()) == few


def test_conditions_and_models_of_a_pair_and_replicate_share_the_seed_and_nobody_else_does(planned):
    specs = planned(persuadee_models=["scripted:a", "scripted:b"], replicates=3)
    seeds = Counter(s.seed for s in specs)
    assert set(seeds.values()) == {2 * 2}
    assert len(seeds) == 4 * 3
    assert len({(s.persuadee, s.replicate, s.seed) for s in specs}) == 4 * 3


def test_seeds_change_with_the_seed_of_the_study_only(planned):
    seeds = [s.seed for s in planned()]
    assert [s.seed for s in planned(rounds=3, temperature=0.1, persuader_model="scripted:x")] == seeds
    assert not {s.seed for s in planned(seed=8)} & set(seeds)


CHANGES = {
    "scenario": str(Path(__file__).parents[2] / "experiments" / "recycling" / "scenario"),
    "rounds": 3,
    "min_rounds": 1,
    "reply_words": 33,
    "temperature": 0.9,
    "top_p": 0.9,
    "seed": 8,
    "form": "transcript",
    "json_schema": False,
    "n_reasks": 5,
}


def test_every_key_that_shapes_a_conversation_is_among_those_tried():
    assert set(CHANGES) == set(SHAPES_CONVERSATION)
    free = {"question", "prediction", "outcome", "margins", "second_reader", "replicates", "run"}
    elsewhere = {"persuader_model", "persuadee_models", "conditions", "persuaders", "persuadees"}
    assert set(Study.model_fields) == set(SHAPES_CONVERSATION) | free | elsewhere


@pytest.mark.parametrize(
    "change",
    [
        *({key: value} for key, value in CHANGES.items()),
        {"persuader_model": "scripted:x"},
        {"persuadee_models": ["scripted:x"]},
        {"temperature": "default"},
    ],
    ids=str,
)
def test_what_shapes_a_conversation_changes_every_id(planned, change):
    assert not {s.id for s in planned()} & {s.id for s in planned(**change)}


@pytest.mark.parametrize(
    "change",
    [
        {"k": 4},
        {"k": "model"},
        {"select": "uniform"},
        {"tau": 0.1},
        {"wording": "percentage"},
        {"format": "xml"},
        {"method": "vs_cot"},
        {"method": "vs_multi", "calls": 3},
        {"name": "other"},
    ],
    ids=str,
)
def test_a_changed_condition_changes_its_ids_and_no_others(planned, change):
    before, after = planned(), planned(conditions=[DIRECT, {**VS, **change}])
    kept = {s.id for s in before} & {s.id for s in after}
    assert kept == {s.id for s in before if s.condition == "direct"}


def test_what_a_condition_means_by_default_may_be_written_out(planned):
    written = planned(
        conditions=[DIRECT, {**VS, "select": "weighted", "wording": "explicit", "format": "json"}], min_rounds=2, temperature=0.7
    )
    assert written == planned()


def test_a_changed_persona_changes_its_conversations_and_no_others(study_folder, planned):
    before = planned()
    study_folder.people(["ann", "ben", "cem", "dot"], ben="You are another Ben.")
    after = planned()
    assert {s.persuadee for s in before if s.id not in {a.id for a in after}} == {"ben"}


@pytest.mark.parametrize(
    "change",
    [
        {"question": "Another?"},
        {"prediction": "Another."},
        {"outcome": "stated"},
        {"run": {"concurrency": 3, "max_tries": 2, "timeout_s": 5.0, "base_url": "http://localhost:1/v1"}},
    ],
    ids=str,
)
def test_what_does_not_shape_a_conversation_changes_no_id(planned, change):
    assert planned(**change) == planned()


def test_a_turn_has_a_generator_of_its_own_that_depends_on_nothing_else():
    first = [turn_rng(5, turn).random() for turn in (1, 3, "decide")]
    assert first == [turn_rng(5, turn).random() for turn in (1, 3, "decide")]
    assert len({*first, turn_rng(6, 1).random()}) == 4


ALL_METHODS = [
    DIRECT,
    {"name": "cot", "method": "cot"},
    {"name": "sequence", "method": "sequence", "k": 5},
    {"name": "turns", "method": "multi_turn", "k": 3},
    VS,
    {"name": "vs_cot", "method": "vs_cot", "k": 5, "format": "xml"},
    {"name": "vs_multi", "method": "vs_multi", "k": 5, "calls": 3},
]


@pytest.mark.parametrize("condition", ALL_METHODS, ids=lambda c: c["name"])
def test_estimated_calls_are_those_that_a_run_makes(study_folder, tmp_path, condition):
    shutil.copy(RULES, tmp_path / "other.toml")
    other = f"scripted:{tmp_path / 'other.toml'}"
    study = load_study(study_folder.write(conditions=[condition], persuadee_models=[other], rounds=3, replicates=2))
    folder = RunFolder(tmp_path / "run")
    asyncio.run(run_study(study, folder))
    made = Counter(row["call"]["model"] for row in folder.journal_rows())
    found = estimate(study)
    assert found.n_conversations == len(folder.transcripts()) == 8
    assert found.n_calls == dict(made)


def test_calls_are_added_up_over_conditions_and_roles(study_folder):
    """Per conversation of 2 rounds: 2 by the persuader, and 3 (2 turns, 1 decision) times what the method needs by the persuadee."""
    found = estimate(load_study(study_folder.write(conditions=ALL_METHODS)))
    assert found.n_calls == {"scripted:donation": 4 * (7 * 2 + 3 * (1 + 1 + 1 + 3 + 1 + 1 + 3))}


def test_cost_is_unknown_if_one_price_is(study_folder):
    models = {"persuader_model": "openai:a", "persuadee_models": ["openai:b"]}
    price = {"input": 1, "output": 4}
    assert estimate(load_study(study_folder.write(**models))).dollars is None
    assert estimate(load_study(study_folder.write(**models, run={"prices": {"openai:a": price}}))).dollars is None
    found = estimate(load_study(study_folder.write(**models, run={"prices": {"openai:a": price, "openai:b": price}})))
    tokens_in, tokens_out = sum(found.input_tokens.values()), sum(found.output_tokens.values())
    assert found.dollars == pytest.approx((tokens_in + 4 * tokens_out) / 1e6, abs=1e-5)
    assert tokens_in > tokens_out > 0


def test_a_price_of_nothing_is_a_price(study_folder):
    run = {"prices": {"scripted:donation": {"input": 0, "output": 0}}}
    assert estimate(load_study(study_folder.write(run=run))).dollars == 0
