#!/usr/bin/env bash
# Installs the Debian packages of the programs named, where they are missing: install.sh PROGRAM...
set -euo pipefail
declare -A package=([promtool]=prometheus [igzip]=isal [mkfs]=util-linux [unshare]=util-linux [pip3]=python3-pip [ssh-keygen]=openssh-client
  [gpg]=gnupg)
missing=()
for program in "$@"; do
  command -v "$program" >/dev/null || missing+=("${package[$program]:-$program}")
done
[[ ${#missing[@]} == 0 ]] && exit 0
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "missing: install the Debian packages ${missing[*]} (as root: apt-get install ${missing[*]})" >&2
  exit 1
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}"; } > "$log" 2>&1; then
  tail -n 20 "$log" >&2
  exit 1
fi
