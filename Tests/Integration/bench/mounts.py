"""How a process sees a container's mounts: as bind mounts in a mount namespace of its own."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SCRIPT = r'''
set -e
mount --make-rprivate / && mount -t tmpfs none "$1"; shift
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")"; : > "$2"; fi
  mount --bind "$1" "$2"; [ "$3" = ro ] && mount -o remount,bind,ro "$2"; shift 3
done
shift; cd /; exec "$@"
'''


def mounted(argv, root, mounts, *options):
    """The command that runs `argv` in the folder / with `mounts`, triples of source, target and "ro" or "rw", all of them
    below `root`. `options` are further ones for unshare."""
    inner_last = sorted(mounts, key=lambda mount: len(mount[1]))
    return ["unshare", "-m", *options, "sh", "-c", SCRIPT, "mounts", root, *(word for mount in inner_last for word in mount), "--", *argv]
