"""vs-sim completion: scripts that shells take, and what bash completes with one."""

import shutil
import subprocess

import pytest

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def completes(command, tmp_path):
    """What bash offers behind a line that has been begun."""
    script = tmp_path / "vs-sim.bash"
    script.write_text(command("completion", "bash")[1])

    def completes(line):
        words = line.split(" ")
        quoted = " ".join(f'"{word}"' for word in words)
        asked = f"""
            . {script}
            function=$(complete -p vs-sim | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
            COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}
            $function vs-sim "{words[-1]}" "{words[-2]}"
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "--norc", "-c", asked], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.split()

    return completes


def test_bash_completes_verbs_options_choices_and_files(completes, tmp_path):
    (tmp_path / "study.toml").touch()
    (tmp_path / "studies").mkdir()
    assert completes("vs-sim stat") == ["status"]
    assert {"--watch", "--out", "--model"} <= set(completes("vs-sim run --"))
    assert completes("vs-sim compare run --cleaning c") == ["cap"]
    assert set(completes("vs-sim run stud")) == {"study.toml", "studies"}
    assert "fetch" in completes("vs-sim model ")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_verb_and_is_sound(command, shell):
    code, script, _ = command("completion", shell)
    assert code == 0
    for verb in ("init", "run", "status", "personas", "completion"):
        assert verb in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, timeout=30, check=True)


def test_another_shell_is_refused_and_the_help_says_where_a_script_goes(command):
    assert command("completion", "cmd")[0] == 2
    _, out, _ = command("completion", "--help")
    assert "~/.config/fish/completions/vs-sim.fish" in out
    assert 'eval "$(vs-sim completion bash)"' in out
