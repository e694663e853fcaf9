import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LogError
from ledger.log.tiles import (
    ENTRY_BYTES_MAX,
    Tile,
    UpperTiles,
    check_bundle,
    decode_bundle,
    encode_bundle,
    entries_path,
    frontier_of_tiles,
    grown_tiles,
    new_tiles,
    partial_tiles,
    prove_consistency,
    prove_inclusion,
    tile_bytes,
    tile_path,
    tiles_for_size,
    verify_tiles,
)
from ledger.log.tree import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    root_of_joined,
    verify_inclusion,
)

SEEDED = settings(derandomize=True, deadline=None, max_examples=40)

ENTRIES = [b"entry %d" % index for index in range(1500)]
HASHES = [leaf_hash(entry) for entry in ENTRIES]


def grow(files, old_size, new_size, entries=ENTRIES):
    hashes = [leaf_hash(entry) for entry in entries[old_size:new_size]]
    for tile, data in grown_tiles(old_size, hashes, files.__getitem__):
        assert files.setdefault(tile.path, data) == data  # never other bytes in the same file
        if tile.level == 0:
            bundle = entries[tile.first : tile.first + tile.width]
            files[tile.bundle_path] = encode_bundle(bundle)


def written(size):
    files = {}
    grow(files, 0, size)
    return files


def naive_node(size):
    def node(level, index):
        width = 256**level
        assert (index + 1) * width <= size
        return root_of(HASHES[index * width : (index + 1) * width])

    return node


@SEEDED
@given(st.lists(st.integers(0, 600), min_size=1, max_size=5))
def test_a_log_grown_in_any_steps_checks_out_at_every_size(steps):
    files, size = {}, 0
    for step in steps:
        old_size, size = size, min(size + step, len(ENTRIES))
        grow(files, old_size, size)
        root = root_of(HASHES[:size])
        assert list(verify_tiles(files.__getitem__, size, root)) == ENTRIES[:size]
        assert frontier_of_tiles(size, files.__getitem__).root() == root


@SEEDED
@given(st.integers(0, len(ENTRIES)), st.integers(0, len(ENTRIES)))
def test_what_is_written_is_what_is_named_and_what_the_standard_says(first, second):
    old_size, new_size = sorted((first, second))
    files = written(old_size)
    before = set(files)
    grow(files, old_size, new_size)
    tiles = list(new_tiles(old_size, new_size))
    hash_files = {path for path in set(files) - before if "entries" not in path}
    assert hash_files == {tile.path for tile in tiles}
    for tile in tiles:
        assert files[tile.path] == tile_bytes(tile, naive_node(new_size))
    assert {tile.path for tile in tiles_for_size(new_size)} <= set(files)


@SEEDED
@given(st.data(), st.integers(1, len(ENTRIES)))
def test_proofs_from_tiles_are_those_from_the_leaves(data, size):
    read = written(size).__getitem__
    index = data.draw(st.integers(0, size - 1))
    assert prove_inclusion(read, index, size) == inclusion_proof(HASHES[:size], index)
    assert prove_consistency(read, index + 1, size) == consistency_proof(HASHES[:size], index + 1)


def test_a_tree_of_three_levels_checks_out_and_proves():
    size = 70_000  # the example of the standard
    entries = [b"%d" % index for index in range(size)]
    hashes = [leaf_hash(entry) for entry in entries]
    files = {}
    for old_size, new_size in ((0, 65_530), (65_530, 65_536), (65_536, size)):
        grow(files, old_size, new_size, entries)
    assert list(tiles_for_size(size)) == [
        *(Tile(0, index) for index in range(273)),
        Tile(0, 273, 112),
        Tile(1, 0),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert partial_tiles(65_536) == [Tile(2, 0, 1)]
    root = root_of(hashes)
    assert sum(1 for _ in verify_tiles(files.__getitem__, size, root)) == size
    for index in (0, 65_535, 65_536, 69_999):
        proof = prove_inclusion(files.__getitem__, index, size)
        verify_inclusion(index, size, hashes[index], proof, root)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600])
