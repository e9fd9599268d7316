"""The chart knows every setting of the program, and no other (O-79)."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

SOURCE = Path(__file__).with_name("settings_schema.py")
MODULE = runpy.run_path(str(SOURCE))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json.loads(MODULE["FILE"].read_text())


def test_O_79_config_in_the_chart_is_the_settings_tree(schema: dict[str, Any]) -> None:
    config, definitions = MODULE["parts"]()
    assert schema["properties"]["config"] == config, f"run: python {SOURCE.relative_to(Path.cwd())}"
    assert schema["$defs"] == definitions, f"run: python {SOURCE.relative_to(Path.cwd())}"


def test_O_79_every_value_of_the_chart_is_in_its_schema(schema: dict[str, Any]) -> None:
    values = yaml.safe_load((MODULE["CHART"] / "values.yaml").read_text())
    assert set(schema["properties"]) == {*values, "global"}
    assert schema["additionalProperties"] is False


def test_O_40_the_chart_s_own_settings_load(tmp_path: Path) -> None:
    from segue.settings import load

    values = yaml.safe_load((MODULE["CHART"] / "values.yaml").read_text())
    file = tmp_path / "segue.yaml"
    file.write_text(yaml.safe_dump(values["config"]))
    settings = load(file, environment={}).settings
    assert settings.http.port == values["config"]["http"]["port"]
    assert settings.drain.grace_s == values["config"]["drain"]["grace_s"]
