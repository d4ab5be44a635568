"""Real packages as directories and layers: Debian's by mmdebstrap, PyPI's by pip, npm's by npm.

Everything lands in the cache folder once; a second run downloads nothing.
"""

import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from layout import Layer, LayerWriter, MTIME

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("PLIMSOLL_CORPUS_DIR", Path.home() / ".cache" / "plimsoll-corpus"))
LAYERS = CACHE / "layers"
SUITE = "bookworm"
BASE_PACKAGES = ["ca-certificates", "python3"]
NPM_BEFORE = "2026-11-01"
PYTHON = "3.11"
SITE = f"usr/local/lib/python{PYTHON}/site-packages"
# As Debian's slim images; certificates and caches of a build machine are not in an image either.
SLIM = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"]


@dataclass
class Recipe:
    """One line of `clean.txt`."""

    name: str
    kind: str
    packages: list[str]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> str:
        """Where pip's packages go."""
        return self.options.get("in", SITE)


def recipes() -> list[Recipe]:
    """All of `clean.txt`."""
    found = []
    for line in (HERE / "clean.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            head, packages = line.split(" : ")
            name, kind, *options = head.split()
            pairs = dict(option.partition("=")[::2] for option in options)
            found.append(Recipe(name, kind, packages.split(), pairs))
    return found


def run(*command, **options) -> str:
    """Runs a program and gives its output; on failure its last words."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout


def mark(words: list[str]) -> str:
    """A short name for what goes into a layer, so that a changed list makes a new one."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def kept(name: str, make) -> Layer:
    """The layer of that name, made by `make(path)` unless it is in the cache."""
    path = LAYERS / f"{name}.gz"
    layer = Layer.load(path)
    if layer is None:
        print(f"  building layer {name}", file=sys.stderr, flush=True)
        make(path)
        layer = Layer.load(path)
    return layer


# --- Debian ---------------------------------------------------------------------------------


def debootstrap(root: Path) -> None:
    """Debian slim with Python, its maintainer scripts run as in a container."""
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in SLIM]
    run(
        "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", *excludes,
        f"--include={','.join(BASE_PACKAGES)}", SUITE, root,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(MTIME), "DEBIAN_FRONTEND": "noninteractive"},
    )  # fmt: skip
    tidy(root)


# In a mount namespace of its own: whatever happens, nothing of the host stays mounted below the root. No service is
# started, as in any container build; Java's alternatives need the folders of the manual pages.
INSTALL = """set -e
mount --make-rprivate /
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
cp -L /etc/resolv.conf "$0/etc/resolv.conf"
printf '#!/bin/sh\\nexit 101\\n' > "$0/usr/sbin/policy-rc.d"
chmod 755 "$0/usr/sbin/policy-rc.d"
for section in 1 2 3 4 5 6 7 8; do mkdir -p "$0/usr/share/man/man$section"; done
chroot "$0" apt-get -q update
chroot "$0" apt-get -q install -y --no-install-recommends "$@"
chroot "$0" apt-get clean
rm "$0/usr/sbin/policy-rc.d"
"""


def install(root: Path, packages: list[str]) -> None:
    """`apt-get install PACKAGES` in the root file system."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    run("unshare", "--mount", "sh", "-c", INSTALL, root, *packages, env=environment)
    tidy(root)


def tidy(root: Path) -> None:
    """Removes what a container build does not leave: package lists, logs, the host's names."""
    for pattern in ("etc/hostname", "etc/resolv.conf", "etc/apt/apt.conf.d/99mmdebstrap", "var/lib/apt/lists/*", "var/log/*"):
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def base_root() -> Path:
    """The unpacked base, which later images are compared with."""
    root = CACHE / "roots" / "base"
    done = root.with_suffix(".done")
    if not done.exists():
        debootstrap(root)
        done.touch()
    return root


def base() -> Layer:
    """Debian slim with Python: the first layer of every image."""

    def make(path: Path) -> None:
        with LayerWriter(path) as layer:
            layer.tree(base_root())

    return kept("base", make)


def debian(name: str, packages: list[str]) -> Layer:
    """What `apt-get install PACKAGES` changes in the base."""

    def make(path: Path) -> None:
        below, root = base_root(), CACHE / "roots" / name
        shutil.rmtree(root, ignore_errors=True)
        run("cp", "-a", below, root)
        install(root, packages)

        def is_same(place: str, full: Path) -> bool:
            return same(below / place, full)

        with LayerWriter(path) as layer:
            layer.tree(root, skip=is_same)
        shutil.rmtree(root)

    return kept(f"deb-{name}-{mark(packages)}", make)


def same(one: Path, other: Path) -> bool:
    """Whether two files are alike, so that the upper one needs no place in a layer."""
    if not os.path.lexists(one):
        return False
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and os.readlink(one) == os.readlink(other)
    if one.is_dir() or other.is_dir():
        return one.is_dir() and other.is_dir()
    if not (one.is_file() and other.is_file()):
        return True
    return one.lstat().st_mode == other.lstat().st_mode and filecmp.cmp(one, other, shallow=False)


# --- PyPI -----------------------------------------------------------------------------------


