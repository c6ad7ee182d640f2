"""Completion in a shell, as the shell asks for it."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from tests.cli.command import environment, inside
from tests.cli.shop import GOOD, Shop, shop

SHELLS = ("bash", "zsh", "fish")
BROKEN = {
    "no project": None,
    "an empty file": "",
    "no YAML": "a: [",
    "a list": "- a",
    "no mapping": "orchestrations: 3\ntargets: [a]\n",
    "binary": "\x00\x01",
    "a nested key": "orchestrations:\n  [a, b]: 1\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Three orchestrations, of which one has run."""
    made = shop(tmp_path_factory.mktemp("completion") / "made", "simulator", GOOD.format(rows=2))
    settings = yaml.safe_load(made.settings.read_text())
    other = {**settings["orchestrations"]["purchases"], "tags": ["stores", "web"]}
    settings["orchestrations"].update({"payments": other, "refunds": {**other, "tags": "late"}})
    settings["targets"] = {"local": {}, "production": {}}
    settings["target"] = "local"
    settings["engines"] = {"cluster": {"type": "ray", "stage": "s3://bucket/connector"}}
    made.settings.write_text(yaml.safe_dump(settings, sort_keys=False))
    assert inside("run", "purchases", project=made.directory).code == 0
    return made


def offered(*words: str, project: Path | None = None, cwd: Path | None = None) -> list[str]:
    """The completions that bash is answered when the last word is being typed."""
    typed = {
        "COMP_WORDS": "\n".join(("connector", *words)),
        "COMP_CWORD": str(len(words)),
        "_CONNECTOR_COMPLETE": "complete_bash",
    }
    with chdir(cwd or "/"):
        answer = inside(project=project, environ=typed)
    assert answer.stderr == ""
    return answer.stdout.split()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("ru",), ["run", "runs"]),
        (("runs", "sh"), ["show"]),
        (("run", "p"), ["purchases", "payments"]),
        (("run", "purchases", "r"), ["refunds"]),
        (("plan", ""), ["purchases", "payments", "refunds"]),
        (("validate", "ref"), ["refunds"]),
        (("runs", "list", "--orchestration", "pu"), ["purchases"]),
        (("run", "--tag", ""), ["stores", "web", "late"]),
        (("run", "purchases", "--target", "pro"), ["production"]),
        (("promote", "purchases", "--from", ""), ["local", "production"]),
        (("destinations", "test", ""), ["stores"]),
        (("auth", "status", "t"), ["tiktok"]),
        (("runs", "export", "--warehouse", ""), ["own"]),
        (("run", "--engine", ""), ["cluster"]),
        (("runs", "list", "--status", "comp"), ["completed", "completed_with_rejects"]),
        (("rejects", "latest", "--reason", "missing_t"), ["missing_timestamp"]),
        (("run", "--log-format", ""), ["text", "json"]),
        (("run", "purchases", "--target", "=", "pro"), ["production"]),
        (("run", "purchases", "--target", "="), ["local", "production"]),
        (("run", "--tag", "=", "late", "--target", "=", "lo"), ["local"]),
        (("run", "nothing_begins_so"), []),
    ],
)
def test_names_of_every_kind_complete(typed: tuple[str, ...], expected: list[str], made: Shop) -> None:
    """In the order of the project file."""
    assert offered(*typed, project=made.directory) == expected


@pytest.mark.parametrize(
    "command", [("rejects",), ("report",), ("retry",), ("resume",), ("runs", "show")], ids=" ".join
)
def test_run_ids_complete_wherever_a_run_is_named(command: tuple[str, ...], made: Shop) -> None:
    """And `latest`."""
    (run,) = inside("runs", "--json", project=made.directory).json["runs"]
    assert offered(*command, "", project=made.directory) == ["latest", run["run_id"]]
    assert offered(*command, run["run_id"][:4], project=made.directory) == [run["run_id"]]
    assert offered(*command, "la", project=made.directory) == ["latest"]


