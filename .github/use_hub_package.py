"""Swaps the stand-in for the hub's dbt_expectations, to prove that the project does not notice.

The hub package brings dbt_date, which wants its time zone named, and has deprecations of its own:
they stay warnings here.
"""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]

packages = {
    "packages": [{"package": "metaplane/dbt_expectations", "version": [">=0.10.0", "<0.11.0"]}]
}
(ROOT / "packages.yml").write_text(yaml.safe_dump(packages), encoding="utf-8")

project_file = ROOT / "dbt_project.yml"
project = yaml.safe_load(project_file.read_text(encoding="utf-8"))
project["flags"].pop("warn_error_options")
project["vars"]["dbt_date:time_zone"] = "UTC"
project_file.write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
