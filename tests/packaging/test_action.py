"""The GitHub Action and the pre-commit hook: valid, and their scripts do what they say, with a `gh` that only records."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import inside
from tests.packaging.test_distribution import ROOT, command

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
BIN = Path(sys.executable).parent
MARK = "<!-- the plan of connector -->"
PLAN = f"{MARK}\n### What a run would send\n"

GH = """\
#!/usr/bin/env python3
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
body = [open(word[6:]).read() for word in sys.argv if word.startswith("body=@")]
with open(here + "/calls", "a") as file:
    file.write(json.dumps({"argv": sys.argv[1:], "body": body, "token": os.environ["GH_TOKEN"]}) + "\\n")
if "--paginate" in sys.argv:
    sys.stdout.write(open(here + "/written").read())
sys.exit(int(open(here + "/code").read()))
"""


@dataclass
class Runner:
    """A machine of GitHub's, as far as the steps can see it."""

    folder: Path
    project: Path
    pull_request: str = "7"
    inputs: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text("utf-8")

    @property
    def calls(self) -> list[dict[str, Any]]:
        path = self.folder / "bin" / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def step(self, name: str) -> "subprocess.CompletedProcess[str]":
        """Runs the script of a step, as GitHub does."""
        script = self.folder / "script.sh"
        script.write_text(STEPS[name]["run"])
        environ = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            **{key: self.filled(value) for key, value in STEPS[name].get("env", {}).items()},
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            env=environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def filled(self, text: str) -> str:
        values: Mapping[str, str] = {
            **{f"inputs.{name}": str(value["default"]) for name, value in ACTION["inputs"].items()},
            "inputs.project": str(self.project),
            "inputs.github-token": "token-of-the-job",
            "github.repository": "shop/data",
            "github.event.pull_request.number": self.pull_request,
            **{f"inputs.{name}": value for name, value in self.inputs},
        }
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda match: values[match[1]], text)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    runner = Runner(tmp_path, tmp_path / "shop")
    inside("init", str(runner.project), project=tmp_path)
    for folder in ("bin", "connector/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "connector" / "bin" / "connector").symlink_to(BIN / "connector")
    (tmp_path / "bin" / "gh").write_text(GH)
    (tmp_path / "bin" / "gh").chmod(0o755)
    (tmp_path / "bin" / "code").write_text("0")
    (tmp_path / "bin" / "written").write_text("")
    return runner


def succeeds(runner: Runner, *steps: str) -> str:
    out = ""
    for step in steps:
        done = runner.step(step)
        assert done.returncode == 0, done.stderr
        out += done.stdout
    return out


@pytest.mark.thorough
def test_the_plan_is_in_the_summary_and_the_plan_files_fit(runner: Runner) -> None:
    succeeds(runner, "Validate", "Plan")
    assert "| store_purchases | store_events | local |" in runner.summary
    assert f" {figures_of_a_plan(runner.project)} |" in runner.summary
    assert re.search(r"store_purchases, rejected: \d+ `missing_identity`", runner.summary)
    assert re.search(r"\| \+[\d,]+ −0 identifiers \|", runner.summary)
    plans = Path((runner.folder / "output").read_text().removeprefix("plans=").strip())
    assert sorted(path.stem for path in plans.iterdir()) == sorted(_names(runner))
    ran = inside("run", "store_purchases", "--plan", str(plans / "store_purchases.json"), project=runner.project)
    assert ran.code == 0, ran


def figures_of_a_plan(project: Path) -> str:
    """The cells of a plan made now, since the rows of the example depend on the day."""
    planned = inside("plan", "store_purchases", "--json", project=project).json
    assert planned["rows"]["to_send"] > 2_000
    rows = " | ".join(f"{planned['rows'][key]:,}" for key in ("read", "to_send", "rejected", "skipped"))
    return f"{rows} | {planned['events']:,} events | {planned['requests']}"


def _names(runner: Runner) -> list[str]:
    return list(yaml.safe_load((runner.project / "orchestrations.yaml").read_text())["orchestrations"])


def test_named_orchestrations_and_a_target_are_planned_alone(runner: Runner) -> None:
    runner.inputs = (("orchestrations", "store_purchases\nweb_purchases\n"), ("target", "local"))
    succeeds(runner, "Validate", "Plan")
    assert runner.summary.startswith(PLAN)
    assert runner.summary.count("| local |") == 2


def test_an_invalid_project_fails_with_its_problems_in_the_summary(runner: Runner) -> None:
    file = runner.project / "orchestrations.yaml"
    file.write_text(file.read_text().replace("event_source: offline", "event_source: shop", 1))
    done = runner.step("Validate")
    assert done.returncode == 2
    assert "event_source" in done.stderr
    assert "### The project is not valid" in runner.summary
    assert "event_source" in runner.summary
    (annotation,) = done.stdout.splitlines()
    assert re.match(r"::error file=shop/orchestrations\.yaml,line=\d+,col=\d+,title=\w+::destinations\.", annotation)


def test_tests_that_do_not_pass_fail_the_job_and_are_shown_at_their_lines(runner: Runner) -> None:
    file = runner.project / "tests" / "vip_customers.yaml"
    for other in {*file.parent.iterdir()} - {file}:
        other.unlink()
    succeeds(runner, "Test")
    file.write_text(file.read_text().replace("lifetime_value: 1000}", "lifetime_value: 998}"))
    done = runner.step("Test")
    assert done.returncode == 1
    assert "### Tests of queries did not pass" in runner.summary
    (annotation,) = done.stdout.splitlines()
    assert re.match(r"::error file=shop/tests/vip_customers\.yaml,line=\d+,title=vip_customers/the_limit_", annotation)


def test_a_project_without_tests_has_none_to_pass_and_one_with_an_empty_file_fails(runner: Runner) -> None:
    folder = runner.project / "tests"
    shutil.rmtree(folder)
    assert "There are no tests" in succeeds(runner, "Test")
    folder.mkdir()
    (folder / "vip_customers.yaml").touch()
    done = runner.step("Test")
    assert done.returncode == 1
    assert "The file has no tests" in done.stderr


def test_an_annotation_is_one_command_whatever_a_problem_says(tmp_path: Path) -> None:
    problem = {"file": "a,b:c.sql", "line": 1, "column": None, "message": "100 %\n::set-env name=x::y", "rule": "sql"}
    done = subprocess.run(
        [sys.executable, ROOT / ".github" / "action" / "annotations.py"],
        input=json.dumps({"problems": [problem]}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "::error file=a%2Cb%3Ac.sql,line=1,title=sql::100 %25%0A::set-env name=x::y\n"


def test_a_plan_that_fails_fails_the_job(runner: Runner) -> None:
    (runner.project / "queries" / "store_purchases.sql").write_text("SELECT no_such_column")
    done = runner.step("Plan")
    assert done.returncode == 1
    assert "no_such_column" in done.stderr


def test_the_first_plan_of_a_pull_request_is_a_new_comment(runner: Runner) -> None:
    (runner.folder / "plan.md").write_text(PLAN)
    succeeds(runner, "Comment")
    asked, posted = runner.calls
    assert asked["argv"][:3] == ["api", "--paginate", "repos/shop/data/issues/7/comments"]
    assert MARK in asked["argv"][-1]
    assert posted["argv"][:5] == ["api", "--silent", "--method", "POST", "repos/shop/data/issues/7/comments"]
    assert posted["body"] == [PLAN]
    assert {call["token"] for call in runner.calls} == {"token-of-the-job"}


def test_the_next_plan_replaces_the_comment(runner: Runner) -> None:
    (runner.folder / "plan.md").write_text(PLAN)
    (runner.folder / "bin" / "written").write_text("41\n42\n")
    succeeds(runner, "Comment")
    assert runner.calls[1]["argv"][:5] == ["api", "--silent", "--method", "PATCH", "repos/shop/data/issues/comments/41"]


def test_a_token_that_may_not_comment_is_a_warning(runner: Runner) -> None:
    (runner.folder / "plan.md").write_text(PLAN)
    (runner.folder / "bin" / "code").write_text("1")
    assert "::warning::The plan was not written" in succeeds(runner, "Comment")


HOSTILE = "a|b`c`<img src=x>[x](y)\x1b[2J\n# d"


def test_a_hostile_name_stays_text(tmp_path: Path) -> None:
    entry = {
        "orchestration": HOSTILE,
        "destination": HOSTILE,
        "target": HOSTILE,
        "rows": {"read": 1, "to_send": 1, "rejected": 0, "skipped": 0},
        "events": 1,
        "requests": 1,
        "members": None,
        "rejects": {},
        "skips": {},
        "warnings": {},
    }
    (tmp_path / "plan.json").write_text(json.dumps(entry))
    text = command(sys.executable, ROOT / ".github" / "action" / "plan_table.py", tmp_path)
    line = text.splitlines()[-1]
    unescaped = re.sub(r"\\.", "", line)
    assert unescaped.count("|") == 10
    assert not set("`<[(\x1b") & set(unescaped)


def test_no_script_holds_an_expression_that_others_fill_in() -> None:
    """What somebody else writes, such as the name of a branch, gets into a script by its environment alone."""
    assert all("${{" not in step["run"] for step in STEPS.values())


def test_the_action_is_valid_for_github() -> None:
    command(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml")
    command(
        BIN / "check-jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        ROOT / "docs/examples/github-review.yaml",
    )


@pytest.mark.thorough
def test_the_action_installs_itself(runner: Runner) -> None:
    (runner.folder / "connector" / "bin" / "connector").unlink()
    succeeds(runner, "Install", "Validate")
    assert not (runner.folder / "connector" / "bin" / "connector").is_symlink()


# pre-commit -------------------------------------------------------------------------------------------------

SPELLED = "event_source: offline"


def git(*arguments: str, cwd: Path) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
    committer = {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    return command("git", *arguments, cwd=cwd, GIT_CONFIG_GLOBAL=os.devnull, **identity, **committer)


def test_the_hook_is_valid() -> None:
    command(BIN / "pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml")


@pytest.mark.parametrize(
    ("path", "is_checked"),
    [
        ("orchestrations.yaml", True),
        ("shop/orchestrations.yaml", True),
        ("queries/a.sql", True),
        ("shop/templates/b.yaml", True),
        ("queries/a.txt", False),
        ("my_queries/a.sql", False),
        ("orchestrations.yaml.bak", False),
        ("queries/old/a.sql", False),
    ],
)
def test_the_hook_runs_for_the_files_of_a_project(path: str, is_checked: bool) -> None:
    validate, test = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert bool(re.search(validate["files"], path)) == is_checked
    assert bool(re.search(test["files"], path)) == is_checked
    assert re.search(test["files"], "shop/tests/a.yaml")


@pytest.mark.thorough
def test_pre_commit_installs_and_runs_the_hook(tmp_path: Path) -> None:
    product, project = tmp_path / "product", tmp_path / "shop"
    listed = command("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (product / name).parent.mkdir(parents=True, exist_ok=True)
            (product / name).write_bytes((ROOT / name).read_bytes())
    for folder in (product, project):
        if folder is project:
            inside("init", str(project), project=tmp_path)
        git("init", "-q", cwd=folder)
        git("add", "-A", cwd=folder)
        git("commit", "-qm", "all", cwd=folder)
    revision = git("rev-parse", "HEAD", cwd=product).strip()
    hooks = {"repos": [{"repo": str(product), "rev": revision, "hooks": [{"id": "connector-validate"}]}]}
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(hooks))
    git("add", "-A", cwd=project)
    assert "Passed" in command(BIN / "pre-commit", "run", "-a", cwd=project, PRE_COMMIT_HOME=str(tmp_path / "cache"))
    file = project / "orchestrations.yaml"
    file.write_text(file.read_text().replace(SPELLED, "event_source: shop", 1))
    git("add", "-A", cwd=project)
    failed = subprocess.run(
        [BIN / "pre-commit", "run"],
        cwd=project,
        env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "orchestrations.yaml:" in failed.stdout
    assert "event_source" in failed.stdout
