"""Arms of a study: which are possible, and what is written out for them."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from vs_sim.condition import ONE_REPLY, VERBALIZED, Condition, Method
from vs_sim.parse import STATED_KEY, Wording

METHODS = get_args(Method)


def made(method: str, **keys: Any) -> Condition:
    return Condition.model_validate({"name": "arm", "method": method, **keys})


def least(method: str) -> dict[str, Any]:
    """What a method needs besides its name."""
    return {} if method in ONE_REPLY else {"k": 5}


@pytest.mark.parametrize(
    ("method", "select", "wording", "calls", "n_calls"),
    [
        ("direct", None, None, None, 1),
        ("cot", None, None, None, 1),
        ("sequence", "uniform", None, None, 1),
        ("multi_turn", "uniform", None, None, 5),
        ("vs_standard", "weighted", "explicit", None, 1),
        ("vs_cot", "weighted", "explicit", None, 1),
        ("vs_multi", "weighted", "explicit", 2, 2),
    ],
)
def test_what_follows_from_the_method_is_written_out(
    method: str, select: str | None, wording: str | None, calls: int | None, n_calls: int
) -> None:
    one = made(method, **least(method))
    assert (one.select, one.wording, one.calls, one.n_calls) == (select, wording, calls, n_calls)
    assert (one.tau, one.format) == (None, "json")
    assert Condition.model_validate(one.model_dump(mode="json")) == one
    # Spelling the defaults out, or giving null for them, is the same arm.
    assert made(method, **least(method), **{k: None for k in ("select", "wording", "calls", "tau")}) == one
    if select:
        assert made(method, **least(method), select=select) == one


def test_every_method_stands_in_the_table() -> None:
    assert set(METHODS) == {"direct", "cot", "sequence", "multi_turn", "vs_standard", "vs_cot", "vs_multi"}
    assert ONE_REPLY | VERBALIZED | {"sequence", "multi_turn"} == set(METHODS)
    assert set(STATED_KEY) == set(get_args(Wording))


@pytest.mark.parametrize("method", sorted(VERBALIZED))
@pytest.mark.parametrize("k", [2, 5, 20, "model"])
@pytest.mark.parametrize("select", ["weighted", "uniform", "argmax"])
def test_all_cells_of_k_and_selection_are_open_to_verbalized_sampling(method: str, k: Any, select: str) -> None:
    one = made(method, k=k, select=select)
    assert (one.k, one.select) == (k, select)


@pytest.mark.parametrize("wording", [w for w in get_args(Wording) if w not in ("perplexity", "nll")])
def test_tau_bounds_probabilities_of_every_wording(wording: str) -> None:
    assert made("vs_standard", k=5, wording=wording, tau=0.1).tau == 0.1


def impossible() -> list[tuple[str, dict[str, Any], str]]:
    cases: list[tuple[str, dict[str, Any], str]] = []
    for method in ("direct", "cot"):
        cases += [
            (method, {"k": 5}, f"k = 5 has no meaning for method '{method}'; remove it"),
            (method, {"k": "model"}, f"k = 'model' has no meaning for method '{method}'; remove it"),
            *(
                (method, {"select": s}, f"select = '{s}' has no meaning for method '{method}'; remove it")
                for s in ("weighted", "uniform", "argmax")
            ),
        ]
    for method in ("direct", "cot", "sequence", "multi_turn"):
        cases += [
            (method, {**least(method), key: value}, f"{key} = {value!r} has no meaning for method '{method}'; remove it")
            for key, value in (("tau", 0.1), ("wording", "explicit"), ("calls", 2))
        ]
    for method in ("sequence", "multi_turn"):
        cases += [
            (method, {"k": 5, "select": s}, f'select = "{s}" needs stated probabilities, which \'{method}\' has not; use "uniform"')
            for s in ("weighted", "argmax")
        ]
    for method in sorted(set(METHODS) - ONE_REPLY):
        cases += [(method, {}, f"method '{method}' needs k, a number of candidates from 2 to 20 or \"model\"")]
        cases += [(method, {"k": k}, f'k = {k!r} is impossible; expected 2 to 20 or "model"') for k in (-1, 0, 1, 21)]
    cases += [
        (method, {"k": 5, "calls": 2}, f"calls = 2 has no meaning for method '{method}'; remove it") for method in ("vs_standard", "vs_cot")
    ]
    cases += [
        (
            "vs_standard",
            {"k": 5, "tau": 0.1, "wording": w},
            f"tau = 0.1 bounds a probability, but wording = '{w}' asks for none; remove one",
        )
        for w in ("perplexity", "nll")
    ]
    multi = 'k = "model" is impossible for method "multi_turn", which asks for one reply per call; give a number'
    return [*cases, ("multi_turn", {"k": "model"}, multi)]


@pytest.mark.parametrize(("method", "keys", "sentence"), impossible())
def test_impossible_arms_are_refused_with_their_sentence(method: str, keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(method, **keys)
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {sentence}"]


@pytest.mark.parametrize(
    ("keys", "place", "says"),
    [
        ({"method": "vs"}, "method", "'vs_standard'"),
        ({"k": "five"}, "k", 'or "model"'),
        ({"tau": 0}, "tau", "greater than 0"),
        ({"tau": 1}, "tau", "less than 1"),
        ({"select": "best"}, "select", "'argmax'"),
        ({"wording": "loud"}, "wording", "'implicit'"),
        ({"format": "yaml"}, "format", "'json' or 'xml'"),
        ({"method": "vs_multi", "calls": 1}, "calls", "greater than or equal to 2"),
        ({"method": "vs_multi", "calls": 11}, "calls", "less than or equal to 10"),
        ({"kk": 5}, "kk", "Extra inputs are not permitted"),
        ({"name": ""}, "name", "at least 1 character"),
        ({"name": "a/b"}, "name", "pattern"),
        ({"name": "x" * 65}, "name", "at most 64 characters"),
    ],
)
def test_values_out_of_range_are_refused_by_key(keys: dict[str, Any], place: str, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Condition.model_validate({"name": "arm", "method": "vs_standard", "k": 5, **keys})
    errors = caught.value.errors()
    assert {error["loc"][0] for error in errors} == {place}
    assert says in " ".join(error["msg"] for error in errors)
