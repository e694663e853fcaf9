"""Every page can be reached, every link leads somewhere, and no file tells of one machine."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MADE_HERE = {
    *("build", "commonwatt-demo", "dist", "htmlcov", "node_modules", "static", "__pycache__"),
}
"""Folders that are made, not kept; so are those whose name begins with a full stop."""
TEXTS = {"", ".cfg", ".css", ".html", ".ini", ".js", ".json", ".mako", ".md", ".py", ".service"}
TEXTS |= {".sh", ".svg", ".toml", ".ts", ".txt", ".yaml", ".yml"}

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\[[^\]]+\]:\s+<?(\S+?)>?\s*$", re.MULTILINE)
ATTRIBUTE = re.compile(
    r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=\"([^\"\s]+)", re.IGNORECASE
)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
HEADING = re.compile(r"^#{1,6} +(.+?)\s*#*$", re.MULTILINE)

FOLDERS_OF_ONE_MACHINE = re.compile(
    r"(?<![\w.~}/-])/(?:home|Users|root|work|workspace|mnt|private)/[\w.]|\b[A-Z]:\\\\?[A-Za-z]"
)
REGISTRIES = re.compile(
    r"\b(?:test\.)?pypi\.org|\bpythonhosted\.org|\bregistry\.(?:npmjs|yarnpkg)\.|\bproxy\.golang\.org"
    r"|\bindex\.crates\.io|--(?:extra-)?index-url|\b(?:extra-)?index-url\s*=|/simple/?(?:\s|$)"
)


def kept_files() -> Iterator[Path]:
    """Yield the repository's own files."""
    waiting = [ROOT]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            hidden = path.name.startswith(".") and path.name not in (".ci", ".github")
            if path.is_dir():
                if not hidden and path.name not in MADE_HERE and path.suffix != ".egg-info":
                    waiting.append(path)
            elif not hidden or path.name == ".gitignore":
                yield path


def pages() -> list[Path]:
    return [path for path in kept_files() if path.suffix == ".md"]


def links(text: str) -> list[str]:
    prose = CODE.sub("", FENCE.sub("", text))
    found = [target for pattern in (LINK, REFERENCE) for target in pattern.findall(prose)]
    return found + ATTRIBUTE.findall(FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """Return the anchors that headings have where the page is shown."""
    titles = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_relative_link_leads_somewhere(page):
    for target in links(page.read_text(encoding="utf-8")):
        if SCHEME.match(target) or target.startswith("//"):
            continue
        assert not target.startswith("/"), f"{target}: write it relative to the page"
        file, _, anchor = target.partition("#")
        wanted = (page.parent / file).resolve() if file else page
        assert wanted.is_relative_to(ROOT), f"{target} leads out of the repository"
        assert wanted.exists(), f"{target} leads nowhere"
        if anchor and wanted.suffix == ".md":
            assert anchor in anchors(wanted.read_text(encoding="utf-8")), f"{target}: no heading"


def test_the_index_lists_every_page():
    index = DOCS / "README.md"
    listed = {
        (DOCS / target.partition("#")[0]).resolve()
        for target in links(index.read_text(encoding="utf-8"))
        if not SCHEME.match(target)
    }
    missing = [name_of(page) for page in sorted(DOCS.rglob("*.md")) if page not in listed | {index}]
    assert not missing


def test_no_file_names_a_folder_of_one_machine_or_a_registry():
    found = []
    for path in kept_files():
        if path.suffix not in TEXTS or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if FOLDERS_OF_ONE_MACHINE.search(line) or REGISTRIES.search(line):
                found.append(f"{name_of(path)}:{number}: {line.strip()[:100]}")
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "home/ada/street.csv",
        "open('/" + "Users/ada')",
        "D:" + "\\street",
        "pip install --index" + "-url https://example.org",
        "https://files.python" + "hosted.org/packages",
    ],
)
def test_what_must_not_be_named_is_seen(line):
    assert FOLDERS_OF_ONE_MACHINE.search(line) or REGISTRIES.search(line)


@pytest.mark.parametrize("line", ["docs/home/x", "sqlite:///street.sqlite", "/usr/lib/postgresql"])
def test_what_may_be_named_passes(line):
    assert not FOLDERS_OF_ONE_MACHINE.search(line)
    assert not REGISTRIES.search(line)


def test_links_and_anchors_are_found():
    text = "# One & two\n[a](b.md#c) `[d](e)` ![f](g.svg)\n```\n[h](i)\n```\n[j]: k.md\n"
    assert links(text) == ["b.md#c", "g.svg", "k.md"]
    assert anchors(text) == {"one--two"}


def test_every_direct_dependency_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    names = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in wanted}
    assert not [name for name in sorted(names) if f"`{name}" not in page]
