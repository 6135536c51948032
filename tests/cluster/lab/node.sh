#!/usr/bin/env bash
# One host of the lab, the first process of its PID namespace, so that `ray stop` sees this host only.
# Usage: node.sh FOLDER N, for 127.0.0.N; FOLDER has home/, ray/, host_key and authorized_keys.
set -euo pipefail
bash "$(dirname "$0")/own_home.sh" "$1"
hostname "node$2"
/usr/sbin/sshd -D -e -f /dev/null -h "$1/host_key" -o ListenAddress="127.0.0.$2" -o AuthorizedKeysFile="$1/authorized_keys" \
  -o PidFile=none -o UsePAM=no -o PasswordAuthentication=no -o PermitRootLogin=prohibit-password -o StrictModes=no \
  -o MaxStartups=100 2> "$1/sshd.log" &
touch "$1/up"
while :; do wait -n || sleep 0.2; done # it reaps what is orphaned, or `ray stop` would wait 16 s for a zombie
