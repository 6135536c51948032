#!/usr/bin/env bash
# Three hosts with sshd on one machine: 127.0.0.2, .3 and .4. Usage: lab.sh FOLDER
#
# To be the first process of its own network, mount and PID namespaces (see conftest.py). When it ends, so does
# everything in the lab, and its mounts and its network go with it. Nothing in it reaches further than loopback.
set -euo pipefail
lab=$1
here=$(dirname "$(readlink -f "$0")")

ip link set lo up
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /tmp/ray

for n in 2 3 4; do
  unshare --pid --fork --kill-child --mount --uts --mount-proc bash "$here/node.sh" "$lab/node$n" "$n" &
done

# The launcher's own place, after the nodes have theirs.
until [ -e "$lab/node2/up" ] && [ -e "$lab/node3/up" ] && [ -e "$lab/node4/up" ]; do sleep 0.1; done
bash "$here/own_home.sh" "$lab/launcher"
touch "$lab/up"
while :; do wait -n || sleep 0.2; done # it reaps what is orphaned in here
