#!/usr/bin/env python3
"""Builds the corpus: build.py [--lock] [clean|planted [NAME...]]

Images are OCI layouts under ${PLIMSOLL_CORPUS_DIR:-~/.cache/plimsoll-corpus}/{clean,planted}/NAME. Their layers are
kept in layers/ beside them and made only when missing. --lock resolves the packages of `clean.txt` again and writes `clean.lock`.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import apps
import packages
import plants
from layout import Image, Layer, LayerWriter
from packages import CACHE, Recipe

# Variables that NVIDIA's runtime images set; none says devel.
CUDA_RUNTIME_ENV = [
    "NVARCH=x86_64",
    "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=unknown,driver>=470,driver<471",
    "NV_CUDA_CUDART_VERSION=12.8.90-1",
    "CUDA_VERSION=12.8.1",
    "NVIDIA_VISIBLE_DEVICES=all",
    "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
    "NV_CUDA_LIB_VERSION=12.8.1-1",
    "NV_NVTX_VERSION=12.8.90-1",
    "NV_LIBNPP_VERSION=12.3.3.100-1",
    "NV_LIBCUBLAS_VERSION=12.8.4.1-1",
    "NV_LIBNCCL_PACKAGE=libnccl2=2.25.1-1+cuda12.8",
    "NCCL_VERSION=2.25.1-1",
    "NVIDIA_PRODUCT_NAME=CUDA",
    "LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
]
CUDA_RUNTIME_FILES = [
    "compat/libcuda.so.570.124.06",
    "targets/x86_64-linux/lib/libcudart.so.12.8.90",
    "targets/x86_64-linux/lib/libcublas.so.12.8.4.1",
    "targets/x86_64-linux/lib/libnvrtc.so.12.8.93",
]


def start(architecture: str = "amd64") -> Image:
    """An image with Debian and Python."""
    image = Image(architecture=architecture, cmd=["python3"])
    image.run("# debian.sh --arch 'amd64' out/ 'bookworm' '@1793520000'", packages.base())
    for pair in apps.PYTHON_ENV:
        image.set_env(pair)
    return image


def add_app(image: Image, name: str, wanted: list[str], language: str) -> None:
    """`COPY . /app` and what follows it in a Dockerfile."""
    files = apps.files(name, wanted, language)
    # The application's layer depends on this file too.
    about = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]

    def make(path: Path) -> None:
        with LayerWriter(path) as layer:
            for place, content in files.items():
                layer.file(place, content)

    for pair in apps.APP_ENV + (apps.doubtful_env() if name == apps.DOUBTFUL else []):
        image.set_env(pair)
    image.run("WORKDIR /app")
    image.run("COPY . /app # buildkit", packages.kept(f"app-{name}-{about}", make))
    image.run("EXPOSE map[8000/tcp:{}]")
    image.run("USER 10001")
    image.run('CMD ["uvicorn" "main:app" "--host" "0.0.0.0"]')
    image.cmd = ["uvicorn", "main:app", "--host", "0.0.0.0"]
    image.labels["org.opencontainers.image.revision"] = hashlib.sha1(name.encode()).hexdigest()


def add_cuda_runtime(image: Image) -> None:
    """What stands in NVIDIA's runtime image; the libraries are empty shells."""

    def make(path: Path) -> None:
        with LayerWriter(path) as layer:
            for place in CUDA_RUNTIME_FILES:
                layer.file(f"usr/local/cuda-12.8/{place}", b"\x7fELF\x02\x01\x01" + bytes(4096))
            layer.link("usr/local/cuda", "/etc/alternatives/cuda")
            layer.link("etc/alternatives/cuda", "/usr/local/cuda-12.8")

    for pair in CUDA_RUNTIME_ENV:
        image.set_env(pair)
    text = "RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get install -y cuda-libraries-12-8=${NV_CUDA_LIB_VERSION} # buildkit"
    image.run(text, packages.kept("cuda-runtime", make))
    image.labels["maintainer"] = "NVIDIA CORPORATION <cudatools@nvidia.com>"


def clean(recipe: Recipe, lock: dict[str, list[str]]) -> Path:
    """One clean image."""
    image = start("arm64" if "aarch64" in recipe.options.get("platform", "") else "amd64")
    wanted = recipe.packages
    if recipe.kind == "deb":
        text = f"RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends {' '.join(wanted)} # buildkit"
        image.run(text, packages.debian(recipe.name, wanted))
    elif recipe.kind == "npm":
        text = "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends nodejs # buildkit"
        image.run(text, packages.debian("nodejs", ["nodejs"]))
        image.run("COPY package.json package-lock.json ./ # buildkit")
        image.run("RUN /bin/sh -c npm ci --omit=dev # buildkit", packages.node_modules(recipe))
    else:
        if recipe.options.get("as") == "cuda-runtime":
            add_cuda_runtime(image)
        wanted = lock[recipe.name]
        text = "RUN /bin/sh -c pip install --no-cache-dir -r requirements.txt # buildkit"
        image.run(text, packages.wheels(recipe, wanted))
    add_app(image, recipe.name, wanted, "node" if recipe.kind == "npm" else "python")
    root = CACHE / "clean" / recipe.name
    shutil.rmtree(root, ignore_errors=True)
    return image.write(root)


def build_clean(names: list[str]) -> list[Path]:
    """The clean images, those that are missing built now."""
    lock, found = packages.lock(), []
    for recipe in packages.recipes():
        root = CACHE / "clean" / recipe.name
        if names and recipe.name not in names:
            continue
        clean(recipe, lock)
        found.append(root)
    return found


def build_planted(names: list[str]) -> list[Path]:
    """The planted images, one for each plant: what is found in it is that plant or a false positive."""
    about = plants.fingerprint()
    done = CACHE / "planted" / "made-by"
    if not done.exists() or done.read_text() != about:
        shutil.rmtree(CACHE / "planted", ignore_errors=True)
        for old in packages.LAYERS.glob("plant-*"):
            old.unlink()
    found = []
    for plant in plants.PLANTS:
        root = CACHE / "planted" / plant.id
        if names and plant.id not in names:
            continue
        if not (root / "index.json").exists():
            image = start()
            plant.put(image)
            image.write(root)
        found.append(root)
    os.makedirs(done.parent, exist_ok=True)
    done.write_text(about)
    return found


def main() -> None:
    """Reads the command line."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--lock"]:
        packages.write_lock(packages.recipes())
        arguments = arguments[1:]
    half, names = (arguments or ["both"])[0], arguments[1:]
    if half in ("clean", "both"):
        build_clean(names)
    if half in ("planted", "both"):
        build_planted(names)


if __name__ == "__main__":
    main()