def test_any_changed_byte_or_missing_file_is_named(size):
    files, root = written(size), root_of(HASHES[:size])
    needed = {tile.path for tile in tiles_for_size(size)}
    needed |= {tile.bundle_path for tile in tiles_for_size(size) if tile.level == 0}
    assert needed == set(files)
    for path, data in files.items():
        for place in {0, 1, len(data) // 2, len(data) - 1}:
            changed = bytearray(data)
            changed[place] ^= 0x20
            altered = {**files, path: bytes(changed)}
            with pytest.raises(LogError, match=re.escape(path)):
                list(verify_tiles(altered.__getitem__, size, root))
        for other in (data[:-1], data + b"\x00", b""):
            altered = {**files, path: other}
            with pytest.raises(LogError, match=re.escape(path)):
                list(verify_tiles(altered.__getitem__, size, root))
        fewer = {name: content for name, content in files.items() if name != path}
        with pytest.raises(LogError, match=f"{re.escape(path.split('.p/')[0])} is missing"):
            list(verify_tiles(fewer.__getitem__, size, root))


def test_the_first_entry_that_differs_is_named():
    files = written(300)
    files["tile/entries/001.p/44"] = encode_bundle([*ENTRIES[256:270], b"x", *ENTRIES[271:300]])
    with pytest.raises(LogError, match="entry 270 differs"):
        list(verify_tiles(files.__getitem__, 300, root_of(HASHES[:300])))


def test_another_root_or_a_whole_other_log_is_refused_at_the_end():
    files = written(300)
    entries = verify_tiles(files.__getitem__, 300, bytes(32))
    assert [next(entries) for _ in range(300)] == ENTRIES[:300]
    with pytest.raises(LogError, match="not with the root"):
        next(entries)


def test_a_deleted_partial_tile_is_read_from_the_full_one():
    files = written(300)
    grow(files, 300, 600)
    kept = {path: data for path, data in files.items() if ".p/44" not in path}
    root = root_of(HASHES[:300])
    assert list(verify_tiles(kept.__getitem__, 300, root)) == ENTRIES[:300]


def test_a_missing_file_of_a_directory_is_refused_too(tmp_path):
    def read(path):
        return (tmp_path / path).read_bytes()

    with pytest.raises(LogError, match="tile/entries/000 is missing"):
        list(verify_tiles(read, 1, HASHES[0]))


def test_bundles_checked_apart_give_the_same_answer():
    size = 1500
    files, root = written(size), root_of(HASHES)
    parts = [check_bundle(files.__getitem__, index, 256) for index in range(5)]
    upper = UpperTiles(files.__getitem__, size)
    for _, tile in parts[:4]:
        upper.add(root_of_joined(tile))
    with pytest.raises(LogError, match="4 full tiles came in, not 5"):
        upper.finish(root)
    upper.add(root_of_joined(parts[4][1]))
    upper.finish(root)


@SEEDED
@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_written_and_read_back(entries):
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


@SEEDED
@given(st.binary(max_size=200), st.integers(0, 256))
def test_any_bytes_as_a_bundle_raise_only_our_error_or_are_read_exactly(data, width):
    try:
        entries = decode_bundle(data, width)
    except LogError:
        return
    assert len(entries) == width
    assert encode_bundle(entries) == data


@pytest.mark.parametrize(
    ("data", "width", "reason"),
    [
        (b"", 1, "fewer than 1"),
        (b"\x00", 1, "fewer than 1"),
        (b"\x00\x05abc", 1, "take 7 bytes, and the bundle has 5"),
        (b"\x00\x01ab", 1, "take 3 bytes, and the bundle has 4"),
        (b"\x00\x01a", 2, "fewer than 2"),
        (b"\xff\xff" + bytes(9), 2, "fewer than 2"),
    ],
)
def test_a_malformed_bundle_is_refused_with_the_reason(data, width, reason):
    with pytest.raises(LogError, match=reason):
        decode_bundle(data, width)


def test_the_longest_entry_fits_and_one_byte_more_does_not():
    longest = bytes(ENTRY_BYTES_MAX)
    assert decode_bundle(encode_bundle([longest]), 1) == [longest]
    with pytest.raises(LogError, match="65,536 bytes is longer"):
        encode_bundle([longest + b"\x00"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (tile_path(0, 0), "tile/0/000"),
        (tile_path(0, 999), "tile/0/999"),
        (tile_path(0, 1000), "tile/0/x001/000"),
        (tile_path(6, 1234067), "tile/6/x001/x234/067"),
        (tile_path(1, 0, 1), "tile/1/000.p/1"),
        (tile_path(0, 1234067, 255), "tile/0/x001/x234/067.p/255"),
        (entries_path(1234067), "tile/entries/x001/x234/067"),
        (entries_path(5, 112), "tile/entries/005.p/112"),
    ],
)
def test_paths(path, expected):
    assert path == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda: tile_path(7, 0),
        lambda: tile_path(-1, 0),
        lambda: tile_path(0, -1),
        lambda: tile_path(0, 0, 0),
        lambda: entries_path(0, 257),
        lambda: list(new_tiles(3, 2)),
        lambda: list(new_tiles(-1, 2)),
        lambda: list(tiles_for_size(2**53)),
        lambda: list(grown_tiles(0, [bytes(31)], {}.__getitem__)),
        lambda: list(grown_tiles(3, [bytes(32)], {}.__getitem__)),
        lambda: UpperTiles({}.__getitem__, -1),
    ],
)
def test_names_and_sizes_that_no_log_has_are_refused(call):
    with pytest.raises(LogError):
        call()
