"""Forms in which kernel logs come: each makes a log of lines that have no prefix."""

from __future__ import annotations

import html
import json
import quopri
import textwrap
from collections.abc import Callable

from tests.sources.log.samples import stamped

Form = Callable[[str], str]


def _before(prefix: str, stamp: bool = True) -> Form:
    """{i}: the number of the line."""
    if stamp:
        return lambda log: stamped(log, prefix=prefix)
    return lambda log: "".join(
        prefix.replace("{i}", f"{i:06}") + f"{line}\n" for i, line in enumerate(log.splitlines())
    )


def _records(first: str, pattern: str, last: str = "") -> Form:
    def form(log: str) -> str:
        lines = log.splitlines()
        return (
            first
            + "".join(
                pattern.replace("{line}", line)
                .replace("{json}", json.dumps(line))
                .replace("{us}", str(100_000_000 + 1000 * i))
                for i, line in enumerate(lines)
            )
            + last
        )

    return form


def _coloured(log: str) -> str:
    return "".join(
        f"\x1b[32m{line[:15]}\x1b[0m\x1b[31m{line[15:]}\x1b[0m\n"
        for line in stamped(log).splitlines()
    )


def _octets(text: str) -> str:
    """Quoted-printable, as mailers encode it: no-break spaces, soft line breaks."""
    encoded = quopri.encodestring(text.replace("  ", " \u00a0").encode()).decode()
    return "Content-Transfer-Encoding: quoted-printable\n\n" + encoded


def _mailer(log: str) -> str:
    """Lines wrapped at 72 columns, where there are spaces to do it."""
    wrapped = []
    for line in stamped(log, prefix="Aug 21 22:37:47 coyote kernel: ").splitlines():
        pieces = textwrap.wrap(
            line, 72, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
        )
        wrapped += pieces or [""]
    return "\n".join(wrapped) + "\n"


def _terminal(log: str) -> str:
    """Lines that a terminal of 120 columns broke, inside words too."""
    lines = stamped(log).splitlines()
    return "".join(
        "\n".join(line[i : i + 120] for i in range(0, len(line), 120)) + "\n" for line in lines
    )


def _fragments(log: str) -> str:
    """drivers/net/netconsole.c, send_ext_msg_udp(): a message of more than 1000 bytes in several;
    here of more than 40. With the release first, as its option "r" puts it since v6.6."""
    lines = []
    for i, line in enumerate(log.splitlines()):
        header = f"6.1.0-56,4,{500 + i},{100_000_000 + 1000 * i},-"
        pieces = [line[at : at + 40] for at in range(0, len(line), 40)]
        if len(pieces) < 2:
            lines.append(f"{header};{line}")
        else:
            lines += [
                f"{header},ncfrag={40 * n}/{len(line)};{piece}" for n, piece in enumerate(pieces)
            ]
    return "\n".join(lines) + "\n"


def _each(form: Callable[[str], str]) -> Form:
    """Each line, with its time stamp, in that form."""
    return lambda log: "".join(form(line) + "\n" for line in stamped(log).splitlines())


def _first(before: str) -> Form:
    """A console: what stood there when the kernel printed its first line."""
    return lambda log: before + stamped(log)


def _clock(pattern: str) -> Form:
    """Time stamps of vendors' kernels."""
    return lambda log: "".join(
        pattern.replace("{t}", f"100.{i:06}") + f"{line}\n"
        for i, line in enumerate(log.splitlines())
    )


