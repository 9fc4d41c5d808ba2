"""What the help and the manual page of each command end with: examples, and its exit codes."""

# (exit code, what it means)
Codes = tuple[tuple[str, str], ...]
# (what one types, what for)
Examples = tuple[tuple[str, str], ...]

_USAGE = ("2", "bad usage, or input that cannot be read")
_TRACED: Codes = (
    ("0", "traced, nothing found"),
    ("1", "something found"),
    ("2", "bad usage, or COMMAND cannot be found or executed"),
    ("3", "cannot trace here: privilege or kernel"),
    ("4", "inconclusive: events lost, a probe missing; --strict: COMMAND failed"),
)
_READ: Codes = (
    ("0", "nothing found"),
    ("1", "something found"),
    _USAGE,
    ("4", "inconclusive: events or parts of the file lost, a probe missing"),
)
_PRINTED: Codes = (("0", "printed"), _USAGE)
_BUILT: Codes = (("0", "built"), _USAGE, ("3", "a compiler or library is missing"))


MANUAL: dict[str, tuple[Examples, Codes]] = {
    "oom-hang": (
        (
            ("sudo ktrace oom-hang -- ./reproduce.sh", "Trace while a reproducer runs."),
            ("sudo ktrace oom-hang -d 60 -o hang.ktrace", "For a minute, and keep a trace."),
        ),
        _TRACED,
    ),
    "bad-page": (
        (
            (
                "sudo ktrace bad-page --state /var/lib/ktrace/cells.json",
                "Remember bad pages over boots: one bad RAM cell shows by its address.",
            ),
            ("sudo ktrace bad-page --json | jq .", "Findings for another program."),
        ),
        _TRACED,
    ),
    "oom-livelock": (
        (
            ("sudo ktrace oom-livelock", "Who invokes the OOM killer again and again, and why."),
            ("sudo ktrace oom-livelock --on-finding stop -d 600", "Until the first livelock."),
        ),
        _TRACED,
    ),
    "big-alloc": (
        (
            (
                "sudo ktrace big-alloc -d 60",
                "A minute: who takes large blocks, which requests fail or wait.",
            ),
            (
                "sudo ktrace big-alloc --costly -- modprobe e1000e",
                "Order 4 and more, while a driver is loaded.",
            ),
        ),
        _TRACED,
    ),
    "squashfs": (
        (
            ("sudo ktrace squashfs", "What its caches do, and what is read again and again."),
            (
                "sudo ktrace squashfs -d 60 -o 128K.ktrace",
                "A run for `ktrace compare`, with images of other block sizes.",
            ),
        ),
        _TRACED,
    ),
    "watch": (
        (
            (
                "sudo ktrace watch --traces /var/lib/ktrace/traces --before 60s",
                "Keep what was around each finding.",
            ),
            (
                "sudo ktrace watch --all-blocked-after 120 --metrics 9733",
                "Also who is blocked without a kill; Prometheus scrapes this machine.",
            ),
        ),
        _TRACED,
    ),
    "record": (
        (
            ("sudo ktrace record -o hang.ktrace", "Record everything until Ctrl-C."),
            ("sudo ktrace record -o hang.ktrace.gz -- make test", "While a command runs."),
            (
                "sudo ktrace record --with big-alloc --with squashfs -o hang.ktrace",
                "Also what costs more to trace.",
            ),
        ),
        _TRACED,
    ),
    "stuck": (
        (
            ("sudo ktrace stuck", "Everything that is blocked now, and what releases it."),
            ("sudo ktrace stuck --longer-than 10 -o now.ktrace", "Longer than 10 s; keep a trace."),
        ),
        (
            ("0", "nothing is blocked"),
            ("1", "something is"),
            ("2", "bad usage"),
            ("3", "cannot trace here: privilege or kernel"),
            ("4", "inconclusive"),
        ),
    ),
    "replay": (
        (
            ("ktrace replay hang.ktrace", "The screen as it was when it was recorded."),
            ("ktrace replay --speed 10 hang.ktrace", "Ten times as fast."),
        ),
        _READ,
    ),
    "report": (
        (
            ("ktrace report hang.ktrace", "Text for a mail."),
            ("ktrace report --format html -o hang.html hang.ktrace", "A page for a browser."),
        ),
        _READ,
    ),
    "compare": (
        (
            ("ktrace compare before-*.ktrace vs after-*.ktrace", "Did the patch fix the hang?"),
            ("ktrace compare --format junit stock/ patched/", "For a CI system."),
        ),
        (
            ("0", "fixed"),
            ("1", "not fixed, or worse"),
            _USAGE,
            ("4", "not enough data, or not comparable"),
        ),
    ),
    "dmesg": (
        (
            ("ktrace dmesg kern.log", "What is wrong in a kernel log."),
            ("journalctl -k -b -1 | ktrace dmesg -", "In the log of the boot before this one."),
        ),
        (
            ("0", "nothing found in a kernel log that could be read"),
            ("1", "bad pages, hung tasks, an OOM livelock or alarms; not OOM kills alone"),
            ("2", "FILE cannot be read, or is no kernel log"),
            ("4", "inconclusive: parts of the log are lost"),
        ),
    ),
    "receive": (
        (
            ("ktrace receive 7000 -o hang.ktrace", "From this machine, or a tunnel to it."),
            ("ktrace receive 192.0.2.1:7000 -o hang.ktrace", "From machines of that network."),
            ("sudo ktrace record -o tcp:192.0.2.1:7000", "On the machine that may die."),
        ),
        (
            ("0", "the trace is here, with its end"),
            ("2", "bad usage, or the address or FILE cannot be used"),
            ("4", "the sender broke off, or FILE could not be written: what came is good"),
        ),
    ),
    "btf": (
        (
            ("ktrace btf make vmlinux -o board.btf", "The types of a kernel without BTF."),
            (
                "ktrace btf make vmlinux fs/squashfs/squashfs.ko -o board.btf",
                "With those of squashfs, which is a module there.",
            ),
        ),
        _PRINTED,
    ),
    "btf make": (
        (
            (
                "ktrace btf make vmlinux fs/squashfs/squashfs.ko -o board.btf",
                "In the folder where the kernel was built.",
            ),
            ("sudo ktrace oom-hang --btf board.btf", "Then on the board."),
        ),
        (("0", "FILE is written"), _USAGE, ("3", "pahole is not installed")),
    ),
    "doctor": (
        (
            ("sudo ktrace doctor", "What this kernel lets ktrace see, and what is lost."),
            ("sudo ktrace doctor --loader bcc", "The same for a kernel without BTF."),
        ),
        (
            ("0", "every verdict is possible"),
            ("2", "bad usage"),
            ("3", "nothing can be traced"),
            ("4", "some verdicts are not possible"),
        ),
    ),
    "decode": (
        (
            ("ktrace decode task-state 0x402", "A value of task_struct.__state."),
            ("ktrace decode page-flags 0xfffffc0004000", "A value of page->flags."),
        ),
        _PRINTED,
    ),
    "decode task-state": (
        (
            ("ktrace decode task-state 0x102", "TASK_KILLABLE: D in ps, but SIGKILL wakes it."),
            ("ktrace decode task-state 0 --exit-state 0x20", "A zombie."),
        ),
        _PRINTED,
    ),
    "decode page-flags": (
        (
            ("ktrace decode page-flags 0xfffffc0004000", "Of the running kernel."),
            ("ktrace decode page-flags --era 2.6.31-i386 0x80004000", "Of an old one."),
        ),
        _PRINTED,
    ),
    "decode wait": (
        (
            ("ktrace decode wait wait_event_killable", "A member of the wait_event family."),
            ("ktrace decode wait __mutex_lock.constprop.0+0x1e", "A frame of a stack."),
            ("ktrace decode wait", "All that are known, as a table."),
        ),
        _PRINTED,
    ),
    "export": (
        (
            ("ktrace export /var/lib/traces -o dataset", "All traces below a directory."),
            ("ktrace export *.ktrace -o s3://bucket/dataset", "To an object store."),
        ),
        (("0", "all is in the dataset"), ("2", "something was no trace; the rest is in")),
    ),
    "fleet": (
        (
            ("ktrace fleet report dataset", "What the machines wait for."),
            ("ktrace fleet report dataset --json", "The same for another program."),
        ),
        _PRINTED,
    ),
    "fleet report": (
        (
            ("ktrace fleet report dataset", "All tables of the report."),
            ("ktrace fleet report dataset --compare 6.1.0-55 6.1.0-56", "Did the update fix it?"),
        ),
        (
            ("0", "no session found anything"),
            ("1", "a session found something"),
            _USAGE,
            ("4", "a session was inconclusive"),
        ),
    ),
    "fleet sql": (
        (
            ("ktrace fleet sql dataset", "Each line of stdin is a query."),
            ('ktrace fleet sql dataset "SUMMARIZE kills"', "One query."),
        ),
        _PRINTED,
    ),
    "schema": (
        (
            ("ktrace schema > ktrace.schema.json", "Of the lines of --json."),
            ("ktrace schema --of trace", "Of the lines of a trace file."),
        ),
        _PRINTED,
    ),
    "agent": (
        (
            ("ktrace agent build --arch amd64", "The program for a board of that architecture."),
            ("ssh BOARD ktrace-agent | ktrace oom-hang --from -", "Trace the board with it."),
        ),
        _BUILT,
    ),
    "agent build": (
        (
            ("ktrace agent build --arch amd64 -o ktrace-agent", "One file, to be copied there."),
            (
                "ktrace agent build --arch armhf --btf board.btf",
                "For a kernel without types of its own: they are built in.",
            ),
        ),
        _BUILT,
    ),
    "lab": (
        (
            ("ktrace lab list", "What can be reproduced."),
            ("ktrace lab run squashfs-stall --screen", "The squashfs hang, in a guest."),
        ),
        (("0", "done, nothing found"), ("1", "something found"), _USAGE, ("4", "inconclusive")),
    ),
    "lab list": (
        (
            ("ktrace lab list", "The scenarios, a line each."),
            ("ktrace lab list | grep oom", "Those about the OOM killer."),
        ),
        _PRINTED,
    ),
    "lab run": (
        (
            ("ktrace lab run squashfs-stall --screen -o hang.ktrace", "Debian's kernel."),
            (
                "ktrace lab run squashfs-stall --kernel bzImage --modules lib/modules/6.12.0",
                "A kernel of your own.",
            ),
        ),
        (
            ("0", "ktrace in the guest found nothing"),
            ("1", "it found something"),
            _USAGE,
            ("4", "inconclusive, or the scenario did not run to its end"),
            ("125", "with --bisect: this commit cannot be tested"),
        ),
    ),
    "lab matrix": (
        (
            ("ktrace lab matrix squashfs-stall", "On the kernels of four Debian suites."),
            ("ktrace lab matrix squashfs-stall --suite trixie --suite sid", "On two of them."),
        ),
        (("0", "nothing found on any"), ("1", "something found"), _USAGE, ("4", "inconclusive")),
    ),
}


def epilog(name: str) -> str:
    """Of the command's help; click keeps the lines of a paragraph that begins with \\b."""
    if name not in MANUAL:
        return ""
    examples, codes = MANUAL[name]
    typed = "\n".join(f"  {line}\n      {why}" for line, why in examples)
    meanings = "\n".join(f"  {code:<4} {meaning}" for code, meaning in codes)
    return f"\b\nExamples:\n{typed}\n\n\b\nExit codes:\n{meanings}"
