"""ktrace oom-hang on this machine's kernel, with real tasks that SIGKILL does not end."""

import json
import time
from pathlib import Path

import pytest

from ktrace.detectors.kills import SHARES_MM, Kill
from tests import stuck_tasks
from tests.tracer import LIMIT_S, ktrace, tracer, undisturbed
from tests.views.runs import analysis_of

pytestmark = pytest.mark.kernel


def test_uninterruptible_after_sigkill_until_the_thaw() -> None:
    with stuck_tasks.frozen_file_system() as frozen, tracer() as running:
        pid = frozen.writer().pid
        before = time.monotonic()
        stuck_tasks.kill(pid)
        opened = running.finding("open", pid)
        assert opened["finding"] == "stuck-task"
        assert opened["state"] == "uninterruptible"
        assert opened["killed"]["by"] == "signal"
        assert opened["killed"]["comm"]
        assert opened["wait"]["sigkill_wakes"] is False
        assert opened["wait"]["primitive"] == "percpu_down_read"
        assert any(frame.startswith("vfs_write+") for frame in opened["stack"])
        assert 1.0 <= opened["stuck_s"] <= time.monotonic() - before
        frozen.thaw()
        resolved = running.finding("resolved", pid)
        assert resolved["outcome"]["exit_signal"] == 9
        assert resolved["outcome"]["after_s"] >= opened["stuck_s"]
        assert running.stop() == 1
        assert running.records[-1]["verdict"] == "found"


@pytest.mark.parametrize("leader_exits", [True, False])
def test_a_thread_that_is_not_the_leader(leader_exits: bool) -> None:
    with stuck_tasks.frozen_file_system() as frozen, tracer() as running:
        process, thread = frozen.thread_writer(leader_exits)
        stuck_tasks.kill(process.pid)
        opened = running.finding("open", thread)
        assert (opened["pid"], opened["state"]) == (process.pid, "uninterruptible")
        assert not running.findings(process.pid)  # the leader is a zombie: dead
        frozen.thaw()
        assert running.finding("resolved", thread)["outcome"]["exit_signal"] == 9


def test_stuck_before_ktrace_started() -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        pid = frozen.writer().pid
        stuck_tasks.kill(pid)
        with tracer() as running:
            opened = running.finding("open", pid)
            assert opened["killed"]["t"] is None
            frozen.thaw()
            resolved = running.finding("resolved", pid)
            assert resolved["outcome"]["exit_signal"] == 9


def test_killable_sleeper_and_zombie_are_not_reported() -> None:
    with tracer() as running, stuck_tasks.zombie() as zombie:
        with stuck_tasks.killable_sleeper() as sleeper:
            assert stuck_tasks.state(sleeper.pid) == "D"  # says /proc
            with stuck_tasks.frozen_file_system() as frozen:
                pid = frozen.writer().pid
                stuck_tasks.kill(pid)
                running.finding("open", pid)  # walks have been made meanwhile
        assert not running.findings(sleeper.pid)
        assert not running.findings(zombie.pid)


def test_frozen_by_a_cgroup() -> None:
    with stuck_tasks.frozen_by_cgroup(1) as task, tracer() as running:
        stuck_tasks.kill(task.process.pid)
        opened = running.finding("open", task.process.pid)
        assert opened["state"] == "frozen"
        task.thaw()
        assert running.finding("resolved", task.process.pid)["outcome"]["exit_signal"] == 9


def test_by_the_oom_killer(tmp_path: Path) -> None:
    """The leader dies at once, a thread of it does not."""
    trace = tmp_path / "run.ktrace"
    with (
        stuck_tasks.frozen_file_system() as frozen,
        stuck_tasks.memory_cgroup(20 << 20) as cgroup,
        tracer("--record", str(trace)) as running,
    ):
        process, thread = frozen.eater(64)
        cgroup.add(process.pid)
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        opened = running.finding("open", thread)
        assert opened["killed"]["by"] == "oom"
        assert opened["killed"]["pid"] == process.pid  # it asked for memory itself
        frozen.thaw()
        resolved = running.finding("resolved", thread)
        assert resolved["outcome"]["exit_signal"] == 9
        assert running.stop() == 1
    kill = one_kill(trace, process.pid)
    assert (kill.by, kill.over, kill.exit_signal) == ("oom", True, 9)
    assert kill.after_s == resolved["outcome"]["after_s"] > 1.0
    assert [step.name for step in kill.steps if step.name in ("mm released", "dead")] == [
        *("dead", "mm released", "dead")
    ]
    assert kill.released_t is not None
    assert kill.released_t - kill.t > 1.0


def test_a_process_that_shares_the_oom_victims_mm(tmp_path: Path) -> None:
    trace = tmp_path / "run.ktrace"
    with (
        stuck_tasks.memory_cgroup(20 << 20) as cgroup,
        tracer("--record", str(trace)) as running,
        stuck_tasks.program("share_mm", 64) as process,
    ):
        cgroup.add(process.pid)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        other = int(process.stdout.readline())
        process.wait(30)
        stuck_tasks.wait_until(f"{other} is dead", lambda: stuck_tasks.state(other) in ("", "Z"))
        assert running.stop() == 0
    kills = [one_kill(trace, pid) for pid in (process.pid, other)]
    assert {kill.by for kill in kills} == {"oom"}
    (sharer,) = (kill for kill in kills if kill.why == SHARES_MM)
    (victim,) = (kill for kill in kills if kill.why != SHARES_MM)
    assert (sharer.of, sharer.sender) == (victim, victim.sender)
    assert victim.released_t is not None


