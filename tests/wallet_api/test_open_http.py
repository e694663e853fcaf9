"""Open data over HTTP: the same rows in every form, strict questions, and nothing beside the rule."""

import csv
import hashlib
import io
import re

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from settlement.open_data import COLUMNS, OpenRow, Why
from settlement.open_package import LICENCES
from tests.wallet_api.open_streets import settled, shifted
from wallet_api.cli.context import Settings
from wallet_api.http import create_app
from wallet_api.open_chart import day_card, told_words
from wallet_api.open_http import MEDIA_TYPES
from wallet_api.street import WEEK

NAMES = [column.name for column in COLUMNS]
NOON = 989_734
"""11:00 UTC, when seven roofs give."""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return settled(tmp_path_factory.mktemp("open") / "street", WEEK[:2])


@pytest.fixture(scope="module")
def client(url):
    with TestClient(create_app(Settings(url))) as client:
        yield client


def table(content):
    cells = list(csv.reader(io.StringIO(content.decode(), newline="")))
    assert cells[0] == NAMES
    return [dict(zip(NAMES, row, strict=True)) for row in cells[1:]]


def test_csv_json_and_parquet_hold_the_same_rows(client):
    rows = client.get("/open/open.json").json()
    assert len(rows) == 96
    as_text = [{n: "" if c is None else str(c) for n, c in row.items()} for row in rows]
    assert table(client.get("/open/open.csv").content) == as_text
    found = pq.read_table(io.BytesIO(client.get("/open/open.parquet").content))
    assert found.column_names == NAMES
    columnar = found.to_pylist()
    for row in columnar:
        row["start_utc"] = row["start_utc"].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert columnar == rows
    assert found.schema.metadata[b"licence"] == b"CC-BY-4.0"


def test_an_empty_figure_has_a_reason_and_is_never_a_zero(client):
    rows = client.get("/open/open.json").json()
    for row in rows:
        for figure in (
            "import_wh",
            "export_wh",
            "matched_wh",
            "local_share_permille",
            "price_ticks",
        ):
            why = next(n for n in NAMES if n.endswith("_why") and figure.startswith(n[:-4]))
            assert (row[figure] is None) == (row[why] in set(Why))
    assert any(row["matched_wh"] for row in rows)
    assert {row["matched_why"] for row in rows} == {None, "few"}


def test_the_descriptor_has_what_the_standard_asks_and_names_the_files(client):
    """Data Package 2.0: the fields that it requires, written out by hand."""
    package = client.get("/open/datapackage.json").json()
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert re.fullmatch(r"[a-z0-9._-]+", package["name"])
    assert package["licenses"][0].keys() == {"name", "title", "path"}
    assert all(source["title"] for source in package["sources"])
    assert [resource["path"] for resource in package["resources"]] == [
        "open.csv",
        "open.json",
        "open.parquet",
    ]
    for resource in package["resources"]:
        content = client.get(f"/open/{resource['path']}").content
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert re.fullmatch(r"[a-z0-9._-]+", resource["name"])
        assert resource["type"] == "table"
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == NAMES
        assert {field["type"] for field in fields} <= {"datetime", "date", "integer", "string"}
        assert resource["schema"]["primaryKey"] == ["start_utc"]


def test_every_cell_is_what_the_schema_says(client):
    package = client.get("/open/datapackage.json").json()
    kinds = {
        "datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z",
        "date": r"\d{4}-\d\d-\d\d",
        "integer": r"\d+",
        "string": r".+",
    }
    for row in table(client.get("/open/open.csv").content):
        for field in package["resources"][0]["schema"]["fields"]:
            cell, rule = row[field["name"]], field.get("constraints", {})
            if cell == "":
                assert not rule.get("required")
                continue
            assert re.fullmatch(kinds[field["type"]], cell)
            assert cell in rule.get("enum", [cell])


def test_days_may_be_asked_for(client):
    second = WEEK[1].isoformat()
    rows = client.get(f"/open/open.json?from={second}").json()
    assert {row["day"] for row in rows} == {second}
    assert client.get("/open/open.json?through=2020-01-01").json() == []
    assert client.get("/open/open.csv?through=2020-01-01").text == ",".join(NAMES) + "\n"
    assert client.get("/open/open.parquet?through=2020-01-01").status_code == 200
    package = client.get(f"/open/datapackage.json?from={second}&through={second}").json()
    assert package["resources"][0]["path"] == f"open.csv?from={second}&through={second}"
    content = client.get(f"/open/{package['resources'][0]['path']}").content
    assert package["resources"][0]["bytes"] == len(content)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("?from=15.6.2026", "2026"),
        ("?from=2026-06-31", "2026"),
        ("?until=2026-06-15", "There is no 'until' here"),
        ("?from=2026-06-15&from=2026-06-16", "from stands there twice"),
        ("?from=2026-06-16&through=2026-06-15", "is not 1 to 366 days"),
        ("?from=2020-01-01&through=2026-06-15", "is not 1 to 366 days"),
        ("?from=", "2026"),
        ("?from=2026-06-15%00", ""),
    ],
)
@pytest.mark.parametrize("path", ["/open", "/open/open.csv", "/open/datapackage.json"])
def test_a_wrong_question_is_a_problem(client, path, asked, words):
    answer = client.get(path + asked)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"] or "YYYY" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/open/open.xml", "/open/../keys/log.key", "/open/a/b"])
