#!/usr/bin/env bash
# One host of the lab, the first process of its PID namespace, so that `ray stop` sees this host only.
# Usage: node.sh FOLDER NAME ADDRESS; FOLDER has home/, ray/, host_key and authorized_keys.
set -euo pipefail
bash "$(dirname "$0")/own_home.sh" "$1"
hostname "$2"
ip link set lo up
ip address add "$3/24" dev eth0
ip link set eth0 up
ip route add 8.8.8.8 dev eth0 # Ray takes its own address from the way to there; it sends nothing
/usr/sbin/sshd -D -e -f /dev/null -h "$1/host_key" -o ListenAddress="$3" -o AuthorizedKeysFile="$1/authorized_keys" \
  -o PidFile=none -o UsePAM=no -o PasswordAuthentication=no -o PermitRootLogin=prohibit-password -o StrictModes=no \
  -o MaxStartups=100 2> "$1/sshd.log" &
touch "$1/up"
while :; do wait -n || sleep 0.2; done # it reaps what is orphaned, or `ray stop` would wait 16 s for a zombie
