// Checks a published log with the packages of Go's checksum database, which nobody here wrote.
//
//	checklog <folder> <verifier key> [<old size>]...
//	checklog notes <verifier key>
//
// Opens the checkpoint as a signed note, proves every tile to belong to its tree, compares every
// entry with its leaf hash, and checks Go's own proofs: of records, and of the old trees. Prints
// the proofs in hexadecimal and then "accepted <size>", or what is wrong, with exit code 1.
//
// With "notes" it opens signed notes, one a line in base64, and prints the text of each in base64, or
// "refused".
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of a tile: 256 hashes

func main() {
	if os.Args[1] == "notes" {
		openNotes(os.Args[2])
		return
	}
	if err := check(folder(os.Args[1]), os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func check(log folder, vkey string, oldSizes []string) error {
	tree, err := openCheckpoint(log, vkey)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, log) // proves each tile that it reads
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("another root")
	}
	if err := checkTiles(tree, reader); err != nil {
		return err
	}
	if err := checkEntries(log, tree, reader); err != nil {
		return err
	}
	for _, text := range oldSizes {
		old, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		if err := checkOld(tree, reader, old); err != nil {
			return err
		}
	}
	fmt.Println("accepted", tree.N)
	return nil
}

func openNotes(vkey string) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		data, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			panic(err)
		}
		if opened, err := note.Open(data, note.VerifierList(verifier)); err != nil {
			fmt.Println("refused")
		} else {
			fmt.Println(base64.StdEncoding.EncodeToString([]byte(opened.Text)))
		}
	}
}

func openCheckpoint(log folder, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	data, err := os.ReadFile(filepath.Join(string(log), "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	// Go's own database has a fixed first line where other logs have their origin.
	origin := verifier.Name() + "\n"
	if !strings.HasPrefix(opened.Text, origin) {
		return tlog.Tree{}, errors.New("another log's checkpoint")
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + opened.Text[len(origin):]))
}

// checkTiles reads every hash of every tile.
func checkTiles(tree tlog.Tree, reader tlog.HashReader) error {
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		size := tree.N >> (height * uint(tile.L)) // of this level
		first := tile.N << height
		if tile.W < 1<<height && first+int64(tile.W) != size {
			continue // the tile of an older, smaller tree
		}
		if _, err := readTile(reader, tile); err != nil {
			return err
		}
	}
	return nil
}

func readTile(reader tlog.HashReader, tile tlog.Tile) ([]tlog.Hash, error) {
	indexes := make([]int64, tile.W)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(height*tile.L, tile.N<<height+int64(i))
	}
	return reader.ReadHashes(indexes)
}

// checkEntries compares every entry with its leaf hash, and proves some of them.
func checkEntries(log folder, tree tlog.Tree, reader tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)}
		data, err := log.read(tile)
		if err != nil {
			return err
		}
		stored, err := readTile(reader, tlog.Tile{L: 0, N: tile.N, W: tile.W})
		if err != nil {
			return err
		}
		for index := first; index < first+width; index++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return fmt.Errorf("entry %d is cut", index)
			}
			length := 2 + int(binary.BigEndian.Uint16(data))
			hash := tlog.RecordHash(data[2:length])
			data = data[length:]
			if stored[index-first] != hash {
				return fmt.Errorf("entry %d is not what its tile says", index)
			}
			if index%97 == 0 || index == tree.N-1 {
				if err := checkRecord(tree, reader, index, hash); err != nil {
					return err
				}
			}
		}
		if len(data) > 0 {
			return errors.New("bytes after the last entry")
		}
	}
	return nil
}

func checkRecord(tree tlog.Tree, reader tlog.HashReader, index int64, hash tlog.Hash) error {
	proof, err := tlog.ProveRecord(tree.N, index, reader)
	if err != nil {
		return err
	}
	fmt.Println("record", index, hexadecimal(proof))
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash)
}

func checkOld(tree tlog.Tree, reader tlog.HashReader, old int64) error {
	root, err := tlog.TreeHash(old, reader)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, old, reader)
	if err != nil {
		return err
	}
	fmt.Println("tree", old, hexadecimal(proof))
	return tlog.CheckTree(proof, tree.N, tree.Hash, old, root)
}

func hexadecimal(hashes []tlog.Hash) string {
	words := make([]string, len(hashes))
	for i, hash := range hashes {
		words[i] = fmt.Sprintf("%x", hash[:])
	}
	return strings.Join(words, " ")
}

// folder holds a published log (C2SP tlog-tiles). Its paths are Go's without the height.
type folder string

func (f folder) read(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	path = strings.Replace(path, "tile/8/", "tile/", 1)
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
}

func (f folder) Height() int { return height }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := f.read(tile)
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
