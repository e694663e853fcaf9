"""The signed log's bytes: tree, note, checkpoint, tiles, leaf and proof, after public standards."""
