"""docs/nem12-side-by-side.md is what nemreader and ours make of the files today."""

import pytest

from tests.engines import missing
from tests.meters import side_by_side


@pytest.fixture(autouse=True)
def nemreader():
    try:
        import nemreader  # noqa: PLC0415 - it is not everywhere
    except ImportError:
        missing("nemreader")
    else:
        return nemreader


@pytest.fixture(scope="module")
def kept():
    return side_by_side.PAGE.read_text(encoding="utf-8")


def test_the_made_mistakes_are_as_the_page_says(kept):
    rows, verdicts = side_by_side.mistake_rows()
    assert "\n".join(rows) in kept
    assert side_by_side.sums(verdicts) in kept
    assert "**ours does not**" not in kept


@pytest.mark.shared
def test_the_page_is_what_the_program_writes(shared_dir, kept):
    assert side_by_side.page(shared_dir) == kept


def test_every_remark_is_of_a_file(kept):
    assert all(f"`{name.removeprefix('Example_')}`" in kept for name in side_by_side.REMARKS)
