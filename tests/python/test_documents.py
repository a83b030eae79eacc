"""Every command and query that the documents show runs, every file they link to exists."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from orchestration.lib.project import DBT

DOCUMENTS = (
    "README.md",
    "DECISIONS.md",
    "models/overview.md",
    "packages/dbt_expectations/README.md",
)

# A whole Olist delivery in miniature: one order with one item, paid and reviewed.
OLIST = {
    "olist_orders_dataset.csv": (
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
        "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n"
        "o1,c1,delivered,2018-01-02 10:00:00,2018-01-02 10:05:00,2018-01-03 09:00:00,"
        "2018-01-06 15:00:00,2018-01-12 00:00:00\n"
    ),
    "olist_order_items_dataset.csv": (
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n"
        "o1,1,p1,s1,2018-01-05 10:00:00,50.00,8.10\n"
    ),
    "olist_order_payments_dataset.csv": (
        "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
        "o1,1,boleto,1,58.10\n"
    ),
    "olist_customers_dataset.csv": (
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n"
        "c1,u1,01000,sao paulo,SP\n"
    ),
    "olist_products_dataset.csv": (
        "product_id,product_category_name,product_name_lenght,product_description_lenght,"
        "product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm\n"
        "p1,brinquedos,20,100,1,300,20,10,10\n"
    ),
    "olist_sellers_dataset.csv": (
        "seller_id,seller_zip_code_prefix,seller_city,seller_state\ns1,01001,sao paulo,SP\n"
    ),
    "olist_geolocation_dataset.csv": (
        "geolocation_zip_code_prefix,geolocation_lat,geolocation_lng,geolocation_city,"
        "geolocation_state\n01000,-23.5,-46.6,são paulo,SP\n"
    ),
    "olist_order_reviews_dataset.csv": (
        "review_id,order_id,review_score,review_comment_title,review_comment_message,"
        "review_creation_date,review_answer_timestamp\n"
        "r1,o1,5,,ótimo,2018-01-07 00:00:00,2018-01-07 12:00:00\n"
    ),
    "product_category_name_translation.csv": (
        "product_category_name,product_category_name_english\nbrinquedos,toys\n"
    ),
}

SERVICES = ("storehouse collect", "storehouse stream")


def commands() -> list[str]:
    """The command lines of the documents' bash blocks, each once, without comments."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        text = (PROJECT_DIR / document).read_text(encoding="utf-8")
        for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL):
            for line in block.splitlines():
                command = re.sub(r"\s+#.*", "", line).strip()
                if command:
                    found[command] = None
    return list(found)


def queries() -> list[str]:
    """The SQL blocks of the documents, in their order."""
    texts = [(PROJECT_DIR / document).read_text(encoding="utf-8") for document in DOCUMENTS]
    return [sql for text in texts for sql in re.findall(r"```sql\n(.*?)```", text, flags=re.DOTALL)]


def started_and_stopped(command: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Status and output of a command that goes on until SIGTERM, sent when it says something."""
    with subprocess.Popen(
        shlex.split(command),
        cwd=PROJECT_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        said = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        return process.wait(600), said + process.stdout.read()


def test_the_documents_show_commands() -> None:
    assert {"make run", "make test", "storehouse run", "dbt build"} <= set(commands())


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("make ")])
def test_make_targets_exist(command: str) -> None:
    done = subprocess.run(
        [*shlex.split(command), "-n"], cwd=PROJECT_DIR, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_storehouse_and_dbt_command_runs(demo_copy: Home, tmp_path: Path) -> None:
    """One after the other in a copy of the demo, as a reader would type them; then the queries."""
    olist = tmp_path / "olist"
    olist.mkdir()
    for name, text in OLIST.items():
        (olist / name).write_text(text, encoding="utf-8")
    environment = os.environ | {
        HOME_VARIABLE: str(demo_copy.root),
        "PATH": f"{DBT.parent}{os.pathsep}{os.environ['PATH']}",
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }
    run = [c for c in commands() if c.startswith(("storehouse ", "dbt "))]
    assert len(run) >= 6
    for command in run:
        typed = command.replace("path/to/olist", str(olist))
        typed = typed.replace("data/", f"{demo_copy.root}/").replace("target/", f"{tmp_path}/")
        if command in SERVICES:
            status, output = started_and_stopped(typed, environment)
        else:
            done = subprocess.run(
                shlex.split(typed),
                cwd=PROJECT_DIR,
                env=environment,
                capture_output=True,
                text=True,
                timeout=600,
            )
            status, output = done.returncode, done.stdout[-3000:] + done.stderr[-2000:]
        assert status == 0, f"{command}\n{output}"
    assert len(queries()) >= 2
    with duckdb.connect(str(demo_copy.published_file), read_only=True) as published:
        for query in queries():
            assert published.execute(query).fetchall(), f"no row:\n{query}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = PROJECT_DIR / document
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []
