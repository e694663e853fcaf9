"""Archives of meter files: how much they may hold, and that their names lead nowhere."""

import zipfile

import pytest

from ledger.errors import InputError
from meters import archives
from meters.archives import unpacked


def packed(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("UP", ".."), data)
    return path


def test_a_small_archive_that_holds_much_is_not_unpacked(tmp_path, monkeypatch):
    path = packed(tmp_path / "bomb.zip", a=b"0" * 3_000_000)
    assert path.stat().st_size < 5_000
    monkeypatch.setattr(archives, "FILE_BYTES_MAX", 2_000_000)
    with pytest.raises(InputError, match="holds more than 2,000,000 bytes"), unpacked(path):
        pass


def test_an_archive_holds_so_many_files(tmp_path, monkeypatch):
    path = packed(tmp_path / "many.zip", a=b"", b=b"", c=b"")
    monkeypatch.setattr(archives, "MEMBERS_MAX", 2)
    with pytest.raises(InputError, match="has more than 2 files"), unpacked(path):
        pass


def test_names_in_an_archive_lead_nowhere(tmp_path):
    path = packed(tmp_path / "slip.zip", UP__UP__out=b"x", __etc__x=b"y")
    with unpacked(path) as files:
        assert [place.read_bytes() for _, place in files] == [b"x", b"y"]
        assert [place.name for _, place in files] == ["0", "1"]
        folders = {place.parent for _, place in files}
    assert len(folders) == 1
    assert not next(iter(folders)).exists()
    assert [each.name for each in tmp_path.rglob("*")] == ["slip.zip"]