def test_names_come_from_the_project_that_is_typed(made: Shop, tmp_path: Path) -> None:
    """Before the command or after it, by the environment, or in the current folder."""
    option = ("--project", str(made.directory))
    assert offered(*option, "run", "ref", project=tmp_path) == ["refunds"]
    assert offered("run", *option, "ref", project=tmp_path) == ["refunds"]
    assert offered("run", "ref", cwd=made.directory) == ["refunds"]
    assert offered("run", "ref", cwd=tmp_path) == []


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("typed", [("run", ""), ("run", "--tag", ""), ("plan", "x", "--target", "")], ids=" ".join)
def test_a_broken_project_offers_nothing_and_says_nothing(
    content: str | None, typed: tuple[str, ...], tmp_path: Path
) -> None:
    """A message would stand in the middle of what is typed."""
    if content is not None:
        (tmp_path / "orchestrations.yaml").write_text(content)
    assert offered(*typed, project=tmp_path) == []


def test_a_broken_ledger_offers_latest_alone(tmp_path: Path) -> None:
    """Also one that is missing."""
    assert offered("rejects", "", project=tmp_path) == ["latest"]
    (tmp_path / ".connector").mkdir()
    (tmp_path / ".connector" / "ledger.sqlite").write_text("not a ledger")
    assert offered("rejects", "", project=tmp_path) == ["latest"]


def test_completion_loads_little(made: Shop) -> None:
    """No library for data, and no settings."""
    code = (
        "import sys; sys.argv[0] = 'connector'\nfrom connector.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    import json; print(json.dumps(list(sys.modules)), file=sys.stderr)"
    )
    typed = {"COMP_WORDS": "connector\nrun\n", "COMP_CWORD": "2", "_CONNECTOR_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(made.directory, typed), capture_output=True, text=True, check=True
    )
    assert "purchases" in done.stdout
    loaded = set(json.loads(done.stderr))
    assert loaded & {"duckdb", "pyarrow", "sqlalchemy", "httpx", "rich", "jinja2", "numpy"} == set()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(shell: str, made: Shop, tmp_path: Path) -> None:
    """The script is the one that --install-completion writes for the shell that runs it."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    command = tmp_path / "bin" / "connector"
    command.parent.mkdir()
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.argv[0] = 'connector'\nfrom connector.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    environ = environment(made.directory, {"HOME": str(tmp_path), "PATH": f"{command.parent}:{os.environ['PATH']}"})
    installed = subprocess.run(
        [program, "-c", "connector --install-completion; true"], env=environ, capture_output=True, text=True, check=True
    )
    assert f"{shell} completion installed" in installed.stdout
    script = {"bash": ".bash_completions/connector.sh", "zsh": ".zfunc/_connector"}
    file = tmp_path / script.get(shell, ".config/fish/completions/connector.fish")
    completing = {
        "bash": f"source {file}; COMP_WORDS=(connector run ref); COMP_CWORD=2; _connector_completion connector; "
        'echo "${COMPREPLY[@]}"',
        "zsh": f"compdef() {{ :; }}; _arguments() {{ echo $@; }}; source {file}; words=(connector run ref); CURRENT=3; "
        "_connector_completion",
        "fish": f"source {file}; complete -C 'connector run ref'",
    }[shell]
    done = subprocess.run([program, "-c", completing], env=environ, capture_output=True, text=True, check=True)
    assert ("refunds" in done.stdout, done.stderr) == (True, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_shown_for_the_shell_that_is_named(shell: str, tmp_path: Path) -> None:
    sign = {"bash": "complete -o default", "zsh": "#compdef connector", "fish": "complete --command connector"}
    assert sign[shell] in inside("--show-completion", shell, project=tmp_path).stdout


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_an_unknown_shell_is_refused(option: str, tmp_path: Path) -> None:
    outcome = inside(option, "zhs", project=tmp_path)
    assert (outcome.code, '"zhs" is no shell' in outcome.sentence) == (2, True)


def test_installing_completion_names_both_files(tmp_path: Path) -> None:
    outcome = inside("--install-completion", "bash", project=tmp_path, environ={"HOME": str(tmp_path)})
    assert "and a line that reads it in ~/.bashrc" in outcome.stdout
    assert (tmp_path / ".bashrc").read_text("utf-8")
