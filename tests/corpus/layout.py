"""OCI image layouts with the standard library alone: tar and gzip layers, configuration, manifest, index."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

CREATED = "2026-11-01T08:00:00Z"
MTIME = 1793520000  # the same moment

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
# Mount points, and what a build machine leaves by accident.
LEFT_OUT = ("dev/", "proc/", "sys/", "run/lock")


@dataclass
class Layer:
    """A blob on disk with what the manifest and the configuration say of it."""

    path: Path
    digest: str
    size: int
    diff_id: str

    def save(self) -> None:
        """Writes the description beside the blob, last: a blob without one is not whole."""
        self.path.with_suffix(".json").write_text(
            json.dumps({"digest": self.digest, "size": self.size, "diff_id": self.diff_id})
        )

    @staticmethod
    def load(path: Path) -> "Layer | None":
        """The layer kept at `path`, if it was finished."""
        about = path.with_suffix(".json")
        if not about.exists() or not path.exists():
            return None
        return Layer(path, **json.loads(about.read_text()))


class Compressed:
    """Counts and digests on both sides of gzip level 1."""

    def __init__(self, path: Path):
        self.file = path.open("wb")
        self.outer, self.inner = hashlib.sha256(), hashlib.sha256()
        self.size = self.at = 0
        # A gzip member without name and time, so that equal content makes equal blobs.
        self.zip = zlib.compressobj(1, zlib.DEFLATED, 31)

    def tell(self) -> int:
        """Where the tar is."""
        return self.at

    def write(self, data: bytes) -> int:
        """Takes more of the tar."""
        self.at += len(data)
        self.inner.update(data)
        self._put(self.zip.compress(data))
        return len(data)

    def _put(self, data: bytes) -> None:
        self.outer.update(data)
        self.size += len(data)
        self.file.write(data)

    def finish(self) -> None:
        """Writes the end."""
        self._put(self.zip.flush())
        self.file.close()


class LayerWriter:
    """Writes one layer, member by member: `with LayerWriter(path) as layer: layer.file(...)`."""

    def __init__(self, path: Path):
        self.path = path
        self.part = path.with_suffix(".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.out = Compressed(self.part)
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.PAX_FORMAT)
        self.folders: set[str] = set()
        self.layer: Layer | None = None

    def __enter__(self) -> "LayerWriter":
        return self

    def __exit__(self, kind, *_) -> None:
        if kind:
            self.out.file.close()
            self.part.unlink(missing_ok=True)
            return
        self.tar.close()
        self.out.finish()
        self.part.rename(self.path)
        digests = [f"sha256:{each.hexdigest()}" for each in (self.out.outer, self.out.inner)]
        self.layer = Layer(self.path, digests[0], self.out.size, digests[1])
        self.layer.save()

    def parents(self, path: str) -> None:
        """The folders above `path`, as container builders write them."""
        for end in (at for at, letter in enumerate(path) if letter == "/"):
            folder = path[:end]
            if folder not in self.folders:
                self.folders.add(folder)
                self.tar.addfile(self.member(folder, tarfile.DIRTYPE, mode=0o755))

    @staticmethod
    def member(path: str, kind: bytes = tarfile.REGTYPE, **fields) -> tarfile.TarInfo:
        """A member's header with plain values."""
        info = tarfile.TarInfo(path)
        info.type, info.mtime, info.mode = kind, MTIME, 0o644
        for name, value in fields.items():
            setattr(info, name, value)
        return info

    def file(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        """One small file."""
        content = content.encode() if isinstance(content, str) else content
        self.parents(path)
        self.tar.addfile(self.member(path, size=len(content), mode=mode), io.BytesIO(content))

    def large(self, path: str, head: bytes, size: int, filler) -> None:
        """A file of `size` bytes: `head`, then whatever `filler` reads."""
        self.parents(path)
        self.tar.addfile(self.member(path, size=size), Joined(head, filler))

    def link(self, path: str, target: str, hard: bool = False) -> None:
        """A symbolic or hard link."""
        self.parents(path)
        kind = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
        self.tar.addfile(self.member(path, kind, linkname=target, mode=0o777))

    def tree(self, root: Path, under: str = "", skip=lambda path, info: False) -> None:
        """All of a directory, sorted, with hard links as such."""
        seen: dict[tuple[int, int], str] = {}
        for folder, folders, names in os.walk(root):
            folders.sort()
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            for name in sorted(names + links + ["."]):
                full = os.path.normpath(os.path.join(folder, name))
                relative = os.path.relpath(full, root)
                path = os.path.join(under, relative) if relative != "." else under
                if path and not (path + "/").startswith(LEFT_OUT):
                    self._add(Path(full), path, seen, skip)

    def _add(self, full: Path, path: str, seen: dict, skip) -> None:
        stat = full.lstat()
        info = self.tar.gettarinfo(str(full), arcname=path)
        if info is None or skip(path, full):
            return
        info.uname = info.gname = ""
        info.mtime = min(int(info.mtime), MTIME)
        if info.isdir():
            if path in self.folders:
                return
            self.parents(path)
            self.folders.add(path)
            self.tar.addfile(info)
            return
        self.parents(path)
        if info.isreg() or info.islnk():
            first = seen.setdefault((stat.st_dev, stat.st_ino), path)
            if first != path:
                info.type, info.linkname, info.size = tarfile.LNKTYPE, first, 0
                self.tar.addfile(info)
                return
            # tarfile has its own idea of hard links, across layers.
            info.type, info.linkname, info.size = tarfile.REGTYPE, "", stat.st_size
            with full.open("rb") as content:
                self.tar.addfile(info, content)
        elif info.issym():
            self.tar.addfile(info)


class Joined:
    """Reads bytes, then from somewhere else."""

    def __init__(self, head: bytes, rest):
        self.head, self.rest = head, rest

    def read(self, count: int) -> bytes:
        """The next `count` bytes."""
        taken, self.head = self.head[:count], self.head[count:]
        return taken + (self.rest(count - len(taken)) if len(taken) < count else b"")


@dataclass
class Image:
    """What goes into a layout: the layers with the instruction of each, and the configuration."""

    steps: list[tuple[str, Layer | None]] = field(default_factory=list)
    env: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    workdir: str = "/app"
    architecture: str = "amd64"
    more: dict = field(default_factory=dict)

    def run(self, instruction: str, layer: Layer | None = None) -> None:
        """One more step of the history; without a layer it is an empty one."""
        self.steps.append((instruction, layer))

    def set_env(self, pair: str) -> None:
        """`ENV name=value`, with its step."""
        self.env.append(pair)
        self.run(f"ENV {pair}")

    def config(self) -> dict:
        """The image configuration."""
        layers = [layer for _, layer in self.steps if layer]
        run = {
            "Env": self.env,
            "Cmd": self.cmd,
            "Entrypoint": self.entrypoint,
            "WorkingDir": self.workdir,
            "Labels": self.labels,
            **self.more,
        }
        history = [
            {"created": CREATED, "created_by": text, "comment": "buildkit.dockerfile.v0"}
            | ({} if layer else {"empty_layer": True})
            for text, layer in self.steps
        ]
        return {
            "architecture": self.architecture,
            "os": "linux",
            "created": CREATED,
            "config": {name: value for name, value in run.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": history,
        }

    def write(self, root: Path, tag: str = "1") -> Path:
        """Writes the layout at `root`; layers are hard links to their blobs."""
        blobs = root / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        layers = [layer for _, layer in self.steps if layer]
        for layer in layers:
            target = blobs / layer.digest.removeprefix("sha256:")
            if not target.exists():
                os.link(layer.path, target)
        config = put(blobs, CONFIG_TYPE, self.config())
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config,
            "layers": [
                {"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size}
                for layer in layers
            ],
        } | ({"annotations": self.annotations} if self.annotations else {})
        listed = put(blobs, MANIFEST_TYPE, manifest) | {
            "platform": {"architecture": self.architecture, "os": "linux"},
            "annotations": {"org.opencontainers.image.ref.name": tag},
        }
        (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [listed]}
        # Last: a layout with an index is whole.
        (root / "index.json").write_text(json.dumps(index))
        return root


def put(blobs: Path, kind: str, document: dict) -> dict:
    """Writes a JSON blob; its descriptor."""
    data = json.dumps(document, separators=(",", ":")).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}


def read(root: Path) -> tuple[dict, dict]:
    """Manifest and configuration of a layout's only image."""

    def blob(descriptor: dict) -> dict:
        digest = descriptor["digest"].removeprefix("sha256:")
        return json.loads((root / "blobs" / "sha256" / digest).read_text())

    manifest = blob(json.loads((root / "index.json").read_text())["manifests"][0])
    return manifest, blob(manifest["config"])


def gzipped(data: bytes) -> bytes:
    """gzip with a fixed time."""
    return gzip.compress(data, 6, mtime=MTIME)
