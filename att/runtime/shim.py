"""Own one run: start the program, keep every byte it writes, and end it without leaving a process behind.

Runs as `python -I -S` on its own, one process for each run, and outlives whoever started it. It has to start fast and
stay small: built-in modules only, no json, subprocess or `signal`, and `posix` in place of `os`. The launcher sends the
orders on stdin (see `Orders`) and reads one line of answer from stdout.
"""

import posix
import select
import sys
from fcntl import fcntl
from time import monotonic, sleep, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    import signal as _signal
    from collections.abc import Callable

    from att.runtime.proctree import boot_id, descendants, host_name, oom_kills, process_stat, read_file, write_file
    from att.runtime.segments import SegmentWriter
else:
    import _signal

    from proctree import boot_id, descendants, host_name, oom_kills, process_stat, read_file, write_file
    from segments import SegmentWriter

__all__ = ["main"]

BATCH_SECONDS = 0.001
PIPE_BYTES = 256 * 1024
RUSH_BYTES = 48 * 1024
LEFTOVER_SECONDS = 0.3
TERM_SECONDS = 2.0
KILL_AGAIN_SECONDS = 0.05
EXIT_BYTES = 1024
F_SETPIPE_SZ = 1031
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def remove_tree(path: bytes) -> None:
    """Delete a folder with all it holds, never following a link; what cannot be deleted stays."""
    try:
        with posix.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    remove_tree(entry.path)
                else:
                    posix.unlink(entry.path)
        posix.rmdir(path)
    except OSError:
        return


