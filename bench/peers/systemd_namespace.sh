#!/bin/bash
# Boots systemd as PID 1 of private namespaces; only the network is the host's.
#   systemd_namespace.sh CGROUP WORK SYSTEMD [VISIBLE...]
#     CGROUP   a fresh cgroup v2 directory: the root of what systemd will see
#     WORK     a directory for our use; WORK/units becomes /etc/systemd/system
#     SYSTEMD  the binary
#     VISIBLE  directories that are to be seen in there, at their own paths
# The host's /usr is read-only in there, and so is /proc/sys: PID 1 would set core_pattern and
# fs.nr_open, which are the whole machine's.
set -eu

if [ "${1-}" != --inside ]; then
  echo $$ >"$1/cgroup.procs"
  exec unshare --mount --pid --fork --kill-child --uts --ipc --cgroup --propagation private \
    /bin/bash "$0" --inside "$@"
fi
shift
work=$2 systemd=$3
shift 3
root=$work/root

mkdir "$root"
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc/systemd proc sys dev run tmp var .old
for link in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$link" ]; then ln -s "usr/$link" "$link"; fi
done
mount --bind -o ro /usr usr
for directory; do
  mkdir -p ".$directory"
  mount --bind "$directory" ".$directory"
done
cp -r "$work/units" etc/systemd/system
: >etc/machine-id
echo nines-bench >etc/hostname
ln -s /usr/lib/os-release etc/os-release

mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs tmpfs sys
mkdir -p sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm dev/pts
for device in null zero full random urandom tty; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
: >dev/console
mount --bind /dev/null dev/console
ln -s /proc/self/fd dev/fd

pivot_root . .old
umount -l /.old
exec env -i container=nines-bench PATH=/usr/sbin:/usr/bin \
  "$systemd" --system --unit=bench.target --log-target=null --show-status=false
