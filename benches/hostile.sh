#!/usr/bin/env bash
# make hostile: every attack of the hostile set through `plimsoll check`, one process each: what
# came of it, how long it took and how much memory at most. Fails when an outcome is not the one
# that is expected of the attack, so nothing passes silently. PLIMSOLL names the release binary,
# HOSTILE_IMAGES the program that makes the images; ONLY (a regular expression) picks attacks.
set -euo pipefail
plimsoll=${PLIMSOLL:?the release binary of plimsoll}
images=${HOSTILE_IMAGES:?the example hostile-images}
only=${ONLY:-.}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$images" "$work/images" > "$work/expected"

echo "machine: $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(free -g | awk '/Mem:/ {print $2}') GiB"
echo "an empty process takes $(command time -f '%M' "$plimsoll" --version 2>&1 > /dev/null | awk '{printf "%.1f", $1 / 1024}') MiB"
echo
echo '| attack | stored bytes | outcome | ms | peak MiB |'
echo '|---|---:|---|---:|---:|'
failures=0
while IFS=$'\t' read -r name rule words; do
  [[ $name =~ $only ]] || continue
  stored=$(du -sb "$work/images/$name" | cut -f1)
  status=0
  command time -f '%e %M' -o "$work/time" "$plimsoll" check -o json --no-cache "oci:$work/images/$name:1" \
    > "$work/out" 2> "$work/err" || status=$?
  read -r seconds peak <<< "$(tail -n 1 "$work/time")"
  outcome=$(jq -r --arg rule "$rule" --arg words "$words" '
    ([.findings[] | select(.level == "deny" and .rule == $rule and (.message | contains($words)))] | length > 0) as $met
    | if .decision == "deny" and $met then "deny: \($rule): \($words)"
      else "UNEXPECTED \(.decision): \([.findings[].message] | join("; ") | .[:300])" end' "$work/out") || outcome="UNEXPECTED: exit code $status"
  [[ $outcome == deny:* && $status == 1 ]] || failures=$((failures + 1))
  awk -v name="$name" -v stored="$stored" -v outcome="$outcome" -v s="$seconds" -v kib="$peak" \
    'BEGIN {printf "| %s | %d | %s | %d | %.1f |\n", name, stored, outcome, s * 1000, kib / 1024}'
done < "$work/expected"
echo
if [[ $failures != 0 ]]; then echo "$failures attacks had another outcome" >&2; exit 1; fi
echo "every attack was denied for its reason"
