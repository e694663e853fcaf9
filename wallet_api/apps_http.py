"""``/wallet/``, ``/auditor/``, ``/console/``: the pages' files, as the build made them, under a policy that lets nothing else run.

The files are made once by ``make apps`` (and are in the wheel); a server without them says how to make them.

>>> sorted(APPS)
['auditor', 'console', 'wallet']
"""

import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from wallet_api.door.pages import tagged

STATIC = Path(__file__).parent / "static"
"""Where the build puts what it makes (wallet_api/web/vite.config.ts)."""

APPS = ("wallet", "auditor", "console")

APP_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html commonwatt"
)
"""Its own files alone, no word of anybody taken for code, no page that frames it."""

WORKER = "worker.js"
WORKER_POLICY = "default-src 'none'; connect-src 'self'"
"""A service worker has the policy that it comes with: it fetches the page's files, and does nothing else."""

AUDITING = "auditor/auditing-"
AUDITING_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The worker that audits runs Python as WebAssembly, which no page here may; text is no code for it, either."""

CAMERA = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
"""What the wallet may use of a phone: the camera, for codes."""

FOR_EVER = "public, max-age=31536000, immutable"
"""Files under /assets/ have their content's hash in their name."""

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Not built</title>
<h1>This page is not built here</h1>
<p>Stop the server, run <code>make apps</code>, and start it again. It needs Node.js 20.19 or later, or fetches one.</p>
"""


def apps_router(static: Path = STATIC) -> APIRouter:
    """Return the addresses of the apps.

    Args:
        static: the folder of the build.
    """
    router = APIRouter(include_in_schema=False)
    known = frozenset(
        path.relative_to(static).as_posix() for path in static.rglob("*") if path.is_file()
    )

    def page(request: Request) -> Response:
        name = f"{request.url.path.strip('/')}/index.html"
        if name not in known:
            return HTMLResponse(NOT_BUILT, status_code=404)
        headers = {"Content-Security-Policy": APP_POLICY, "Permissions-Policy": CAMERA}
        return _file(request, static / name, headers)

    def file(request: Request, name: str) -> Response:
        path = f"{request.url.path.split('/')[1]}/{name}"
        if path not in known or name == "index.html":
            raise HTTPException(404)
        headers = {"Cache-Control": FOR_EVER} if path.startswith("assets/") else {}
        if name == WORKER:
            headers["Content-Security-Policy"] = WORKER_POLICY
        if path.startswith(AUDITING):
            headers["Content-Security-Policy"] = AUDITING_POLICY
        return _file(request, static / path, headers)

    for app in APPS:
        router.add_api_route(f"/{app}/", page)
        router.add_api_route(f"/{app}/{{name}}", file)
    router.add_api_route("/assets/{name:path}", file)
    return router


def _file(request: Request, path: Path, headers: dict[str, str]) -> Response:
    media = MEDIA.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    answer = tagged(request, path.read_bytes(), media or "application/octet-stream")
    answer.headers["Cache-Control"] = "public, no-cache"
    answer.headers.update(headers)
    return answer


MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
}
"""Media types that browsers insist on, whatever the machine's own table says."""