def one_kill(trace: Path, pid: int) -> Kill:
    (kill,) = (kill for kill in analysis_of(trace).kills.kills if kill.pid == pid)
    return kill


def test_replay_gives_the_same_findings(tmp_path: Path) -> None:
    trace = tmp_path / "run.ktrace"
    with stuck_tasks.frozen_file_system() as frozen, tracer("--record", str(trace)) as running:
        pid = frozen.writer().pid
        stuck_tasks.kill(pid)
        running.finding("open", pid)
        frozen.thaw()
        running.finding("resolved", pid)
        assert running.stop() == 1
    replayed = ktrace("replay", "--json", str(trace))
    assert replayed.returncode == 1
    assert [json.loads(line) for line in replayed.stdout.splitlines()] == running.records
    report = ktrace("report", str(trace))
    assert report.returncode == 1
    assert "SIGKILL cannot end percpu_down_read() in" in report.stdout


def test_clean_run() -> None:
    done = undisturbed("oom-hang", "--json", "--duration", "0.5")
    first, *_, last = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert first["kind"] == "session"
    assert {"function": "task", "hook": "iter", "state": "attached", "why": ""} in first["probes"]
    assert (last["kind"], last["verdict"], last["lost"]) == ("end", "clean", 0)


def test_stops_when_its_command_ends_and_keeps_its_output_out_of_the_json() -> None:
    done = undisturbed("oom-hang", "--json", "--", "sh", "-c", "echo from the command")
    assert done.returncode == 0
    assert all(json.loads(line) for line in done.stdout.splitlines())
    assert "from the command" in done.stderr


def test_the_command_gets_the_oom_score_adj_that_ktrace_was_started_with() -> None:
    done = ktrace("oom-hang", "--", "cat", "/proc/self/oom_score_adj")
    assert Path("/proc/self/oom_score_adj").read_text() in done.stdout.splitlines(keepends=True)


def test_a_command_that_cannot_start() -> None:
    done = ktrace("oom-hang", "--", "/nonexistent/command")
    assert done.returncode == 2
    assert done.stderr == "ktrace: cannot run /nonexistent/command: no such program\n"


def test_a_program_of_another_machine(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\x01")
    program.chmod(0o755)
    done = ktrace("oom-hang", "--", str(program))
    assert done.returncode == 2
    assert done.stderr.endswith(f"ktrace: cannot run {program}: Exec format error\n")


def test_on_finding_stop() -> None:
    with stuck_tasks.frozen_file_system() as frozen, tracer("--on-finding", "stop") as running:
        stuck_tasks.kill(frozen.writer().pid)
        running.wait_for(lambda record: record["kind"] == "end")
        assert running.process.wait(LIMIT_S) == 1


def test_on_finding_shell(tmp_path: Path) -> None:
    output = tmp_path / "finding.json"
    action = f'shell:echo "$KTRACE_FINDING" >{output}.new && mv {output}.new {output}'
    with stuck_tasks.frozen_file_system() as frozen, tracer("--on-finding", action) as running:
        pid = frozen.writer().pid
        stuck_tasks.kill(pid)
        opened = running.finding("open", pid)
        stuck_tasks.wait_until("the action has run", output.exists)
    assert json.loads(output.read_text()) == opened


def test_a_record_file_that_cannot_be_written(tmp_path: Path) -> None:
    done = ktrace("oom-hang", "--record", str(tmp_path / "no" / "such"), "--duration", "0")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_full_disk_is_told_and_never_clean() -> None:
    done = ktrace("oom-hang", "--record", "/dev/full", "--duration", "0.5")
    assert done.returncode == 4
    assert "No space left on device" in done.stderr
    assert "verdict: inconclusive (the recording is not complete)" in done.stdout


def test_without_root() -> None:
    done = ktrace("oom-hang", "--duration", "0", user=65534, cwd="/")
    assert done.returncode == 3
    wanted = "ktrace: tracing needs root, or the capabilities CAP_BPF and CAP_PERFMON"
    assert done.stderr.splitlines()[0] == wanted


def test_hidden_addresses_are_told() -> None:
    setting = Path("/proc/sys/kernel/kptr_restrict")
    before = setting.read_text()
    try:
        setting.write_text("2")
        done = undisturbed("oom-hang", "--duration", "0")
    finally:
        setting.write_text(before)
    assert done.returncode == 0
    assert "kernel addresses are hidden (kptr_restrict)" in done.stdout


def test_a_mutex_is_called_a_mutex() -> None:
    with stuck_tasks.frozen_file_system() as frozen, tracer() as running:
        _, waiter = frozen.queue()
        stuck_tasks.kill(waiter.pid)
        wait = running.finding("open", waiter.pid)["wait"]
        assert (wait["function"], wait["primitive"]) == ("fdget_pos", "mutex_lock")