def load_prctl() -> "Callable[[int, int], object] | None":
    """Return libc's prctl, or None where there is none; importing `ctypes` itself would cost time and memory."""
    try:
        import _ctypes

        integer = type("integer", (_ctypes._SimpleCData,), {"_type_": "i"})
        prototype = type("prototype", (_ctypes.CFuncPtr,), {"_flags_": 1, "_restype_": integer})
        function = prototype(_ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl"))  # type: ignore[arg-type]  # pyright: ignore
    except (ImportError, OSError, AttributeError):
        return None
    return lambda option, value: function(option, value, 0, 0, 0)


def send(pid: int, number: int) -> None:
    """Send a signal (to a group, if the pid is negative) that may come too late, or to a program of another user."""
    try:
        posix.kill(pid, number)
    except OSError:
        return


def grow_pipe(fd: int) -> None:
    """Make a pipe hold 256 KiB; a user with very many pipes gets small ones."""
    try:
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        return


class Orders:
    """What the launcher wants, as strings that end in NUL, in this order, then argc, argv and the environment."""

    def __init__(self, text: bytes) -> None:
        fields = text.split(b"\0")
        self.run_dir, self.cwd, self.executable, self.private_tmp = fields[:4]
        self.grace_seconds = float(fields[4])
        self.lock_fd, self.limit_bytes, self.segment_bytes, argc = map(int, fields[5:9])
        self.argv = fields[9 : 9 + argc]
        self.env = dict(entry.split(b"=", 1) for entry in fields[9 + argc : -1])


class ExecFailed(Exception):
    """The program could not be executed; the answer names the step that failed and the error number."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer


class Shim:
    """One run from fork to exit record. Single-threaded: everything happens in `loop`."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.log = SegmentWriter(orders.run_dir + b"/log", orders.limit_bytes, orders.segment_bytes)
        self.buffer = bytearray(PIPE_BYTES)
        self.view = memoryview(self.buffer)
        self.poll = select.poll()
        self.streams: dict[int, int] = {}
        self.stream_bytes = [0, 0]
        self.wake = -1
        self.pid = 0
        self.started_at = 0
        self.oom_before = 0
        self.stopping = False
        self.status: int | None = None
        self.facts = ""
        self.deadline: float | None = None
        self.ending = self._kill_main
        self.leftovers: set[int] = set()
        self.over = False

    def start(self) -> None:
        """Execute the program and write `state.json`. Raises ExecFailed, OSError."""
        posix.set_inheritable(self.orders.lock_fd, False)
        prctl = load_prctl()
        if prctl is not None:
            prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._take_signals()
        outputs = [self._pipe(stream) for stream in (0, 1)]
        self.started_at = time_ns()
        executed = self._fork(outputs, prctl)
        for fd in outputs:
            posix.close(fd)
        self._prepare_records()
        failure = posix.read(executed, 100)
        posix.close(executed)
        if failure:
            posix.waitpid(self.pid, 0)
            raise ExecFailed(failure.decode())
        path = self.orders.run_dir + b"/state.json"
        posix.rename(path + b".part", path)

    def _take_signals(self) -> None:
        """Let SIGTERM and SIGCHLD wake the loop, and ignore a terminal's signals."""
        self.wake, wake = posix.pipe()
        posix.set_blocking(self.wake, False)
        posix.set_blocking(wake, False)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        _signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (_signal.SIGTERM, _signal.SIGCHLD):
            _signal.signal(number, lambda _number, _frame: None)
        for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT):
            _signal.signal(number, _signal.SIG_IGN)
        self.poll.register(self.wake, select.POLLIN)

    def _pipe(self, stream: int) -> int:
        """Make the pipe of a stream and return its writing end."""
        reader, writer = posix.pipe()
        posix.set_blocking(reader, False)
        grow_pipe(writer)
        self.streams[reader] = stream
        self.poll.register(reader, select.POLLIN)
        return writer

    def _fork(self, outputs: list[int], prctl: "Callable[[int, int], object] | None") -> int:
        """Fork and execute; return a pipe that ends, empty, when the program has replaced the child."""
        reader, writer = posix.pipe()
        shim_pid = posix.getpid()
        pid = posix.fork()
        if pid == 0:
            stage = b"exec"
            try:
                posix.setsid()
                if prctl is not None:
                    prctl(PR_SET_PDEATHSIG, _signal.SIGKILL)
                if posix.getppid() != shim_pid:
                    posix._exit(127)
                for target, fd in enumerate((posix.open("/dev/null", posix.O_RDWR), *outputs)):
                    posix.dup2(fd, target)
                for number in range(1, 32):
                    if number not in (9, 19):
                        _signal.signal(number, _signal.SIG_DFL)
                stage = b"chdir"
                posix.chdir(self.orders.cwd)
                stage = b"exec"
                posix.execve(self.orders.executable, self.orders.argv, self.orders.env)
            except OSError as error:
                posix.write(writer, b"%s %d" % (stage, error.errno or 0))
            finally:
                posix._exit(127)
        posix.close(writer)
        self.pid = pid
        return reader

    def _prepare_records(self) -> None:
        """Reserve the exit record, and write who runs: enough to know the processes again after the shim has died."""
        write_file(self.orders.run_dir + b"/exit.part", b" " * EXIT_BYTES)
        me = posix.getpid()
        ticks = [str(stat[2]) if stat else "null" for stat in (process_stat(me), process_stat(self.pid))]
        text = (
            f'{{"shim_pid": {me}, "shim_start_ticks": {ticks[0]}, "pid": {self.pid}, "start_ticks": {ticks[1]}, '
            f'"boot_id": "{boot_id()}", "host": "{host_name()}", "started_ns": {self.started_at}}}\n'
        )
        write_file(self.orders.run_dir + b"/state.json.part", text.encode())

    def loop(self) -> None:
        """Pump output and follow signals and deadlines until the run is over; blocks without timeout when idle.

        A stream that keeps coming is read once a millisecond, so that a write for each line costs no wake-up each; a
        stream that could fill the pipe in that time is read at once, and so is the first write after a pause.
        """
        poll, wake, streams = self.poll.poll, self.wake, self.streams
        last = 0.0
        pace = False
        while not self.over:
            if pace:
                sleep(BATCH_SECONDS)
            ready = poll(None if self.deadline is None else max(0.0, self.deadline - monotonic()) * 1000 + 1)
            elapsed = monotonic() - last
            amount = 0
            for fd, _events in ready:
                if fd in streams:
                    amount += self._pump(fd)
            last = monotonic()
            rushing = amount >= RUSH_BYTES and amount * BATCH_SECONDS >= PIPE_BYTES * elapsed
            flood = rushing or amount >= PIPE_BYTES * 7 // 8
            pace = amount > 0 and elapsed < 2 * BATCH_SECONDS and not flood
            if ready and any(fd == wake for fd, _events in ready):
                self._on_signal()
            if self.deadline is not None and last >= self.deadline:
                self.ending()

    def _pump(self, fd: int) -> int:
        """Move what a pipe holds to the log; return how much. The end of a pipe leaves the loop."""
        try:
            amount = posix.readv(fd, [self.buffer])
        except BlockingIOError:
            return 0
        except OSError:
            amount = 0
        if amount:
            stream = self.streams[fd]
            self.stream_bytes[stream] += amount
            self.log.append(stream, self.buffer, self.view, amount)
        else:
            self.poll.unregister(fd)
            del self.streams[fd]
            posix.close(fd)
        return amount

    def _on_signal(self) -> None:
        numbers = posix.read(self.wake, 4096)
        if _signal.SIGTERM in numbers:
            self._stop()
        if _signal.SIGCHLD in numbers:
            self._reap()

    def _stop_intent(self) -> "float | None":
        """Return the grace of the stop intent, or None when nobody asked for a stop."""
        text = read_file(self.orders.run_dir + b"/stop").split()
        return float(text[0]) if text else None

    def settle(self) -> None:
        """Do what can wait for the launcher's answer; heed a stop intent that is older than this shim."""
        self.oom_before = oom_kills()
        if self._stop_intent() is not None:
            self._stop()

    def _stop(self) -> None:
        """TERM to the group, then wait for the grace; asked again, a shorter grace counts."""
        if self.status is not None:
            return
        intent = self._stop_intent()
        deadline = monotonic() + (self.orders.grace_seconds if intent is None else intent)
        if not self.stopping:
            self.stopping = True
            self.deadline = deadline
            send(-self.pid, _signal.SIGTERM)
        elif self.deadline is not None and deadline < self.deadline:
            self.deadline = deadline

    def _kill_main(self) -> None:
        """The grace is over: end the main process; its descendants follow as leftovers."""
        self.deadline = None
        send(self.pid, _signal.SIGKILL)

    def _reap(self) -> None:
        """Collect ended children, orphans of the program among them; the run is over when none is left."""
        while True:
            try:
                pid, status, usage = posix.wait4(-1, posix.WNOHANG)
            except ChildProcessError:
                self.over = True
                return
            if pid == 0:
                return
            if pid == self.pid:
                self._main_ended(status, usage)

    def _main_ended(self, status: int, usage: "resource.struct_rusage") -> None:
        """Make the exit durable at once, then give leftovers a moment to end by themselves."""
        self.status = status
        signal = status & 0x7F
        requested = self._stop_intent() is not None
        oom = signal == 9 and not requested and not self.stopping and oom_kills() > self.oom_before
        scale = 1 if sys.platform == "darwin" else 1024
        self.facts = (
            f'"code": {"null" if signal else status >> 8}, "signal": {signal or "null"}, '
            f'"core_dumped": {str(bool(status & 0x80)).lower()}, "oom_killed": {str(oom).lower()}, '
            f'"requested": {str(requested).lower()}, "terminated": {str(self.stopping).lower()}, '
            f'"started_ns": {self.started_at}, "exited_ns": {time_ns()}, "user_cpu_seconds": {usage.ru_utime:.6f}, '
            f'"system_cpu_seconds": {usage.ru_stime:.6f}, "max_rss_bytes": {usage.ru_maxrss * scale}'
        )
        self._write_exit(final=False)
        self.deadline = monotonic() + LEFTOVER_SECONDS
        self.ending = self._term_leftovers

    def _term_leftovers(self) -> None:
        self.deadline = monotonic() + TERM_SECONDS
        self.ending = self._kill_leftovers
        self._signal_leftovers(_signal.SIGTERM)

    def _kill_leftovers(self) -> None:
        self.deadline = monotonic() + KILL_AGAIN_SECONDS
        self._signal_leftovers(_signal.SIGKILL)

    def _signal_leftovers(self, number: int) -> None:
        for pid in descendants(posix.getpid()):
            self.leftovers.add(pid)
            send(pid, number)

    def _write_exit(self, final: bool) -> None:
        """Overwrite the reserved file, so that a full disk cannot lose it."""
        text = (
            f'{{{self.facts}, "stdout_bytes": {self.stream_bytes[0]}, "stderr_bytes": {self.stream_bytes[1]}, '
            f'"dropped_bytes": {self.log.dropped_bytes}, "end_offset": {self.log.offset}, '
            f'"leftovers_killed": {len(self.leftovers)}, "final": {str(final).lower()}}}'
        )
        write_file(self.orders.run_dir + b"/exit.part", text.encode().ljust(EXIT_BYTES), 0)

    def finish(self) -> None:
        """Read what is left in the pipes, then put the exit record in its place, last of all."""
        for fd in list(self.streams):
            for _read in range(8):  # more than a pipe holds, and an end even if a stranger goes on writing
                if fd not in self.streams or not self._pump(fd):
                    break
        self.log.close()
        if self.orders.private_tmp:
            remove_tree(self.orders.private_tmp)
        self._write_exit(final=True)
        posix.rename(self.orders.run_dir + b"/exit.part", self.orders.run_dir + b"/exit.json")


def read_orders() -> Orders:
    """Read the orders from stdin to its end."""
    parts = []
    while part := posix.read(0, 65536):
        parts.append(part)
    return Orders(b"".join(parts))


def answer(text: str) -> None:
    """Tell the launcher how the start went, and let go of its pipes."""
    try:  # noqa: SIM105
        posix.write(1, text.encode())
    except OSError:  # the launcher has died; the run goes on without it
        pass
    null = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(null, 0)
    posix.dup2(null, 1)
    posix.close(null)


def main() -> None:
    """Leave the launcher's process tree, run the program, and exit without the interpreter's clean-up."""
    if posix.fork():
        posix._exit(0)
    posix.setsid()
    shim = Shim(read_orders())
    try:
        shim.start()
    except ExecFailed as failure:
        answer(failure.answer)
        posix._exit(1)
    except OSError as error:
        answer(f"shim {error.errno}")
        posix._exit(1)
    answer(f"ok {shim.pid}")
    shim.settle()
    shim.loop()
    shim.finish()
    posix._exit(0)
