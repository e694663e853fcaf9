"""Bundles that somebody changed.

>>> callable(remake_manifest)
True
"""

import hashlib
import json


def remake_manifest(folder):
    """Make the manifest fit again: the attacker is no fool."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        data = (folder / entry["path"]).read_bytes()
        entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(
        json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    )
