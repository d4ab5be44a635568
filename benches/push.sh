#!/usr/bin/env bash
#
# Pushes an image of an OCI layout to a registry, byte for byte, over plain HTTP or with a certificate nobody signed.
#
# Usage: benches/push.sh LAYOUTDIR TAG REGISTRY/REPO:TAG

set -euo pipefail

(($# == 3)) || { echo "usage: push.sh LAYOUTDIR TAG REGISTRY/REPO:TAG" >&2; exit 1; }

exec skopeo copy --preserve-digests --dest-tls-verify=false "oci:$1:$2" "docker://$3"
