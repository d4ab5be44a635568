#!/usr/bin/env bash
#
# Builds the images that the benchmarks scan: real ones, of the kind that ML teams push.
#
#   torch    Debian, Python and PyTorch with its CUDA libraries in ONE gzip layer of more than 2 GB
#   small    Debian, Python and the usual packages for tables: one layer of about 200 MB
#   sibling  the layer of `torch`, shared byte for byte, below one tiny layer with an app
#
# Each is an OCI image layout in a directory of its own, beside the others:
#
#   $OUT              tag `torch`, by default ${PLIMSOLL_BENCH_DIR:-$HOME/.cache/plimsoll-bench}/torch-layout
#   $OUT/../small-layout, $OUT/../sibling-layout
#
# Usage: benches/torch-image.sh [--force]
#
# What exists is left alone; --force builds all three anew. Needs Debian (or the tools below), root, Python 3.11
# with pip on the host (the version in bookworm, so that the wheels fit), and 25 GB of disk while it builds, 4 after.
# PLIMSOLL_BENCH_TORCH is what pip installs, `torch` by default; `torch==X.Y.Z` pins it, to compare measurements.

set -euo pipefail
export LC_ALL=C

bench_dir=${PLIMSOLL_BENCH_DIR:-$HOME/.cache/plimsoll-bench}
torch_layout=${OUT:-$bench_dir/torch-layout}
small_layout=$(dirname "$torch_layout")/small-layout
sibling_layout=$(dirname "$torch_layout")/sibling-layout
torch_packages=${PLIMSOLL_BENCH_TORCH:-torch}
small_packages='numpy pandas pyarrow'

suite=bookworm
python=python3.11 # that of the suite
venv=opt/venv
site=$venv/lib/$python/site-packages
path=/$venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

min_torch_bytes=$((2 * 1024 ** 3))
unpacked_size=dev.plimsoll.bench.unpacked-size # annotation of our layer descriptors, for the summary

say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'torch-image.sh: %s\n' "$*" >&2; exit 1; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# --- Root file systems ------------------------------------------------------------------------------------------

