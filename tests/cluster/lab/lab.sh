#!/usr/bin/env bash
# Hosts with sshd on one machine, each on a cable of its own to one switch. Usage: lab.sh FOLDER NAME=ADDRESS...
#
# To be the first process of its own network, mount and PID namespaces (see conftest.py). When it ends, so does
# everything in the lab, and its mounts and its networks go with it. No way leads out of its switch.
set -euo pipefail
lab=$1
here=$(dirname "$(readlink -f "$0")")

ip link set lo up
ip link add switch type bridge
ip address add 192.0.2.1/24 dev switch # the launcher's
ip link set switch up
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /tmp/ray

for host in "${@:2}"; do
  name=${host%%=*} address=${host#*=}
  ip netns add "$name"
  ip link add "$name" type veth peer name eth0 netns "$name" # `ip link set NAME down` pulls the cable
  ip link set "$name" master switch up
  nsenter --net="/run/netns/$name" unshare --pid --fork --kill-child --mount --uts --mount-proc \
    bash "$here/node.sh" "$lab/$name" "$name" "$address" &
done

# The launcher's own place, after the hosts have theirs.
for host in "${@:2}"; do until [ -e "$lab/${host%%=*}/up" ]; do sleep 0.1; done; done
bash "$here/own_home.sh" "$lab/launcher"
touch "$lab/up"
while :; do wait -n || sleep 0.2; done # it reaps what is orphaned in here
