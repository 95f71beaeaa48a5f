"""Look at processes through /proc; imported by the shim, so it uses built-in modules only."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import posix
else:
    try:
        import posix
    except ImportError:  # Windows, where importing works and starting a run says that it is not supported
        import nt as posix

__all__ = [
    "boot_id",
    "descendants",
    "host_name",
    "oom_kills",
    "own_processes",
    "process_stat",
    "read_file",
    "write_file",
]


def read_file(path: bytes) -> bytes:
    """Return up to 64 KiB of a file, or nothing when it cannot be read."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return posix.read(fd, 65536)
    except OSError:
        return b""
    finally:
        posix.close(fd)


def write_file(path: bytes, data: bytes, flags: "int | None" = None) -> None:
    """Write a short private file, anew unless `flags` say otherwise. Raises OSError."""
    flags = posix.O_CREAT | posix.O_TRUNC if flags is None else flags
    fd = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC | flags, 0o600)
    try:
        posix.write(fd, data)
    finally:
        posix.close(fd)


def process_stat(pid: int) -> "tuple[bytes, int, int] | None":
    """Return state, parent pid and start time in clock ticks; None when the process is gone or there is no /proc."""
    text = read_file(b"/proc/%d/stat" % pid)
    fields = text[text.rfind(b")") + 2 :].split()
    return (fields[0], int(fields[1]), int(fields[19])) if len(fields) > 19 else None


def own_processes() -> list[int]:
    """Return the pids of all processes of this user; none where there is no /proc."""
    user = posix.getuid()
    try:
        with posix.scandir("/proc") as entries:
            return [int(entry.name) for entry in entries if entry.name.isdigit() and _owner(entry.path) == user]
    except OSError:
        return []


def _owner(path: str) -> int:
    try:
        return posix.stat(path).st_uid
    except OSError:
        return -1


def descendants(root: int) -> list[int]:
    """Return the pids of all descendants of a process, parents first, zombies left out.

    Reads the parent of every process, because `/proc/<pid>/task/*/children` is missing from many kernels.
    """
    children: dict[int, list[int]] = {}
    zombies = set()
    try:
        pids = [int(name) for name in posix.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for pid in pids:
        stat = process_stat(pid)
        if stat is not None:
            children.setdefault(stat[1], []).append(pid)
            if stat[0] in b"ZX":
                zombies.add(pid)
    found = list(children.get(root, ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return [pid for pid in found if pid not in zombies]


def boot_id() -> str:
    """Return the id of this boot of the machine; empty where the kernel gives none."""
    return read_file(b"/proc/sys/kernel/random/boot_id").strip().decode("ascii", "replace")


def host_name() -> str:
    """Return the machine's name with nothing in it that JSON would have to escape."""
    name = posix.uname().nodename.encode("ascii", "replace").decode()
    return name.replace("\\", "?").replace('"', "?")


def oom_kills() -> int:
    """Return how often the kernel has killed for memory: in our control group if it counts, else on this machine."""
    group = b""
    for line in read_file(b"/proc/self/cgroup").splitlines():
        if line.startswith(b"0::"):
            group = line[3:]
    counts = read_file(b"/sys/fs/cgroup" + group + b"/memory.events") or read_file(b"/proc/vmstat")
    for line in counts.splitlines():
        if line.startswith(b"oom_kill "):
            return int(line[9:])
    return 0