def test_nothing_else_is_there(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["", *(f"/{name}" for name in MEDIA_TYPES)])
def test_answers_are_tagged_dated_and_open_to_other_pages(client, name):
    answer = client.get(f"/open{name}")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["last-modified"].endswith("GMT")
    again = client.get(f"/open{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(f"/open{name}", headers={"If-None-Match": '"x", W/"y"'})
    assert other.content == answer.content


def test_only_open_data_may_be_read_by_other_pages(client):
    for path in ("/", "/v1/community", "/v1/health", "/log.vkey"):
        assert "access-control-allow-origin" not in client.get(path).headers


def test_the_page_loads_nothing_and_links_the_files(client):
    page = client.get("/open").text
    assert "<script" not in page
    assert page.count("<rect") > 48
    for name in ("open.csv", "open.json", "open.parquet", "datapackage.json"):
        assert f'href="/open/{name}"' in page
    assert "creativecommons.org/licenses/by/4.0/" in page


def half_hour(taken_wh, given_wh, why=None, matched_wh=None):
    few = Why.FEW
    why = few if None in (taken_wh, given_wh) else why
    return OpenRow(
        *(NOON, "2026-06-15", taken_wh, given_wh, matched_wh, None, None, "5 to 9", "5 to 9"),
        *(few if taken_wh is None else None, few if given_wh is None else None),
        *(why, why, why),
    )


NOT_TOLD = "what neighbours traded is not told: "


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([half_hour(3_000, None), half_hour(None, None)], f"{NOT_TOLD}fewer than 5 sellers"),
        ([half_hour(None, 3_000)], f"{NOT_TOLD}fewer than 5 buyers"),
        ([half_hour(None, None)], f"{NOT_TOLD}fewer than 5 members"),
        ([half_hour(3_000, None), half_hour(None, 3_000)], f"{NOT_TOLD}fewer than 5 members"),
        (
            [half_hour(3_000, None), half_hour(3_000, 4_000, Why.RULES)],
            f"{NOT_TOLD}the community's rules match by limits",
        ),
        (
            [half_hour(3_000, None), half_hour(3_000, 4_000, matched_wh=3_000)],
            "about 3 kWh between neighbours may be told",
        ),
        ([half_hour(0, 4_000, matched_wh=0)], "about 0 kWh between neighbours may be told"),
    ],
)
def test_what_is_not_told_is_said_to_be_so(rows, words):
    assert told_words(rows).startswith(words)
    card = day_card(WEEK[0], "Europe/London", rows)
    hidden = sum((row.import_why is not None) + (row.export_why is not None) for row in rows)
    assert card.count('<rect class="untold"') == hidden
    assert words.partition(":")[0] in card


def test_a_group_chooses_its_licence(url, tmp_path):
    folder = tmp_path / "street"
    chosen = settled(folder)
    (folder / "open-licence").write_text("CC0-1.0\n")
    with TestClient(create_app(Settings(chosen))) as client:
        assert client.get("/open/datapackage.json").json()["licenses"][0]["name"] == "CC0-1.0"
        (folder / "open-licence").write_text("All rights reserved")
        answer = client.get("/open/open.csv")
        assert answer.status_code == 503
        assert all(name in answer.json()["detail"] for name in LICENCES)


PUBLIC = ("/", "/v1/community", "/open", *(f"/open/{name}" for name in MEDIA_TYPES))


def everything(url):
    with TestClient(create_app(Settings(url))) as client:
        signed = re.compile(r"The log has [\d,]+ signed entries|\w+\+[0-9a-f]{8}\+[\w+/=]+")
        return [signed.sub("", client.get(path).text) for path in PUBLIC]


def test_two_streets_that_differ_in_one_homes_reading_look_alike_to_everybody(tmp_path):
    """The attack from end to end: engine, database, pages and files, and not one byte differs."""
    truth = everything(settled(tmp_path / "truth"))
    for by_wh in (-60, 40, 130):
        guess = settled(tmp_path / f"guess{by_wh}", change=shifted("lw-15", NOON, by_wh))
        assert everything(guess) == truth
    far = settled(tmp_path / "far", change=shifted("lw-15", NOON, 1_500))
    assert everything(far) != truth
