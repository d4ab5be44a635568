#!/usr/bin/env bash
# make demo: real pushes to a real registry, judged as they arrive, then asked about by Kubernetes.
# Everything runs on loopback in a temporary folder and is ended again.
set -euo pipefail
cd "$(dirname "$0")/../.."

plimsoll=${PLIMSOLL:?the plimsoll binary}
images_builder=${DEMO_IMAGES:?the demo-images example}

work=$(mktemp -d)
pids=()
cleanup() {
  status=$?
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [[ $status != 0 ]]; then
    echo "demo failed; the last lines of the logs:" >&2
    tail -n 5 "$work"/*.log >&2 || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT

free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  return 1
}
wait_for() { # wait_for WHAT COMMAND...
  local what=$1; shift
  for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  echo "timed out waiting for $what" >&2
  return 1
}
title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || title() { printf '\n== %s\n' "$*"; }

registry_port=$(free_port) webhook_port=$(free_port) admin_port=$(free_port)
registry=127.0.0.1:$registry_port

title "1. plimsoll serve, with its own CA and a receiver for the registry's events"
"$plimsoll" certs --out "$work/tls" --host localhost --host 127.0.0.1 >/dev/null
head -c 24 /dev/urandom | base64 | tr -d '\n' > "$work/token"
cat > "$work/plimsoll.yaml" <<CONFIG
listen: {webhook: "127.0.0.1:$webhook_port", admin: "127.0.0.1:$admin_port"}
tls: {cert: $work/tls/tls.crt, key: $work/tls/tls.key}
store: sqlite:$work/plimsoll.db
registries:
  - {host: "$registry", plain-http: true}
receivers:
  - {name: demo, kind: distribution, registry: "$registry", auth: {bearer-file: $work/token}}
policy:
  rules:
    image-size: {max-compressed: 2MiB}   # lowered, so that a small image can be too large
CONFIG
sed 's/^/    /' "$work/plimsoll.yaml"
"$plimsoll" config check "$work/plimsoll.yaml"
"$plimsoll" serve --config "$work/plimsoll.yaml" 2> "$work/plimsoll.log" & pids+=($!)
wait_for "plimsoll" curl -fs "http://127.0.0.1:$admin_port/readyz"

title "2. Debian's docker-registry on $registry, its notifications pointed at plimsoll"
cat > "$work/registry.yaml" <<CONFIG
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "$registry"}
notifications:
  endpoints:
    - name: plimsoll
      url: https://localhost:$webhook_port/events/demo
      headers: {Authorization: ["Bearer $(cat "$work/token")"]}
      timeout: 1s
      threshold: 5
      backoff: 1s
      ignore: {mediatypes: [application/octet-stream], actions: [pull, mount]}
CONFIG
# The registry trusts the system's CAs only; Go takes this file in their place.
SSL_CERT_FILE=$work/tls/ca.crt docker-registry serve "$work/registry.yaml" > "$work/registry.log" 2>&1 & pids+=($!)
wait_for "the registry" curl -fs "http://$registry/v2/"

title "3. Five images are built and pushed by skopeo"
mapfile -t images < <("$images_builder" "$work/images")
for image in "${images[@]}"; do
  skopeo copy --quiet --dest-tls-verify=false "oci:$work/images/$image:1" "docker://$registry/ml/$image:1"
  echo "    pushed $registry/ml/$image:1"
done

title "4. What the push events led to (plimsoll's log, a line per decision)"
judged() { grep -q '"source":"event".*ml/'"$1"'[:@].*image judged\|image judged.*"source":"event".*ml/'"$1"'[:@]' "$work/plimsoll.log"; }
for image in "${images[@]}"; do
  wait_for "the verdict on $image" judged "$image"
  jq -r --arg name "/ml/$image" 'select(.message == "image judged" and .source == "event" and (."image.reference" | contains($name)))
    | "    \(."image.reference" | split("@")[0])  \(.decision | ascii_upcase)  \(.rules)  (\(.duration_ms) ms, \(.bytes) bytes read)"' \
    "$work/plimsoll.log" | head -n 1
done

title "5. Kubernetes asks: one AdmissionReview for a Deployment of each image"
for image in "${images[@]}"; do
  jq -n --arg image "$registry/ml/$image:1" --arg uid "$(cat /proc/sys/kernel/random/uuid)" --arg name "$image" '{
    apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: {
      uid: $uid, operation: "CREATE", name: $name, namespace: "ml",
      kind: {group: "apps", version: "v1", kind: "Deployment"},
      resource: {group: "apps", version: "v1", resource: "deployments"},
      object: {apiVersion: "apps/v1", kind: "Deployment", metadata: {name: $name, namespace: "ml"},
        spec: {template: {spec: {containers: [{name: "main", image: $image}]}}}}}}' > "$work/review.json"
  curl -fsS --cacert "$work/tls/ca.crt" -H 'Content-Type: application/json' \
    --data-binary @"$work/review.json" "https://localhost:$webhook_port/validate?timeout=10s" > "$work/answer.json"
  jq -r --arg image "$image" '.response |
    "    \($image): \(if .allowed then "allowed" else "denied (\(.status.code))" end)",
    (.status.message // empty | split("\n")[] | "        \(.)"),
    (.warnings // [] | .[] | "        warning: \(.)")' "$work/answer.json"
done

title "6. What Prometheus sees"
curl -fsS "http://127.0.0.1:$admin_port/metrics" > "$work/metrics.txt"
grep -E '^plimsoll_(decisions|findings|events|layers)_total|^plimsoll_(queue_depth|registry_bytes_total|policy_info)' "$work/metrics.txt" \
  | grep -v ' 0$' | sed 's/^/    /'

title "7. The same for a person: plimsoll check"
"$plimsoll" check --config "$work/plimsoll.yaml" --no-cache "$registry/ml/secrets:1" || [[ $? == 1 ]]

title "8. SIGTERM: plimsoll drains and ends"
kill "${pids[0]}"
wait "${pids[0]}" && echo "    exit code 0"
