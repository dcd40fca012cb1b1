"""What is shipped: the folder, the tools that read it, what they catch, the process and the image, really started."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from recsys_lab import cli, registry, storage
from recsys_lab.errors import DataError, MissingDataError, MissingExtraError
from recsys_lab.production import image, shipping, starting
from recsys_lab.production.shelf import VERSION, sha256_of
from recsys_lab.ratings import Ratings
from recsys_lab.serve import Settings

needs_tools = pytest.mark.skipif(
    not shipping.TOOLS.is_dir(), reason="needs the tools that check what is shipped: python3 .ci/install.py deploy"
)
BY_NAME = {f"{tool.command[0]} {' '.join(tool.files)}".strip(): tool for tool in shipping.CHECKS}


@pytest.fixture(scope="module")
def written(ml100k, tmp_path_factory):
    """A folder as `ship new` writes it, with a model in it."""
    folder = tmp_path_factory.mktemp("ship")
    model = registry.make("pure-svd").fit(Ratings.from_frame(ml100k.ratings, scale=ml100k.scale), ml100k.items)
    return shipping.new(folder / "new", storage.save(model, folder / "model.npz"))


@pytest.fixture
def folder(written, tmp_path):
    """A copy of it, to be spoilt; without the library, which no tool reads."""
    return shutil.copytree(written, tmp_path / "new", ignore=shutil.ignore_patterns("library"))


# ---------------------------------------------------------------------- the folder
def test_the_folder_is_whole(written):
    lines = (written / "models" / "champion.sha256").read_text()
    assert lines == f"{sha256_of(written / 'models' / 'champion.npz')}  champion.npz\n"
    assert (written / "library" / "datasets" / "registry.toml").is_file()
    assert (written / "library" / "recsys_lab" / "serve" / "app.py").is_file()
    assert (written / "constraints.txt").read_bytes() == (shipping.ROOT / "constraints.txt").read_bytes()
    assert not list(written.rglob("__pycache__"))
    readme = (written / "README.md").read_text(encoding="utf-8")
    assert [
        name
        for name in sorted(path.name for path in written.iterdir())
        if not re.search(rf"`[^`]*{re.escape(name)}", readme)
    ] == ["README.md"]


def test_nothing_is_overwritten_and_no_broken_model_is_shipped(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "Dockerfile").write_text("FROM mine")
    with pytest.raises(DataError, match="not empty"):
        shipping.new(tmp_path / "mine")
    (tmp_path / "model.npz").write_bytes(b"not a model")
    with pytest.raises(DataError):
        shipping.new(tmp_path / "new", tmp_path / "model.npz")
    assert not (tmp_path / "new").exists()


def test_the_library_must_come_from_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(shipping, "ROOT", tmp_path)
    with pytest.raises(MissingDataError, match="not a checkout"):
        shipping.new(tmp_path / "new")


def test_all_files_speak_of_the_same_settings_user_and_port(written):
    texts = {
        path.relative_to(written).as_posix(): path.read_text(encoding="utf-8")
        for path in written.rglob("*")
        if path.is_file() and "library" not in path.parts and path.suffix in ("", ".yaml", ".md")
    }
    known = {f"RECSYS_LAB_SERVE_{name.upper()}" for name in Settings.__dataclass_fields__}
    used = {name for text in texts.values() for name in re.findall(r"RECSYS_LAB_SERVE_[A-Z_]*[A-Z]", text)}
    assert len(used) >= 5
    assert used <= known
    deployment = yaml.safe_load(texts["k8s/deployment.yaml"])["spec"]["template"]["spec"]
    dockerfile = texts["Dockerfile"]
    assert f"USER {deployment['securityContext']['runAsUser']}:" in dockerfile
    assert f"useradd --uid {deployment['securityContext']['runAsUser']} " in dockerfile
    assert f"EXPOSE {deployment['containers'][0]['ports'][0]['containerPort']}" in dockerfile
    assert "latest" not in dockerfile


def test_an_image_takes_only_the_model_that_was_judged(folder):
    """The very step of the Dockerfile, run here."""
    step = re.search(r"AS with-model\n.*?^RUN (.*?)$", (folder / "Dockerfile").read_text(), re.S | re.M)[1]
    assert subprocess.run(step, shell=True, cwd=folder / "models", capture_output=True).returncode == 0
    with (folder / "models" / "champion.npz").open("ab") as file:
        file.write(b"!")
    assert subprocess.run(step, shell=True, cwd=folder / "models", capture_output=True).returncode != 0


# ---------------------------------------------------------------------- the tools
@needs_tools
def test_the_tools_find_nothing_in_what_is_written(written):
    found = shipping.check(written)
    assert {verdict.tool: verdict.said for verdict in found if not verdict.passed} == {}
    readme = (written / "README.md").read_text(encoding="utf-8")  # says which versions it was
    assert [verdict for verdict in found if f"{verdict.tool} {verdict.version}" not in readme] == []


PLANTED = [
    ("hadolint Dockerfile", "Dockerfile", "FROM ${BASE} AS build", "FROM python:latest AS build", "DL3007"),
    ("hadolint Dockerfile", "Dockerfile", "WORKDIR /models", "WORKDIR models", "DL3000"),
    ("docker-compose", "compose.yaml", "- events:/events", "- event:/events", "no declaration was found"),
    ("docker-compose", "compose.yaml", "${RECSYS_LAB_SERVE_API_KEY:-}", "${RECSYS_LAB_SERVE_API_KEY", "interpolation"),
    ("check-jsonschema compose.yaml", "compose.yaml", "read_only: true", "readonly: true", "readonly"),
    ("kubernetes-validate k8s/*.yaml", "k8s/deployment.yaml", "readinessProbe:", "readyProbe:", "readyProbe"),
    ("kubernetes-validate k8s/*.yaml", "k8s/autoscaler.yaml", "maxReplicas: 10", "maxReplicas: ten", "ten"),
    ("kubernetes-validate k8s/*.yaml", "k8s/disruption.yaml", "policy/v1", "policy/v1beta1", "v1beta1"),
    (
        "cfn-lint cloud/*.yaml",
        "cloud/fargate.yaml",
        "TargetGroupArn: !Ref Targets",
        "TargetGroupArn: !Ref Target",
        "'Target'",
    ),
    ("check-jsonschema .github/workflows/*.yaml", ".github/workflows/ship.yaml", "needs: gate", "need: gate", "need"),
    (
        "zizmor .github/workflows/*.yaml",
        ".github/workflows/ship.yaml",
        'echo "$SHA256  champion.npz"',
        'echo "${{ github.event.head_commit.message }}"',
        "template-injection",
    ),
    (
        "zizmor .github/workflows/*.yaml",
        ".github/workflows/ship.yaml",
        "checkout@11bd71901bbe5b1630ceea73d27597364c9af683",
        "checkout@main",
        "unpinned-uses",
    ),
]


@needs_tools
@pytest.mark.parametrize(("tool", "file", "good", "bad", "said"), PLANTED, ids=[f"{p[0]}: {p[4]}" for p in PLANTED])
def test_each_tool_objects_to_a_planted_mistake(folder, tool, file, good, bad, said):
    text = (folder / file).read_text(encoding="utf-8")
    assert good in text
    (folder / file).write_text(text.replace(good, bad, 1), encoding="utf-8")
    [verdict] = shipping.check(folder, [BY_NAME[tool]])
    assert not verdict.passed
    assert said in verdict.said


def test_a_planted_mistake_for_every_tool():
    assert {planted[0] for planted in PLANTED} == set(BY_NAME)


def test_missing_tools_and_missing_files_are_said(folder, tmp_path):
    with pytest.raises(MissingExtraError, match=r"python3 \.ci/install\.py deploy"):
        shipping.check(folder, programs=tmp_path)
    shutil.rmtree(folder / "k8s")
    if shipping.TOOLS.is_dir():
        with pytest.raises(MissingDataError, match=r"k8s/\*\.yaml"):
            shipping.check(folder, [BY_NAME["kubernetes-validate k8s/*.yaml"]])


# ---------------------------------------------------------------------- really started
@needs_tools
def test_the_procfile_starts_a_service_that_the_images_health_check_finds_well(folder):
    artefact = folder / "models" / "champion.npz"
    with starting.by_procfile(folder, shipping.program("honcho")) as address:
        assert starting.ask(address, artefact) == sha256_of(artefact)[:VERSION]
        code = re.search(r'"-c", "(.*?)"\]', (folder / "Dockerfile").read_text())[1]
        code = code.replace("http://127.0.0.1:8000", address)
        assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
        (folder / "other.npz").write_bytes(b"another model")
        with pytest.raises(DataError, match="in use, and not"):
            starting.ask(address, folder / "other.npz")
    with pytest.raises(urllib.error.URLError):
        starting.get(f"{address}/health")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode != 0


@needs_tools
@pytest.mark.parametrize(
    ("procfile", "said"),
    [
        ("web: recsys-lab serve --prot ${PORT}", "No such option"),
        ("web recsys-lab serve", "does not exist in Procfile"),
    ],
)
def test_a_procfile_that_does_not_start_is_found(folder, procfile, said):
    (folder / "Procfile").write_text(f"{procfile}\n")
    [verdict] = shipping.started(folder)
    assert not verdict.passed
    assert said in verdict.said


@needs_tools
def test_the_command_shows_what_a_tool_said_and_fails(folder, monkeypatch):
    monkeypatch.setattr(shipping.check, "__defaults__", ([BY_NAME["hadolint Dockerfile"]],))  # the others take longer
    (folder / "models" / "champion.npz").unlink()  # nothing to start
    assert CliRunner().invoke(cli.app, ["ship", "check", str(folder)]).exit_code == 0
    (folder / "Dockerfile").write_text("FROM python:latest\n")
    done = CliRunner().invoke(cli.app, ["ship", "check", str(folder)])
    assert done.exit_code == 1
    assert "FAILED  hadolint" in done.output
    assert "DL3007" in done.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_workflows_gate_says_what_is_new(folder, tmp_path):
    """The script of the gate, run as it is: a first model is published; the same data again publish nothing."""
    jobs = yaml.safe_load((folder / ".github" / "workflows" / "ship.yaml").read_text())["jobs"]
    script = next(step["run"] for step in jobs["gate"]["steps"] if step.get("id") == "judge")
    assert jobs["image"]["needs"] == "gate"
    assert jobs["image"]["if"] == "needs.gate.outputs.published == 'true'"
    found = []
    for number in (1, 2):
        output, summary = tmp_path / f"output{number}", tmp_path / "summary"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "PATH": path}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(dict(line.split("=") for line in output.read_text().split()))
    sha256 = sha256_of(folder / "shelf" / "champion.npz")
    assert found == [{"sha256": sha256, "published": "true"}, {"sha256": sha256, "published": "false"}]
    assert (folder / "models" / "champion.sha256").read_text() == f"{sha256}  champion.npz\n"


@pytest.mark.skipif(
    not os.environ.get("RECSYS_LAB_BUILD_IMAGE"), reason="takes minutes: RECSYS_LAB_BUILD_IMAGE=1 builds the image"
)
def test_the_image_is_built_and_its_server_answers(written):
    if why := image.missing():
        pytest.skip(why)
    built = image.verify(written)
    assert built.version == sha256_of(written / "models" / "champion.npz")[:VERSION]
    assert built.uid == 10001
    assert built.healthy
    assert built.strange == []


def test_what_a_read_only_image_would_have_refused_is_found(tmp_path):
    for name in ("opt/cache", "tmp/numba/loop"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))  # a date can be set; the moment of the change cannot
    now = time.time()
    assert [path.name for path in image._written(tmp_path, now - 60)] == ["cache"]
    assert list(image._written(tmp_path, now + 60)) == []


def test_without_buildah_it_is_said_what_brings_it(monkeypatch, written):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match="apt-get install buildah debootstrap"):
        image.verify(written)


# ---------------------------------------------------------------------- the cost
def test_the_cost_is_that_of_a_calculation_by_hand():
    # 100/s: 100 / (.5 x 100) = 2. 101/s: a third. 10/s: one would do, but two run.
    bill = shipping.cost([100, 101, 10], one_bears=100, usd_an_hour=0.1, fixed_usd_a_month=30, busy=0.5, most=3)
    assert bill.instances == [2, 3, 2]
    assert bill.usd_a_month == pytest.approx(730 * 0.1 * 7 / 3 + 30)
    assert bill.usd_a_million == pytest.approx(bill.usd_a_month / (211 / 3 * 3600 * 730 / 1e6))
    assert shipping.cost([0], one_bears=1, usd_an_hour=1).usd_a_million == math.inf


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"load": []}, "at least one part"),
        ({"load": [-1]}, "load=-1"),
        ({"busy": 0}, "busy=0"),
        ({"busy": 1.5}, "busy=1.5"),
        ({"one_bears": float("nan")}, "one_bears=nan"),
        ({"least": 3, "most": 2}, "most=2"),
        ({"load": [1000]}, "most=10: 1000 requests a second need 15 instances"),
    ],
)
def test_a_cost_that_would_mislead_is_refused(given, said):
    with pytest.raises(DataError, match=re.escape(said)):
        shipping.cost(**{"load": [1], "one_bears": 100, "usd_an_hour": 1} | given)
