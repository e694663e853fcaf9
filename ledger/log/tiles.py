"""C2SP tiles: the log's tree and entries as files that never change once they are full.

A tile holds up to 256 hashes of one level: level 0 the leaf hashes, level 1 the roots of full
level-0 tiles, and so on. A bundle holds the up to 256 entries under one level-0 tile, each
after its length in two bytes. Specification: https://c2sp.org/tlog-tiles.

>>> files = {}
>>> leaves = [b"leaf %d" % index for index in range(300)]
>>> for tile, data in grown_tiles(0, [leaf_hash(leaf) for leaf in leaves], files.__getitem__):
...     files[tile.path] = data
...     if tile.level == 0:
...         files[tile.bundle_path] = encode_bundle(leaves[tile.first : tile.first + tile.width])
>>> sorted(files)[2:]
['tile/1/000.p/1', 'tile/entries/000', 'tile/entries/001.p/44']
>>> root = frontier_of_tiles(300, files.__getitem__).root()
>>> list(verify_tiles(files.__getitem__, 300, root)) == leaves
True
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.errors import LogError
from ledger.log.tree import (
    HASH_BYTES,
    SIZE_MAX,
    Frontier,
    consistency_ranges,
    full_subtrees,
    inclusion_ranges,
    join_subtrees,
    leaf_hash,
    root_of_joined,
)

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES

LEVELS_MAX = 7
"""Levels of the largest tree: 2^53 leaves need seven of eight bits each."""

ENTRY_BYTES_MAX = 65_535
"""Longest entry: its length has two bytes."""

Read = Callable[[str], bytes]
"""Returns a file's bytes by its path, or raises KeyError or FileNotFoundError without it."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The name of one tile: its level, its index in the level, and how many hashes it holds."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The tile's path below the log's root."""
        return tile_path(self.level, self.index, self.width)

    @property
    def bundle_path(self) -> str:
        """The path of the entries under a level-0 tile."""
        return entries_path(self.index, self.width)

    @property
    def first(self) -> int:
        """Index, within its level, of the tile's first hash."""
        return self.index * TILE_WIDTH


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a hash tile.

    >>> tile_path(1, 1234067, 17)
    'tile/1/x001/x234/067.p/17'
    """
    if not 0 <= level < LEVELS_MAX:
        raise LogError(f"a log has tile levels 0 to {LEVELS_MAX - 1}, not {level}")
    return f"tile/{level}/{_index_path(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle.

    >>> entries_path(0, 256)
    'tile/entries/000'
    """
    return f"tile/entries/{_index_path(index, width)}"