def pip(*arguments) -> str:
    """pip of this Python, with its own settings."""
    return run(sys.executable, "-m", "pip", *arguments)


def wheel_options(recipe: Recipe) -> list[str]:
    """Which wheels: those of the image's Python and machine, not of ours."""
    python = recipe.options.get("python", PYTHON)
    options = ["--only-binary=:all:", f"--python-version={python}"]
    if "platform" in recipe.options:
        options.append(f"--platform={recipe.options['platform']}")
    return options


def normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub("[-_.]+", "-", name).lower()


def resolve(recipe: Recipe) -> list[str]:
    """All packages that pip would install today, less what the recipe leaves out."""
    nodeps = ["--no-deps"] if "nodeps" in recipe.options else []
    report = pip(
        "install", "--quiet", "--dry-run", "--ignore-installed", "--report=-",
        f"--target={CACHE / 'nowhere'}", *nodeps, *wheel_options(recipe), *recipe.packages,
    )  # fmt: skip
    found = {
        normal(item["metadata"]["name"]): item["metadata"]["version"]
        for item in json.loads(report)["install"]
    }
    without = {normal(name) for name in recipe.options.get("without", "").split(",")}
    return [f"{name}=={found[name]}" for name in sorted(found) if name not in without]


def lock() -> dict[str, list[str]]:
    """`clean.lock`: the pinned packages of each image."""
    path = HERE / "clean.lock"
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.split(": ", 1) for line in lines if line and not line.startswith("#"))
    return {name: packages.split() for name, packages in pairs}


def write_lock(all_recipes: list[Recipe]) -> None:
    """Writes `clean.lock` anew."""
    lines = ["# Written by `build.py --lock`: what pip installs into each image of `clean.txt`."]
    for recipe in all_recipes:
        if recipe.kind == "pip":
            lines.append(f"{recipe.name}: {' '.join(resolve(recipe))}")
            print(lines[-1], flush=True)
    (HERE / "clean.lock").write_text("\n".join(lines) + "\n")


def wheels(recipe: Recipe, packages: list[str]) -> Layer:
    """What `pip install PACKAGES` leaves behind."""

    def make(path: Path) -> None:
        root = CACHE / "roots" / recipe.name
        shutil.rmtree(root, ignore_errors=True)
        same_python = wheel_options(recipe)[1].endswith("%d.%d" % sys.version_info[:2])
        if "wheels" in recipe.options:
            pip("download", "--quiet", "--no-deps", f"--dest={root / recipe.site}", *wheel_options(recipe), *packages)
            with LayerWriter(path) as layer:
                layer.tree(root)
            return
        # Byte code only as the image's own Python would have written it.
        compile_ = "--compile" if same_python else "--no-compile"
        pip(
            "install", "--quiet", "--no-deps", "--no-cache-dir", compile_, "--no-warn-conflicts",
            "--root-user-action=ignore", f"--target={root / recipe.site}", *wheel_options(recipe),
            *packages,
        )  # fmt: skip
        with LayerWriter(path) as layer:
            layer.tree(root)
        shutil.rmtree(root)

    return kept(f"pip-{recipe.name}-{mark([recipe.site, *packages])}", make)


# --- npm ------------------------------------------------------------------------------------


ESBUILD = "esbuild@0.24.2"


def npm_install(folder: Path, *packages: str) -> None:
    """`npm install PACKAGES` in the folder, as of a fixed day, without running anything of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    run(
        "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev",
        f"--before={NPM_BEFORE}", f"--cache={CACHE / 'npm'}", *packages, cwd=folder,
    )  # fmt: skip


def bundle(app: Path) -> None:
    """All packages in one minified script, as a service is often shipped."""
    tools = CACHE / "tools" / ESBUILD
    if not (tools / "node_modules").exists():
        npm_install(tools, ESBUILD)
    program = next(tools.glob("node_modules/@esbuild/*/bin/esbuild"))
    wanted = json.loads((app / "package.json").read_text())["dependencies"]
    (app / "all.js").write_text("".join(f'exports["{name}"] = require("{name}");\n' for name in wanted))
    run(
        program, "all.js", "--bundle", "--minify", "--platform=node", "--sourcemap", "--loader:.node=empty",
        "--external:cpu-features", "--log-level=error", "--outfile=dist/server.js", cwd=app,
    )  # fmt: skip
    for name in ("node_modules", "all.js"):
        path = app / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def node_modules(recipe: Recipe) -> Layer:
    """What `npm ci --omit=dev` leaves in /app, or the one script that a bundler makes of it."""
    is_bundled = "bundled" in recipe.options

    def make(path: Path) -> None:
        root = CACHE / "roots" / recipe.name
        shutil.rmtree(root, ignore_errors=True)
        npm_install(root / "app", *recipe.packages)
        if is_bundled:
            bundle(root / "app")
        with LayerWriter(path) as layer:
            layer.tree(root)
        shutil.rmtree(root)

    about = [NPM_BEFORE, *recipe.packages] + ([ESBUILD] if is_bundled else [])
    return kept(f"npm-{recipe.name}-{mark(about)}", make)
