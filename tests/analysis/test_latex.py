import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.latex import PREAMBLE, Table, escape, table
from analysis.prose import Paragraph, cite, cited, latex, markdown

HOSTILE = "[x] \\input{/etc/passwd} $a_{b}$ & 100 % # ~ ^ <|> \"q\" `b` -- '' é ł 中 \x1b[0m"


@given(st.text())
@example("\u00a0Ñ")
def test_whatever_a_name_holds_becomes_plain_ascii_without_a_command_of_its_own(text: str) -> None:
    written = escape(text)
    assert written.isascii() and written.isprintable()
    known = r"\\text(backslash|asciitilde|asciicircum|less|greater|bar|quotedbl|asciigrave)\{\}|\\(dots|ss|ae|AE|oe|OE|o|O|l|L|S)\{\}"
    accents = r"\\[`'^~=u.\"rHvck]\{(\\[ij]|[A-Za-z])\}"
    left = re.sub(
        rf"{known}|{accents}|\\[{{}}$&%#_]|\$-\$|\$\\(pm|times)\$|\{{\}}",
        "",
        re.sub(r"(?<!\\)~", " ", written) if "\u00a0" in text else written,
    )
    assert not set(left) & set('\\{}$&%#_~^<>|"')


def test_characters_are_shown_by_letter_or_by_number() -> None:
    assert escape("Zoë, naïve, 中, a--b") == r"Zo\"{e}, na\"{\i}ve, [U+4E2D], a-{}-b"
    assert escape("short_name", breakable=True) == r"short\_name"
    assert escape("a_very_long_name", breakable=True) == r"a\_\allowbreak{}very\_\allowbreak{}long\_\allowbreak{}name"


def test_a_table_has_its_rules_and_no_row_of_another_width() -> None:
    content = Table(name="t", caption="50 % of A & B", columns=("", "n"), rows=(("m",), ("[a]", "-0.5"), (), ("b", "-")), notes=("A_b.",))
    lines = table(content).splitlines()
    assert lines[2] == r"\caption{50 \% of A \& B}"
    assert [line for line in lines if line in (r"\toprule", r"\midrule", r"\bottomrule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"{}\raggedright [a] & $-$0.5 \\" in lines and r"{}\raggedright b & -- \\" in lines and r"\addlinespace" in lines
    with pytest.raises(ValueError, match="a row has 3 cells, expected 1 or 2"):
        table(content.model_copy(update={"rows": (("a", "b", "c"),)}))


def test_references_are_those_of_the_text_in_both_languages() -> None:
    paragraphs = [Paragraph(heading="H", text="By A_b" + cite("one") + " and [@fake] \\cite{two}" + cite("two", "one") + " at -0.5.")]
    assert cited(paragraphs) == ["one", "two"]
    assert markdown("T", paragraphs) == "# T\n\n## H\n\nBy A_b [@one] and \\[\\@fake\\] \\\\cite\\{two\\} [@two; @one] at -0.5.\n"
    assert r"\paragraph{H.} By A\_b~\cite{one} and [@fake] \textbackslash{}cite\{two\}~\cite{two,one} at $-$0.5." in latex("T", paragraphs)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_hostile_text_compiles(tmp_path: Path) -> None:
    content = Table(
        name="t", caption=HOSTILE, columns=("", HOSTILE), rows=((HOSTILE,), (HOSTILE, HOSTILE), (HOSTILE * 3, "-1")), notes=(HOSTILE,)
    )
    text = latex(HOSTILE, [Paragraph(heading=HOSTILE, text=HOSTILE)])
    document = f"\\documentclass{{article}}{PREAMBLE}\\begin{{document}}{text}{table(content)}\\end{{document}}"
    (tmp_path / "a.tex").write_text(document, "utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stdout.decode("latin-1")[-1500:]
