#!/usr/bin/env bash
# make bench: how fast and in how much memory a real torch image is judged, from a real registry
# on loopback. Times are given as ratios to `igzip -dc` of the same blob, taken in turn in the same
# run, because machines are noisy. PLIMSOLL names the release binary; RUNS (default 3) the rounds.
set -euo pipefail
cd "$(dirname "$0")"
plimsoll=${PLIMSOLL:?the release binary of plimsoll}
[[ $plimsoll == /* ]] || plimsoll=$(cd .. && realpath "$plimsoll")
runs=${RUNS:-3}
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

echo "cache, in a fresh cache folder:"
export XDG_CACHE_HOME=$work/cache
for image in torch torch sibling; do
  read -r wall _ _ _ <<< "$(check "$registry/ml/$image:1")"
  printf '  check %-8s %6.2f s  %s\n' "$image" "$wall" "$(jq -c .stats "$work/out")"
done
