"""Servers die, hang, come back and talk nonsense; the hub stays useful."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from att.errors import TimedOut, Unavailable
from att.mcp_hub import loop as loop_module
from att.mcp_hub.loop import HubLoop
from att.settings import ATT
from tests.mcp_hub.conftest import PLAIN, Bench, free_port
from tests.support.waiting import eventually


def _begun(bench: Bench, name: str) -> bool:
    """Say whether a plain server has begun its slow tool: it says so on its error output."""
    return "slow began" in bench.hub.status(name).last_lines


def _later(work: Callable[[], Any]) -> Future[Any]:
    pool = ThreadPoolExecutor(1)
    done = pool.submit(work)
    pool.shutdown(wait=False)
    return done


def test_a_call_on_a_server_that_is_killed_is_answered_by_another_within_a_second(bench: Bench) -> None:
    bench.plain("a", "--tools", "pid,slow")
    bench.plain("b", "--tools", "echo,who,slow")
    bench.healthy("a", "b")
    bench.hub.remove("b")
    quick = [*PLAIN[1:], "--name", "b", "--tools", "slow", "--quick"]
    bench.hub.add("b", command=PLAIN[0], args=quick)
    bench.healthy("b")
    pid = bench.pid("a")
    answer = _later(lambda: bench.hub.call("slow", {}))
    eventually(lambda: _begun(bench, "a"))
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    result = answer.result(30)
    assert time.monotonic() - killed < 1
    assert (result.server, result.text) == ("b", "quick")
    assert [(a.server, a.outcome) for a in result.attempts] == [("a", "lost"), ("b", "answered")]
    assert [(e.data["server"], e.data["outcome"]) for e in bench.told("mcp.attempt")][-2:] == [
        ("a", "lost"),
        ("b", "answered"),
    ]


@pytest.mark.parametrize("era", ["handshake", "2026-07-28"])
def test_a_call_on_an_http_server_that_is_killed_is_answered_by_another(bench: Bench, era: str) -> None:
    server = bench.serve("a", era)
    bench.hub.add("a", address=server.url)
    bench.hub.add("b", command=PLAIN[0], args=[*PLAIN[1:], "--name", "b", "--tools", "slow", "--quick"])
    bench.healthy("a", "b")
    answer = _later(lambda: bench.hub.call("slow", {}))
    assert server.line() == "slow began\n"
    killed = time.monotonic()
    server.kill()
    result = answer.result(30)
    assert time.monotonic() - killed < 1
    assert [(a.server, a.outcome) for a in result.attempts] == [("a", "lost"), ("b", "answered")]


def test_without_another_server_the_error_tells_the_attempts(bench: Bench) -> None:
    bench.plain("only")
    bench.plain("other", "--tools", "who")
    bench.healthy("only", "other")
    with pytest.raises(Unavailable, match="only lost") as caught:
        bench.hub.call("die", {})
    attempts = caught.value.details["attempts"]
    assert [(a["server"], a["outcome"]) for a in attempts] == [("only", "lost")]


def test_a_call_that_must_not_be_repeated_is_not(bench: Bench) -> None:
    bench.plain("a")
    bench.plain("b")
    bench.healthy("a", "b")
    with pytest.raises(Unavailable):
        bench.hub.call("die", {}, failover=False)
    assert bench.hub.call("who", {}).text == "b"


def test_an_answer_that_takes_too_long_is_given_up_and_not_asked_of_another(bench: Bench) -> None:
    bench.plain("a")
    bench.plain("b")
    bench.healthy("a", "b")
    with pytest.raises(TimedOut, match="a timed out") as caught:
        bench.hub.call("slow", {}, timeout=0.5)
    assert len(caught.value.details["attempts"]) == 1
    assert bench.hub.call("who", {}, "a").text == "a", "the connection goes on"


def test_a_killed_server_is_started_again_and_tells_it(bench: Bench) -> None:
    bench.plain("one")
    bench.healthy("one")
    first = bench.pid("one")
    os.kill(first, signal.SIGKILL)
    eventually(lambda: bench.state("one") == "unreachable")
    bench.healthy("one")
    assert bench.pid("one") != first
    moves = [event.data["after"] for event in bench.told("mcp.state")]
    assert moves == ["healthy", "unreachable", "healthy"]


def test_pauses_between_attempts_grow_to_eight_seconds() -> None:
    from att.mcp_hub.states import pause_after

    assert [pause_after(failures) for failures in range(7)] == [0, 1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize("era", ["handshake", "2026-07-28"])
@pytest.mark.parametrize("noticed", [False, True])
def test_a_restarted_http_server_is_used_again_at_the_very_next_call(bench: Bench, era: str, noticed: bool) -> None:
    server = bench.serve("web", era)
    bench.hub.add("web", address=server.url)
    bench.healthy("web")
    server.kill()
    if noticed:
        eventually(lambda: bench.hub.status("web").failures >= 3, 40)  # the next attempt comes after four seconds
    server.start()
    assert bench.hub.call("who", {}, "web").text == "web"


def test_a_call_to_an_http_server_that_stays_away_says_so(bench: Bench) -> None:
    server = bench.serve("web")
    bench.hub.add("web", address=server.url)
    bench.healthy("web")
    server.kill()
    eventually(lambda: bench.state("web") == "unreachable", 40)
    with pytest.raises(Unavailable, match="web skipped"):
        bench.hub.call("who", {}, "web")


def test_who_waits_for_a_loop_that_is_stuck_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "_MARGIN_SECONDS", 0.1)
    loop, release, ran = HubLoop(), threading.Event(), threading.Event()

    async def work() -> int:
        await asyncio.sleep(0)
        ran.set()
        return 7

    async def too_long() -> None:
        raise TimeoutError("its own")

    assert loop.run(work(), 30) == 7
    with pytest.raises(TimeoutError, match="its own"):
        loop.run(too_long(), 30)
    ran.clear()
    loop.call(lambda: release.wait(60))
    with pytest.raises(TimedOut, match="have not answered"):
        loop.run(work(), 0.1)
    release.set()
    assert loop.run(asyncio.sleep(0, "again"), 30) == "again"
    assert not ran.is_set(), "nobody waits for it any more, so it is not done"
    loop.close()
    with pytest.raises(Unavailable, match="closing"):
        loop.run(work(), 30)


def test_a_session_that_the_server_forgot_is_made_anew_within_the_same_call(tmp_path: Path, bench: Bench) -> None:
    """The hub does not look in between, so that the call itself meets the forgotten session."""
    server = bench.serve("web", "handshake")
    bench.hub._settings.mcp_health_seconds = 3600
    bench.hub.add("web", address=server.url, headers={"X-Forget": "after"})
    bench.healthy("web")
    time_of = bench.hub.status("web").since
    eventually(lambda: (bench.hub.status("web").checked_at or time_of) and _old(bench), 30)
    import httpx

    httpx.post(server.url.replace("/mcp", "/forget"), trust_env=False)
    result = bench.hub.call("who", {})
    # Whether the hub or the call notices it first is open.
    assert [a.outcome for a in result.attempts] in (["lost", "answered"], ["answered"])


def _old(bench: Bench) -> bool:
    from att.models import now

    return (now() - bench.hub.status("web").since).total_seconds() > 1.1


def test_a_silent_program_is_given_up_and_killed(bench: Bench) -> None:
    bench.hub._settings.mcp_connect_seconds = 1
    bench.plain("mute", "--silent")
    bench.plain("one")
    bench.healthy("one")
    eventually(lambda: bench.state("mute") == "unreachable", 40)
    status = bench.hub.status("mute")
    assert "did not answer within 1 s" in status.reason
    assert status.last_lines == ["mute is there"]
    bench.hub.remove("mute")
    eventually(lambda: not _programs("mute"), 40)


def test_garbage_is_no_answer(bench: Bench) -> None:
    bench.hub._settings.mcp_connect_seconds = 1
    bench.plain("noise", "--garbage")
    bench.plain("one")
    bench.healthy("one")
    eventually(lambda: bench.state("noise") == "unreachable", 40)
    assert bench.hub.call("who", {}).text == "one"


def test_a_web_page_is_no_mcp_server(bench: Bench) -> None:
    server = bench.serve("web")
    bench.hub.add("page", address=server.url.replace("/mcp", "/page"))
    bench.hub.add("nothing", address=f"http://127.0.0.1:{free_port()}/mcp")
    for name in ("page", "nothing"):
        eventually(lambda name=name: bench.state(name) == "unreachable")  # type: ignore[misc]
        assert bench.hub.status(name).reason


def test_a_program_that_does_not_exist_or_fails_says_why(bench: Bench) -> None:
    bench.hub.add("gone", command="no-such-program-of-att")
    bench.hub.add("wrong", command=sys.executable, args=["-c", "raise SystemExit('no module named it')"])
    eventually(lambda: bench.state("gone") == bench.state("wrong") == "unreachable")
    assert "no-such-program-of-att" in bench.hub.status("gone").reason
    assert "no module named it" in bench.hub.status("wrong").reason


def test_a_server_that_misses_a_check_is_degraded_and_asked_last(bench: Bench, tmp_path: Path, settings: ATT) -> None:
    mute = tmp_path / "mute"
    settings.mcp_check_seconds = 1
    bench.plain("a", "--mute", str(mute))
    bench.plain("b")
    bench.healthy("a", "b")
    mute.touch()
    eventually(lambda: bench.state("a") == "degraded")
    assert bench.hub.call("who", {}).text == "b"
    mute.unlink()
    bench.healthy("a")
    assert bench.hub.call("who", {}).text == "a"


def test_ten_dead_servers_do_not_delay_ten_living_ones(bench: Bench) -> None:
    listening = free_port()
    for number in range(10):
        bench.hub.add(f"dead-{number}", address=f"http://127.0.0.1:{listening}/mcp")
        bench.plain(f"live-{number}")
    bench.healthy(*(f"live-{number}" for number in range(10)))
    eventually(lambda: all(bench.state(f"dead-{n}") == "unreachable" for n in range(10)))
    began = time.monotonic()
    for number in range(10):
        assert bench.hub.call("who", {}, f"live-{number}").text == f"live-{number}"
    assert bench.hub.call("who", {}).text == "live-0"
    assert time.monotonic() - began < 5, "no attempt waits for a dead server"


def test_nothing_is_left_after_two_hundred_connections(bench: Bench) -> None:
    bench.plain("pipes", "--tools", "who")
    bench.hub.add("web", address=bench.serve("web", "handshake").url)
    bench.healthy("pipes", "web")
    before = _resources()
    for _ in range(100):
        for name in ("pipes", "web"):
            bench.hub.disconnect(name)
            assert bench.hub.connect(name).state == "healthy"
    eventually(lambda: all(now <= then + 2 for now, then in zip(_resources(), before, strict=True)))


def _resources() -> tuple[int, int, int]:
    process = psutil.Process()
    return process.num_fds(), threading.active_count(), len(process.children(recursive=True))


def test_programs_die_with_att(tmp_path: Path) -> None:
    """ATT is killed with SIGKILL while two programs, one of which ignores everything, are connected."""
    code = (
        "import sys, time; import att\n"
        "s = att.connect(embedded=True, data_dir=sys.argv[1])\n"
        "for name, more in (('good', []), ('stubborn', ['--silent'])):\n"
        "    s.mcp.add(name, command=sys.argv[2], args=[*sys.argv[3:], '--name', name, *more])\n"
        "s.mcp.connect('good'); print('ready', flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data"), *PLAIN]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    children = eventually(lambda: len(found := psutil.Process(parent.pid).children(recursive=True)) >= 4 and found, 30)
    parent.kill()
    parent.communicate()
    assert isinstance(children, list)
    eventually(lambda: not [child for child in children if child.is_running()])


def test_the_hub_closes_quickly_although_a_program_ignores_it(bench: Bench) -> None:
    bench.plain("mute", "--silent")
    bench.plain("one")
    bench.healthy("one")
    waiting = _later(lambda: bench.hub.call("slow", {}, "one"))
    eventually(lambda: _begun(bench, "one"))
    began = time.monotonic()
    bench.hub.close()
    assert time.monotonic() - began < 2
    with pytest.raises(Unavailable):
        waiting.result(10)
    assert not _programs("mute")


def _programs(name: str) -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if name in p.cmdline()]
