"""Rubrics are read from files; what cannot be used is refused in a sentence that names file and key."""

import pytest

from vs_sim.errors import InputError
from vs_sim.rubric import load_rubric

CRITERION = '[[criterion]]\nname = "wit"\ndescription = "1: none; 5: much"\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name = 1\n" + CRITERION, r"rubric.toml: name is '1': expected text in quotes; expected name, and for each"),
        (CRITERION, r"rubric.toml: name: key is missing; expected name"),
        ('name = "x"\n', r"rubric.toml: criterion: key is missing"),
        ('name = "x"\n' + CRITERION * 2, r"rubric.toml: criterion: 'wit' is there twice; give every criterion a name of its own"),
        (
            'name = "x"\n' + CRITERION.replace("wit", "Wit!"),
            r"rubric.toml: criterion\[1\].name is 'Wit!': expected up to 30 lower-case",
        ),
        ('name = "x"\nscale = 3\n' + CRITERION, r"rubric.toml: scale is '3': unknown key"),
        ("name = ", r"rubric.toml: is no valid TOML: "),
        ("name = " + "9" * 5000, r"rubric.toml: is no valid TOML: it holds a whole number of more digits than can be read"),
        ("name = " + "[" * 5000, r"rubric.toml: is no valid TOML: brackets or keys are nested too deeply"),
        ('name = " "\n' + CRITERION, r"rubric.toml: name: ' ' cannot stand in a table; expected words"),
        ('name = "\\u001b[31m"\n' + CRITERION, r"rubric.toml: name: '\\x1b\[31m' cannot stand in a table"),
        ('name = "a\\u0000"\n' + CRITERION, r"rubric.toml: name: 'a\\x00' cannot stand in a table"),
        ('name = "x"\n' + CRITERION.replace("1: none; 5: much", "  "), r"criterion\[1\].description: '  ' says nothing; say what"),
        ('name = "x"\n' + CRITERION.replace("none", "\\u0000"), r"criterion\[1\].description: holds the control character '\\x00'"),
    ],
)
def test_a_rubric_that_cannot_be_used_is_refused_with_its_key(tmp_path, content, sentence):
    (tmp_path / "rubric.toml").write_text(content, "utf-8")
    with pytest.raises(InputError, match=sentence):
        load_rubric(tmp_path / "rubric.toml")


def test_a_rubric_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.toml: there is no such file; expected a rubric in TOML"):
        load_rubric(tmp_path / "none.toml")
