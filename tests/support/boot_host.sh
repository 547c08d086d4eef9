#!/bin/bash
# boot_host.sh NAME ROOT BASE NETNS IP: boots a root file system as a host of its own: overlay with a private upper layer,
# own network, mount, pid, ipc, uts and cgroup namespaces. Nothing of this machine is bound into it.
set -e
if [[ -z ${HP_INSIDE:-} ]]; then
  NAME=$1 LOW=$2 BASE=$3 NETNS=$4 GROUP=$5
  mkdir -p "$BASE"/{up,work,m} "$GROUP"
  echo 0 > "$GROUP/cgroup.procs"
  export HP_INSIDE=1 NAME LOW BASE
  exec nsenter --net="/run/netns/$NETNS" unshare --mount --propagation private --pid --fork --kill-child --ipc --uts --cgroup -- "$0"
fi
hostname "$NAME"
M=$BASE/m
mount -t overlay overlay -o "lowerdir=$LOW,upperdir=$BASE/up,workdir=$BASE/work" "$M"
mount -t proc proc "$M/proc"; mount -t sysfs sysfs "$M/sys"
mount -t tmpfs -o mode=755 tmpfs "$M/dev"; mkdir -p "$M"/dev/{pts,shm,mqueue}
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$M/dev/pts"; ln -s pts/ptmx "$M/dev/ptmx"
mount -t tmpfs tmpfs "$M/dev/shm"
for d in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$M/dev/${d%:*}" c 1 "${d#*:}"; done
mknod -m 666 "$M/dev/tty" c 5 0
ln -s /proc/self/fd "$M/dev/fd"; ln -s fd/0 "$M/dev/stdin"; ln -s fd/1 "$M/dev/stdout"; ln -s fd/2 "$M/dev/stderr"
mount -t tmpfs -o mode=755 tmpfs "$M/run"; mount -t tmpfs tmpfs "$M/tmp"
mount -t cgroup2 none "$M/sys/fs/cgroup"
mkdir -p "$M/.old"; cd "$M"; pivot_root . .old; umount -l /.old; cd /
echo "$NAME" > /etc/hostname
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console --show-status=no </dev/null
