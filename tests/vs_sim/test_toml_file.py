"""TOML is read in one place: what no reader of it can use is a sentence, whoever asks."""

import pytest

from vs_sim.errors import PersonaError, StudyError
from vs_sim.personas import load_personas
from vs_sim.scripted import scripted_model
from vs_sim.toml_file import read_toml


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("x = " + "9" * 5000, "it holds a whole number of more digits than can be read"),
        ("x = " + "[" * 5000, "brackets or keys are nested too deeply"),
    ],
)
def test_numbers_and_brackets_without_end_are_refused_by_every_reader(tmp_path, content, sentence):
    path = tmp_path / "a.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(StudyError, match=f"a.toml: is no valid TOML: {sentence}"):
        read_toml(path)
    with pytest.raises(StudyError, match=f"a.toml: is no valid TOML: {sentence}"):
        scripted_model(str(path))
    with pytest.raises(PersonaError, match=f"a.toml: not valid TOML .{sentence}"):
        load_personas(path)


def test_a_file_that_cannot_be_there_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"none.toml: there is no such file; expected a study.toml"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(StudyError, match=r"cannot be read: .*; expected a study.toml"):
        read_toml(tmp_path / "a\0b")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbfx = 1")
    assert read_toml(tmp_path / "bom.toml") == {"x": 1}