install_tools() {
    local missing=() tool
    for tool in mmdebstrap pigz jq skopeo; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    if ((${#missing[@]})); then
        ((EUID == 0)) || die "not installed: ${missing[*]}"
        say "installing ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
    fi
}

# build_base DIR: what these lines of a Dockerfile leave behind:
#   FROM debian:bookworm-slim
#   RUN apt-get install ... python3-venv && python3 -m venv /opt/venv && /opt/venv/bin/pip uninstall -y setuptools
# Without setuptools because the pip below does not see what is there, and would lay a second one over the first.
build_base() {
    ((EUID == 0)) || die "must be root to build a root file system"
    "$python" -m pip --version >/dev/null || die "$python with pip is needed"
    say "Debian $suite with Python"
    # In single quotes because mmdebstrap runs the hooks: $1 is the root file system. The two files are the host's.
    # shellcheck disable=SC2016
    mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates,python3,python3-venv \
        --customize-hook='chroot "$1" python3 -m venv /opt/venv' \
        --customize-hook='chroot "$1" /opt/venv/bin/pip --quiet --no-cache-dir uninstall --yes setuptools' \
        --customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"' \
        "$suite" "$1"
}

# build_rootfs NAME PACKAGES: $work/NAME, the base after `RUN pip install --no-cache-dir PACKAGES`.
build_rootfs() {
    local rootfs=$work/$1 packages
    read -ra packages <<<"$2"
    [[ -d $work/base ]] || build_base "$work/base"
    cp -a "$work/base" "$rootfs"
    say "pip install ${packages[*]}"
    # The pip of the host, as it is configured there. It would compile with the host's paths and name the host's
    # interpreter in scripts: both are done after it, as the pip of the image would have done.
    TMPDIR=$work "$python" -m pip install --quiet --no-cache-dir --no-compile --ignore-installed \
        --no-warn-script-location --no-warn-conflicts --root-user-action=ignore \
        --root "$rootfs" --prefix "/$venv" "${packages[@]}"
    # Templates and files for other Pythons do not compile. Like pip, leave them without a .pyc.
    "$python" -m compileall -qq -j 2 -s "$rootfs" -p / "$rootfs/$site" || true
    { grep -rlIZ '^#!.*/python' "$rootfs/$venv/bin" || true; } |
        xargs -0 --no-run-if-empty sed -i "1s|^#!.*/python.*|#!/$venv/bin/python3|"
}

# --- Layers: files in $work named NAME.gz, with NAME.json = {digest, size, diff_id, unpacked} --------------------

# make_layer NAME DIR: the content of DIR as a layer, in the shape that container builders give it:
# no leading "./", times in whole seconds, extended headers only where a name needs one.
make_layer() {
    local name=$1 dir=$2
    say "layer $name: tar"
    (cd "$dir" && tar --create --file "$work/$name.tar" --format=posix --numeric-owner --sort=name \
        --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime,delete=mtime' \
        --anchored --exclude='dev/*' --exclude='proc/*' --exclude='sys/*' -- *)
    say "layer $name: gzip"
    # pigz compresses on two cores, and still writes one single gzip member.
    pigz -p 2 -6 -n <"$work/$name.tar" >"$work/$name.gz"
    jq -n --arg digest "sha256:$(sha256 "$work/$name.gz")" --argjson size "$(stat -c %s "$work/$name.gz")" \
        --arg diff_id "sha256:$(sha256 "$work/$name.tar")" --argjson unpacked "$(stat -c %s "$work/$name.tar")" \
        '{$digest, $size, $diff_id, $unpacked}' >"$work/$name.json"
    rm "$work/$name.tar"
}

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }

# --- Layouts ----------------------------------------------------------------------------------------------------

# put_blob LAYOUT FILE: moves FILE among the blobs and prints the digest.
put_blob() {
    local digest
    digest=$(sha256 "$2")
    mv "$2" "$1/blobs/sha256/$digest"
    echo "sha256:$digest"
}

# write_layout LAYOUT TAG LAYERS HISTORY: everything around the layers, whose blobs are in place already.
# LAYERS is a JSON array of what make_layer describes, HISTORY one of history entries.
write_layout() {
    local layout=$1 tag=$2 layers=$3 history=$4 config manifest size
    jq -cn --arg created "$(now)" --arg path "$path" --argjson layers "$layers" --argjson history "$history" '{
        architecture: "amd64", os: "linux", $created,
        config: {
            Env: ["PATH=\($path)"],
            Cmd: ["python3"]
        },
        rootfs: {type: "layers", diff_ids: [$layers[].diff_id]},
        $history
    }' >"$work/config"
    size=$(stat -c %s "$work/config")
    config=$(put_blob "$layout" "$work/config")

    jq -cn --arg config "$config" --argjson size "$size" --argjson layers "$layers" --arg unpacked "$unpacked_size" '{
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, $size},
        layers: [$layers[] | {
            mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size,
            annotations: {($unpacked): (.unpacked | tostring)}
        }]
    }' >"$work/manifest"
    size=$(stat -c %s "$work/manifest")
    manifest=$(put_blob "$layout" "$work/manifest")

    jq -cn --arg manifest "$manifest" --argjson size "$size" --arg tag "$tag" '{
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [{
            mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $manifest, $size,
            annotations: {"org.opencontainers.image.ref.name": $tag},
            platform: {architecture: "amd64", os: "linux"}
        }]
    }' >"$layout/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
}

# new_layout: an empty layout in $work; finish_layout moves it to its place, so what is there is always whole.
new_layout() {
    rm -rf "$work/layout"
    mkdir -p "$work/layout/blobs/sha256"
    echo "$work/layout"
}

finish_layout() {
    rm -rf "$1"
    mv "$work/layout" "$1"
}

# history_of PACKAGES: the image is squashed, so the one layer belongs to the last line that made files.
history_of() {
    local base="# debian.sh --arch 'amd64' out/ '$suite'"
    local apt='apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv'
    local setup='rm -rf /var/lib/apt/lists/* && python3 -m venv /opt/venv && /opt/venv/bin/pip uninstall -y setuptools'
    jq -cn --arg created "$(now)" --arg base "$base" --arg path "$path" --arg packages "$1" \
        --arg setup "$apt && $setup" '[
            {created_by: $base, empty_layer: true},
            {created_by: "RUN /bin/sh -c \($setup) # buildkit", empty_layer: true},
            {created_by: "ENV PATH=\($path)", empty_layer: true},
            {created_by: "RUN /bin/sh -c pip install --no-cache-dir \($packages) # buildkit"},
            {created_by: "CMD [\"python3\"]", empty_layer: true}
        ] | map({$created, comment: "buildkit.dockerfile.v0"} + .)'
}

# build_squashed NAME LAYOUT PACKAGES: an image with base and packages in one layer.
build_squashed() {
    local layout
    build_rootfs "$1" "$3"
    make_layer "$1" "$work/$1"
    layout=$(new_layout)
    put_blob "$layout" "$work/$1.gz" >/dev/null
    write_layout "$layout" "$1" "$(jq -c '[.]' "$work/$1.json")" "$(history_of "$3")"
    finish_layout "$2"
}

# manifest LAYOUT, config LAYOUT: the documents of a layout's only image.
blob() { cat "$1/blobs/sha256/${2#sha256:}"; }
manifest() { blob "$1" "$(jq -r '.manifests[0].digest' "$1/index.json")"; }
config() { blob "$1" "$(manifest "$1" | jq -r .config.digest)"; }

# The torch image with `COPY main.py /app/` on top; the big blob is a hard link where the file system can.
build_sibling() {
    local layout layers history digest
    mkdir -p "$work/app/app"
    printf 'import torch\n\nprint(torch.__version__, torch.cuda.is_available())\n' >"$work/app/app/main.py"
    make_layer sibling "$work/app"

    layout=$(new_layout)
    put_blob "$layout" "$work/sibling.gz" >/dev/null
    layers=$(jq -cn --slurpfile manifest <(manifest "$torch_layout") --slurpfile config <(config "$torch_layout") \
        --slurpfile top "$work/sibling.json" --arg unpacked "$unpacked_size" '
        [$manifest[0].layers, $config[0].rootfs.diff_ids] | transpose
        | map({digest: .[0].digest, size: .[0].size, diff_id: .[1],
               unpacked: .[0].annotations[$unpacked] | tonumber}) + $top')
    history=$(config "$torch_layout" | jq -c --arg created "$(now)" '.history
        + [{$created, created_by: "COPY main.py /app/ # buildkit", comment: "buildkit.dockerfile.v0"}]')
    for digest in $(manifest "$torch_layout" | jq -r '.layers[].digest | ltrimstr("sha256:")'); do
        cp --link "$torch_layout/blobs/sha256/$digest" "$layout/blobs/sha256/" 2>/dev/null ||
            cp "$torch_layout/blobs/sha256/$digest" "$layout/blobs/sha256/"
    done
    write_layout "$layout" sibling "$layers" "$history"
    finish_layout "$sibling_layout"
}

# --- The three images -------------------------------------------------------------------------------------------

# summary LAYOUT TAG: one line for each layer, once skopeo has read the image as any client would.
summary() {
    skopeo inspect "oci:$1:$2" >/dev/null || die "skopeo cannot read oci:$1:$2"
    manifest "$1" |
        jq -r --arg unpacked "$unpacked_size" '.layers[] | [.size, .annotations[$unpacked], .digest] | @tsv' |
        while read -r size unpacked digest; do
            printf '%-8s %12d bytes compressed %12d bytes unpacked  %s\n' "$2" "$size" "$unpacked" "$digest"
        done
}

main() {
    case ${1-} in
        '') ;;
        --force) rm -rf "$torch_layout" "$small_layout" "$sibling_layout" ;;
        *) die "usage: torch-image.sh [--force]" ;;
    esac

    renice -n 10 $$ >/dev/null # others may be working on these cores
    install_tools
    mkdir -p "$(dirname "$torch_layout")"
    # Beside the results: finished layouts are moved, and a temporary directory may be too small for the wheels.
    work=$(mktemp -d "$(dirname "$torch_layout")/build.XXXXXX")
    trap 'rm -rf --one-file-system "$work"' EXIT

    if [[ ! -e $torch_layout/index.json ]]; then
        build_squashed torch "$torch_layout" "$torch_packages"
        rm -rf "$sibling_layout" # its big layer is another one now
    fi
    if [[ ! -e $small_layout/index.json ]]; then
        build_squashed small "$small_layout" "$small_packages"
    fi
    if [[ ! -e $sibling_layout/index.json ]]; then
        build_sibling
    fi

    summary "$torch_layout" torch
    summary "$small_layout" small
    summary "$sibling_layout" sibling
    (($(manifest "$torch_layout" | jq '[.layers[].size] | add') >= min_torch_bytes)) ||
        die "the torch image is smaller than $min_torch_bytes bytes: is it a build without CUDA?"
}

main "$@"