# With the kernel's own time stamps
STAMPED: dict[str, Form] = {
    "dmesg": _before(""),
    "dmesg --raw": _before("<1>"),
    "dmesg --decode": _before("kern  :alert : "),
    "dmesg --decode, notice": _before("kern  :notice: "),
    "printk caller": lambda log: stamped(log).replace("000] ", "000][    T7] "),
    "printk caller, CPU": lambda log: stamped(log).replace("000] ", "000][    C1] "),
    "syslog": _before("Aug 21 22:37:47 coyote kernel: "),
    "syslog, one digit": _before("Aug  1 02:37:47 coyote kernel: "),
    "syslog, pid": _before("Aug 21 22:37:47 coyote kernel[0]: "),
    "syslog, Spanish": _before("dic 21 22:37:47 coyote kernel: "),
    "syslog, French": _before("févr. 21 22:37:47 coyote kernel: "),
    "syslog, Russian": _before("дек 21 22:37:47 coyote kernel: "),
    "rsyslog": _before("2026-11-21T22:37:47.123456+00:00 board kernel: "),
    "rsyslog, no tag": _before("2026-11-21T22:37:47.123456+00:00 board "),
    "RFC 5424": _before("<4>1 2026-11-21T22:37:47.123456+01:00 board kernel - - - "),
    "journalctl -o short-full": _before("Fri 2026-11-21 22:37:47 CET board kernel: "),
    "journalctl -o short-iso": _before("2026-11-21T22:37:47+0100 board kernel: "),
    "journalctl -o short-unix": _before("1766711000.123456 board kernel: "),
    "OpenWrt logread": _before("Fri Dec 26 01:02:03 2025 kern.alert kernel: "),
    "logcat": _before("09-04 12:00:00.123     0     0 E         : "),
    "logcat, tag": _before("09-04 12:00:00.123     0     0 E kernel  : "),
    "logcat, brief": _before("E/kernel  (    0): "),
    "VMware": _before("2023-12-04T10:49:30.127Z In(05) vcpu-5 - Guest: <3>"),
    "KernelCI": _before("2023-01-21T19:56:01.769381  "),
    "LAVA": _before("2023-01-21T19:56:01.769381  kern  :alert : "),
    "GitHub Actions": _before("2026-11-21T22:37:47.1234567Z "),
    "GitLab, raw": _before("2026-11-21T22:37:47.123456Z 01O "),
    "Jenkins": _before("[2026-11-21T22:37:47.123Z] "),
    "serial logger": _before("2026-11-21 22:37:47,123 DEBUG ttyUSB0: "),
    "serial logger, brackets": _before("[22:37:47.123] "),
    "minicom": _before("[2026-11-21 22:37:47] "),
    "ts": _before("Nov 21 22:37:47 "),
    "conserver": _before("[Fri Nov 21 22:37:47 2026]"),
    "labgrid": _before("board> "),
    "number of the line": _before("   1234\t"),
    "grep -n": _before("1234:"),
    "grep file": _before("/var/log/kern.log:1234:"),
    "docker": _before("console_1  | "),
    "quoted": _before("> "),
    "quoted twice": _before("> > "),
    "quoted tightly": _before(">> "),
    "code block": _before("    "),
    "tab": _before("\t"),
    "diff": _before(" "),
    "Markdown list": _before("* "),
    "last_kmsg": _before("<6>"),
    "ramoops": lambda log: "Panic#1 Part1\n" + stamped(log, prefix="<4>"),
    "netconsole, extended": _records("", "4,500,{us},-;{line}\n"),
    "netconsole, release": _records("", "6.4.0-rc1+,4,500,{us},-;{line}\n"),
    "netconsole, fragments": _fragments,
    "/dev/kmsg": _records("", "1,500,{us},-;{line}\n SUBSYSTEM=mm\n"),
    "short-monotonic": lambda log: stamped(log).replace("000] ", "000] board kernel: "),
    "CRLF": lambda log: stamped(log).replace("\n", "\r\n"),
    "CR CR LF": lambda log: stamped(log).replace("\n", "\r\r\n"),
    "tabs": lambda log: stamped(log).replace("]  ", "]\t"),
    "no-break spaces": lambda log: stamped(log).replace("  ", " \u00a0"),
    "HTML": lambda log: "<pre>\n" + html.escape(stamped(log)) + "</pre>\n",
    "colours": _coloured,
    "quoted-printable": lambda log: _octets(stamped(log, prefix="> ")),
    "json, Docker's": _each(
        lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-21"})
    ),
    "json, Fluentd's": _each(lambda line: json.dumps({"ident": "kernel", "message": line})),
    "json, in a YAML list": _each(
        lambda line: "- " + json.dumps({"dt": "2023-01-21T19:56:01", "lvl": "target", "msg": line})
    ),
    "json, Loki's": _each(lambda line: json.dumps({"line": line, "fields": {}, "timestamp": "1"})),
    "json, Elasticsearch's": _each(
        lambda line: json.dumps({"_index": "x", "_source": {"host": {"a": 1}, "message": line}})
    ),
    "json, Google Cloud's": _each(lambda line: json.dumps({"textPayload": line, "labels": {}})),
    "json, events": _each(lambda line: "data: " + json.dumps({"MESSAGE": line})),
    "csv": _each(lambda line: f'"7","{line}"'),
    "a list of strings": _each(lambda line: f'        "{line}",'),
    "bold": _each(lambda line: f"**{line}**"),
    "web page, lines": _each(lambda line: f"{line}<br>"),
    "web page, parts": _each(lambda line: f'<div class="line">{line}</div>'),
    "MediaTek": lambda log: stamped(log).replace("000] ", "000] <1>.(2)[333:kworker/2:1]"),
    "Samsung": lambda log: stamped(log).replace("000] ", "000] I[0:      swapper/0:    1] "),
    "Huawei": _clock("<4>[  {t}s][2000:01:01 00:00:12][pid:1,cpu0,swapper/0]"),
    "HTC": _clock("<3>[  {t} / 01-02 03:04:05.678] "),
    "Amlogic": _clock("[  {t}@1] "),
    "Spreadtrum": _clock("<4>[  {t}] c1   1234 "),
    "a prompt first": _first("root@board1:/tmp# "),
    "a test's name first": _first("test 12 ... "),
    "a prompt, and another form first": lambda log: (
        "07-10 02-04-24】root@OpenWrt:/# " + stamped(log, prefix="【07-10 02-04-24】")[16:]
    ),
    "Kubernetes": _before("2021-01-01T00:00:00.123456789Z stdout F "),
    "padded": lambda log: stamped(log).replace("\n", " " * 40 + "\n"),
    "no indentation": lambda log: stamped("\n".join(map(str.lstrip, log.splitlines()))),
    "terminal": _terminal,
    "mailer": _mailer,
    "dmesg --json": _records(
        '{\n   "dmesg": [\n',
        '      {\n         "pri": 1,\n         "time":   100.000000,\n         "msg": {json}\n'
        "      },\n",
        "   ]\n}\n",
    ),
    "journalctl -o json": _records(
        "", '{"_BOOT_ID":"58","_SOURCE_MONOTONIC_TIMESTAMP":"{us}","MESSAGE":{json}}\n'
    ),
    "journalctl -o json-pretty": _records(
        "",
        '{\n\t"_BOOT_ID" : "58",\n\t"_SOURCE_MONOTONIC_TIMESTAMP" : "{us}",\n'
        '\t"MESSAGE" : {json},\n\t"PRIORITY" : "1"\n}\n',
    ),
    "journalctl -o export": _records(
        "",
        "__CURSOR=s=1\n__MONOTONIC_TIMESTAMP={us}\n_BOOT_ID=58\n_TRANSPORT=kernel\n"
        "PRIORITY=1\nMESSAGE={line}\n\n",
    ),
    "journalctl -o verbose": _records(
        "",
        "Fri 2026-11-21 22:37:47.123456 CET [s=58;i=1;b=58]\n    _TRANSPORT=kernel\n"
        "    __MONOTONIC_TIMESTAMP={us}\n    PRIORITY=1\n    MESSAGE={line}\n",
    ),
}
# Without
UNSTAMPED: dict[str, Form] = {
    "nothing": _before("", stamp=False),
    "kernel:": _before("kernel: ", stamp=False),
    "syslog": _before("Aug 21 22:37:47 coyote kernel: ", stamp=False),
    "journalctl, German": _before("Dez 21 22:37:47 coyote kernel: ", stamp=False),
    "journalctl, one kernel with pid": _before("Dez 21 22:37:47 coyote kernel[1]: ", stamp=False),
    "a test's name first": lambda log: f"test 12 ... {log}",
    "Kubernetes": _before("2021-01-01T00:00:00.123456789Z stderr F ", stamp=False),
    "dmesg -T": _before("[Fri Aug 21 22:37:47 2009] ", stamp=False),
    "dmesg -T, German": _before("[Fr Dez 21 22:37:47 2009] ", stamp=False),
    "dmesg -d": _before("[  +0.{i}] ", stamp=False),
    "dmesg -d, angle brackets": _before("[<    0.{i}>] ", stamp=False),
    "dmesg -H": lambda log: (
        "[Aug21 22:37] "
        + "".join(
            f"{'[  +0.000012] ' if i else ''}{line}\n" for i, line in enumerate(log.splitlines())
        )
    ),
    "cut stamp": lambda log: stamped(log).lstrip("[ "),
    "macOS-like": _before("2026-11-21 22:37:47.123456+0100 localhost kernel[0]: ", stamp=False),
    "hypervisor": _before("(XEN) d1v0 ", stamp=False),
    "YAML block": _before("      ", stamp=False),
}
