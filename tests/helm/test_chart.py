"""The chart renders what the golden files say, for each set of values, and Kubernetes would take it (O-70 to O-79).

A golden file that should change is written again by GOLDEN=write make chart; the difference is for the reviewer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "segue"
SETS = sorted((Path(__file__).parent / "values").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden"
KUBERNETES = os.environ["KUBERNETES"]


def run(tool: str, *arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [os.environ[tool], *map(str, arguments)], input=text, capture_output=True, text=True, cwd=ROOT
    )


def render(chart: Path, *arguments: str | Path) -> str:
    done = run("HELM", "template", "demo", chart, "--namespace", "clinic", "--kube-version", KUBERNETES, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def one(text: str, kind: str) -> dict[str, Any]:
    (found,) = (document for document in objects(text) if document["kind"] == kind)
    return found


def matches_golden(name: str, text: str) -> bool:
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return file.read_text() == text


def kubernetes_takes(text: str) -> subprocess.CompletedProcess[str]:
    place = (
        f"{os.environ['SCHEMAS']}/{{{{.NormalizedKubernetesVersion}}}}{{{{.StrictSuffix}}}}/"
        "{{.ResourceKind}}{{.KindSuffix}}.json"
    )
    return run(
        "KUBECONFORM", "-strict", "-summary", "-kubernetes-version", KUBERNETES, "-schema-location", place, text=text
    )


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example chart rendered with this chart beside it, as `helm dependency build` would lay it."""
    chart = tmp_path_factory.mktemp("sidecar") / "sidecar"
    shutil.copytree(ROOT / "helm" / "examples" / "sidecar", chart, ignore=shutil.ignore_patterns("charts"))
    shutil.copytree(CHART, chart / "charts" / "segue")
    return render(chart)


@pytest.mark.parametrize("values", SETS, ids=lambda file: file.stem)
def test_O_79_chart_passes_lint(values: Path) -> None:
    done = run("HELM", "lint", CHART, "--strict", "--quiet", "--values", values, "--kube-version", KUBERNETES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", SETS, ids=lambda file: file.stem)
def test_O_79_rendered_chart_is_the_golden_file(values: Path) -> None:
    assert matches_golden(values.stem, render(CHART, "--values", values))


@pytest.mark.parametrize("values", SETS, ids=lambda file: file.stem)
def test_O_79_kubernetes_schemas_take_the_objects(values: Path) -> None:
    done = kubernetes_takes(render(CHART, "--values", values))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", SETS, ids=lambda file: file.stem)
def test_O_70_container_is_confined(values: Path) -> None:
    spec = one(render(CHART, "--values", values), "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize("values", SETS, ids=lambda file: file.stem)
def test_O_40_program_loads_the_rendered_settings(values: Path, tmp_path: Path) -> None:
    from segue.settings import load

    file = tmp_path / "segue.yaml"
    file.write_text(one(render(CHART, "--values", values), "ConfigMap")["data"]["segue.yaml"])
    assert load(file, environment={}).settings.listeners


def test_O_71_one_replica_has_no_disruption_budget() -> None:
    kinds = {document["kind"] for document in objects(render(CHART))}
    assert "PodDisruptionBudget" not in kinds


def test_O_71_sidecar_renders_the_golden_file(sidecar: str) -> None:
    assert matches_golden("sidecar", sidecar)
    done = kubernetes_takes(sidecar)
    assert done.returncode == 0, done.stdout


def test_O_71_sidecar_is_one_pod_with_both_containers(sidecar: str) -> None:
    spec = one(sidecar, "Deployment")["spec"]["template"]["spec"]
    (segue,) = spec["initContainers"]
    assert (segue["name"], segue["restartPolicy"]) == ("segue", "Always")
    assert [container["name"] for container in spec["containers"]] == ["application"]
    assert "Service" not in {document["kind"] for document in objects(sidecar)}


def test_O_71_sidecar_listens_on_localhost_only(sidecar: str) -> None:
    settings = yaml.safe_load(one(sidecar, "ConfigMap")["data"]["segue.yaml"])
    assert [door["host"] for door in (settings["http"], *settings["listeners"])] == ["127.0.0.1", "127.0.0.1"]
    assert [door["plaintext"] for door in (settings["http"], *settings["listeners"])] == [False, False]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("config.http.prot=1", "additional properties 'prot' not allowed"),
        ("replicas=many", "at '/replicas'"),
        ("image.digest=latest", "at '/image/digest'"),
        ("config.drain.grace_s=300", "terminationGracePeriodSeconds is 45 and the drain settings need 311"),
        ("config.journal.url=/var/lib/segue/j.db", "it needs data.enabled and data.existingClaim"),
        ("config.journal.url=/var/lib/segue/j.db,replicas=2", "replicas has to be 1"),
    ],
)
def test_O_79_wrong_value_is_refused(setting: str, words: str) -> None:
    done = run("HELM", "template", "demo", CHART, "--kube-version", KUBERNETES, "--set", setting)
    assert done.returncode != 0
    assert words in done.stderr


def test_O_79_notes_name_a_message_that_is_there() -> None:
    notes = (CHART / "templates" / "NOTES.txt").read_text()
    assert "curl --data-binary @examples/adt_a01_admission.hl7" in notes
    assert "segue send examples/adt_a01_admission.hl7" in notes
    assert (ROOT / "examples" / "adt_a01_admission.hl7").is_file()
