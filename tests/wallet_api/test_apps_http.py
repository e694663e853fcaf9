"""The apps' files as they are served: what is there, under which policy, and nothing beside it."""

import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from wallet_api.apps_http import (
    APP_POLICY,
    AUDITING_POLICY,
    FOR_EVER,
    WORKER_POLICY,
    apps_router,
)

ROOT = Path(__file__).parents[2]
WEB = ROOT / "wallet_api" / "web"
WORDS = ROOT / "wallet_api" / "words"


def client_of(folder):
    app = FastAPI()
    app.include_router(apps_router(folder))
    return TestClient(app)


@pytest.fixture
def built(tmp_path):
    files = {
        "wallet/index.html": "<!doctype html>",
        "wallet/worker.js": "self",
        "auditor/auditing-1a2b.js": "code",
        "assets/python-1/python.wasm": "wasm",
        "wallet/icon.svg": "<svg/>",
        "assets/wallet-1a2b.js": "code",
        "other/secret.txt": "secret",
    }
    for name, text in files.items():
        path = tmp_path / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "beside.txt").write_text("beside")
    return client_of(tmp_path / "static")


def test_the_page_has_a_policy_that_lets_nothing_else_run(built):
    got = built.get("/wallet/")
    assert got.headers["content-security-policy"] == APP_POLICY
    assert "unsafe" not in APP_POLICY
    assert "data:" not in APP_POLICY
    assert got.headers["cache-control"] == "public, no-cache"
    again = built.get("/wallet/", headers={"If-None-Match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_service_worker_may_fetch_and_nothing_else(built):
    got = built.get("/wallet/worker.js")
    assert got.headers["content-security-policy"] == WORKER_POLICY
    assert got.headers["content-type"] == "text/javascript; charset=utf-8"


def test_what_audits_may_run_python_and_no_page_may(built):
    got = built.get("/auditor/auditing-1a2b.js")
    assert got.headers["content-security-policy"] == AUDITING_POLICY
    assert "unsafe-eval" not in AUDITING_POLICY.replace("'wasm-unsafe-eval'", "")
    assert "wasm" not in APP_POLICY
    assert built.get("/assets/python-1/python.wasm").headers["content-type"] == "application/wasm"


def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_others_looked_at(built):
    assert built.get("/assets/wallet-1a2b.js").headers["cache-control"] == FOR_EVER
    assert built.get("/wallet/icon.svg").headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize(
    "path",
    [
        *("/wallet/index.html", "/assets/", "/assets/none.js", "/other/secret.txt", "/other/"),
        *("/wallet/..%2f..%2fbeside.txt", "/assets/..%2f..%2fbeside.txt", "/wallet/%2e%2e"),
        *("/assets/wallet-1a2b.js%00", "/wallet//worker.js"),
    ],
)
def test_nothing_else_is_there(built, path):
    assert built.get(path).status_code in (404, 422)


def test_a_server_without_the_apps_says_how_to_make_them(tmp_path):
    got = client_of(tmp_path / "none").get("/wallet/")
    assert (got.status_code, "make apps" in got.text) == (404, True)


@pytest.mark.parametrize("folder", [WORDS, WORDS / "desk", WORDS / "console"])
def test_every_word_is_said_somewhere_and_has_the_same_places_in_every_language(folder):
    code = "".join(path.read_text(encoding="utf-8") for path in WEB.glob("src/**/*.[st]*"))
    english = json.loads((folder / "en.json").read_text(encoding="utf-8"))
    made = [*re.findall(r"`([a-z_]+\.[a-z_.]*)\$\{", code), "kind."]
    unsaid = [key for key in english if f'"{key}"' not in code and not key.startswith(tuple(made))]
    assert unsaid == []
    languages = {"en.json"} if folder.name == "console" else {"en.json", "cy.json", "ur.json"}
    assert {path.name for path in folder.glob("*.json")} == languages
    for path in folder.glob("*.json"):
        words = json.loads(path.read_text(encoding="utf-8"))
        assert set(words) == set(english), path.name
        for key, text in words.items():
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), (
                key
            )


def test_no_word_of_the_desks_is_one_of_the_phones():
    both = [
        set(json.loads((folder / "en.json").read_text(encoding="utf-8")))
        for folder in (WORDS, WORDS / "desk", WORDS / "console")
    ]
    assert both[0] & (both[1] | both[2]) == both[1] & both[2] == set()