def _index_path(index: int, width: int) -> str:
    if index < 0 or not 0 < width <= TILE_WIDTH:
        raise LogError(f"there is no tile of index {index} and width {width}")
    path = f"{index % 1000:03d}"
    while index >= 1000:  # noqa: PLR2004 - three digits a path element
        index //= 1000
        path = f"x{index % 1000:03d}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the bytes of an entry bundle.

    Raises:
        LogError: an entry is longer than its length field can say.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            raise LogError(f"an entry of {len(entry):,} bytes is longer than {ENTRY_BYTES_MAX:,}")
        parts += (len(entry).to_bytes(2), entry)
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        LogError: cut, too long, or of another count of entries.
    """
    entries = []
    at, length = 0, len(data)
    try:
        for _ in range(width):
            start = at + 2
            at = start + (data[start - 2] << 8 | data[start - 1])
            entries.append(data[start:at])
    except IndexError as error:
        raise LogError(f"the bundle has fewer than {width} entries") from error
    if at != length:
        raise LogError(f"{width} entries take {at} bytes, and the bundle has {length}")
    return entries


def tiles_for_size(size: int) -> Iterator[Tile]:
    """Yield every hash tile of a tree, whole levels from the leaves up, partial tiles too."""
    return new_tiles(0, size)


def new_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """Yield the hash tiles to write when a tree grows, from the leaves up.

    Each level-0 tile has an entry bundle of the same index and width.

    Raises:
        LogError: the sizes do not rise.
    """
    if not 0 <= old_size <= new_size <= SIZE_MAX:
        raise LogError(f"a log of {old_size} leaves cannot grow to {new_size}")
    for level in range(LEVELS_MAX):
        old_count, count = old_size >> TILE_HEIGHT * level, new_size >> TILE_HEIGHT * level
        if old_count != count:
            for first in range(old_count // TILE_WIDTH * TILE_WIDTH, count, TILE_WIDTH):
                yield Tile(level, first // TILE_WIDTH, min(TILE_WIDTH, count - first))


def partial_tiles(size: int) -> list[Tile]:
    """Return the partial tiles of a tree, the lowest level first: together they give its root."""
    return [
        Tile(level, count // TILE_WIDTH, count % TILE_WIDTH)
        for level in range(LEVELS_MAX)
        if (count := size >> TILE_HEIGHT * level) % TILE_WIDTH
    ]


def tile_bytes(tile: Tile, node: Callable[[int, int], bytes]) -> bytes:
    """Return one tile's bytes from a source of nodes.

    Args:
        tile: which tile.
        node: returns the hash at (level, index): at level 0 a leaf hash, above it the root of
            the full tile of that index one level down.
    """
    return b"".join(node(tile.level, tile.first + place) for place in range(tile.width))


def grown_tiles(
    old_size: int, leaf_hashes: Sequence[bytes], read: Read
) -> Iterator[tuple[Tile, bytes]]:
    """Yield each hash tile to write, with its bytes, when leaves are added.

    Only the old tree's partial tiles are read and only new tiles are hashed. In the order of
    `new_tiles`.

    Raises:
        LogError: a partial tile is missing or of another length.
    """
    hashes = b"".join(leaf_hashes)
    if len(hashes) != len(leaf_hashes) * HASH_BYTES:
        raise LogError("a leaf hash has 32 bytes")
    for level in range(LEVELS_MAX):
        if not hashes:
            return
        index, width = divmod(old_size >> TILE_HEIGHT * level, TILE_WIDTH)
        data = (read_tile(read, Tile(level, index, width)) if width else b"") + hashes
        roots = []
        for at in range(0, len(data), TILE_BYTES):
            tile = data[at : at + TILE_BYTES]
            yield Tile(level, index + at // TILE_BYTES, len(tile) // HASH_BYTES), tile
            if len(tile) == TILE_BYTES:
                roots.append(root_of_joined(tile))
        hashes = b"".join(roots)


def read_tile(read: Read, tile: Tile) -> bytes:
    """Return a tile's bytes, from the full tile where the partial one is gone.

    The standard lets a log delete a partial tile once the full one is there.

    Raises:
        LogError: missing, or of another length.
    """
    try:
        data = read(tile.path)
    except (KeyError, FileNotFoundError):
        if tile.width == TILE_WIDTH:
            raise LogError(f"{tile.path} is missing") from None
        return read_tile(read, Tile(tile.level, tile.index))[: tile.width * HASH_BYTES]
    if len(data) != tile.width * HASH_BYTES:
        raise LogError(f"{tile.path} has {tile.width * HASH_BYTES} bytes, not {len(data)}")
    return data


def read_bundle(read: Read, index: int, width: int) -> list[bytes]:
    """Return a bundle's entries, from the full bundle where the partial one is gone.

    Raises:
        LogError: missing or malformed; names the file.
    """
    path = entries_path(index, width)
    try:
        data = read(path)
    except (KeyError, FileNotFoundError):
        if width == TILE_WIDTH:
            raise LogError(f"{path} is missing") from None
        return read_bundle(read, index, TILE_WIDTH)[:width]
    try:
        return decode_bundle(data, width)
    except LogError as error:
        raise LogError(f"{path}: {error}") from error


def frontier_of_tiles(size: int, read: Read) -> Frontier:
    """Return the frontier of a tree from its partial tiles alone.

    Raises:
        LogError: a tile is missing or of another length.
    """
    hashes: list[bytes] = []
    for tile in reversed(partial_tiles(size)):
        hashes += _subtrees(read_tile(read, tile))
    return Frontier(size, hashes)


def prove_inclusion(read: Read, index: int, size: int) -> list[bytes]:
    """Return the inclusion proof of one leaf, from the tiles.

    Raises:
        LogError: the tree has no such leaf, or a tile is missing or of another length.
    """
    return [range_root(read, size, *leaves) for leaves in inclusion_ranges(index, size)]


def prove_consistency(read: Read, old_size: int, new_size: int) -> list[bytes]:
    """Return the consistency proof between two sizes, from the tiles.

    Raises:
        LogError: the sizes do not rise from 1, or a tile is missing or of another length.
    """
    ranges = consistency_ranges(old_size, new_size)
    return [range_root(read, new_size, *leaves) for leaves in ranges]


def verify_tiles(read: Read, size: int, root: bytes) -> Iterator[bytes]:
    """Check every file of a log and yield its entries, in order.

    An entry comes out once its bundle agrees with its tile; only an iterator that ended
    without an error has checked the root. For a check on several cores, run `check_bundle`
    on the bundles and give the full tiles' roots to `UpperTiles`.

    Raises:
        LogError: names the file that is missing or wrong.
    """
    upper = UpperTiles(read, size)
    for first in range(0, size, TILE_WIDTH):
        width = min(TILE_WIDTH, size - first)
        entries, hashes = check_bundle(read, first // TILE_WIDTH, width)
        yield from entries
        if width == TILE_WIDTH:
            upper.add(root_of_joined(hashes))
    upper.finish(root)


def check_bundle(read: Read, index: int, width: int) -> tuple[list[bytes], bytes]:
    """Return one bundle's entries and level-0 tile, having compared the two.

    Raises:
        LogError: names the file that is missing or wrong, and the first entry that differs.
    """
    entries = read_bundle(read, index, width)
    tile = Tile(0, index, width)
    expected = read_tile(read, tile)
    hashes = b"".join([sha256(b"\x00" + entry).digest() for entry in entries])
    if hashes != expected:
        place = next(
            place
            for place, entry in enumerate(entries)
            if leaf_hash(entry) != expected[place * HASH_BYTES : (place + 1) * HASH_BYTES]
        )
        raise LogError(
            f"{tile.bundle_path} does not hash to {tile.path}: entry {tile.first + place} differs"
        )
    return entries, hashes


class UpperTiles:
    """Computes the levels above 0 from the roots of full level-0 tiles, and compares the files.

    Raises:
        LogError: names the tile that is missing or wrong, from `add` and `finish`.
    """

    def __init__(self, read: Read, size: int) -> None:
        if not 0 <= size <= SIZE_MAX:
            raise LogError(f"a log has 0 to 2^53 - 1 leaves, not {size}")
        self._read = read
        self._size = size
        self._levels: list[bytearray] = [bytearray() for _ in range(LEVELS_MAX)]
        self._tiles = [0] * LEVELS_MAX  # full tiles seen, for each level

    def add(self, tile_root: bytes, level: int = 1) -> None:
        """Take the root of the next full tile one level below."""
        hashes = self._levels[level]
        hashes += tile_root
        if len(hashes) == TILE_BYTES:
            full = bytes(hashes)
            self._compare(Tile(level, self._tiles[level]), full)
            self._tiles[level] += 1
            hashes.clear()
            self.add(root_of_joined(full), level + 1)

    def finish(self, root: bytes) -> None:
        """Compare the partial tiles and the root, after the last full tile came in."""
        seen = self._tiles[1] * TILE_WIDTH + len(self._levels[1]) // HASH_BYTES
        if seen != self._size >> TILE_HEIGHT:
            raise LogError(f"{seen} full tiles came in, not {self._size >> TILE_HEIGHT}")
        hashes: list[bytes] = []
        for tile in reversed(partial_tiles(self._size)):
            if tile.level == 0:
                data = read_tile(self._read, tile)  # `check_bundle` has compared it
            else:
                data = bytes(self._levels[tile.level])
                self._compare(tile, data)
            hashes += _subtrees(data)
        if join_subtrees(hashes) != root:
            raise LogError(
                f"the tiles of {self._size} leaves agree with each other, but not with the root"
                " of checkpoint: the checkpoint is of another log, or every tile was replaced"
            )

    def _compare(self, tile: Tile, computed: bytes) -> None:
        if read_tile(self._read, tile) != computed:
            raise LogError(f"{tile.path} does not hold the roots of the tiles below it")


def _subtrees(hashes: bytes) -> list[bytes]:
    """Return the roots of the full subtrees over a partial tile's hashes, the largest first."""
    return [
        root_of_joined(hashes[index << height + 5 : (index + 1) << height + 5])
        for height, index in full_subtrees(0, len(hashes) // HASH_BYTES)
    ]


def range_root(read: Read, size: int, start: int, end: int) -> bytes:
    """Return the root over one range of leaves, reading one tile for each full subtree."""
    roots = []
    for height, index in full_subtrees(start, end):
        level, inner = divmod(height, TILE_HEIGHT)
        first = index << inner  # within the tile's level
        count = size >> TILE_HEIGHT * level
        tile_first = first // TILE_WIDTH * TILE_WIDTH
        width = min(TILE_WIDTH, count - tile_first)
        data = read_tile(read, Tile(level, tile_first // TILE_WIDTH, width))
        at = (first - tile_first) * HASH_BYTES
        roots.append(root_of_joined(data[at : at + (HASH_BYTES << inner)]))
    return join_subtrees(roots)
