"""Kernel headers made from BTF: what bcc's own text and the programs of bpf/bcc ask for."""

import re

from ktrace.kernel.btf_members import Member, Members

# What the programs of bpf/bcc read; a structure after those that it contains.
_READ = {
    "list_head": ("next",),
    "percpu_counter": ("count",),
    "mm_rss_stat": ("count",),
    "sigpending": ("signal",),
    "kernel_siginfo": ("si_code",),
    "cpu_context": ("sp",),
    "thread_struct": ("sp", "cpu_context"),
    "kernfs_node": ("name", "parent", "__parent", "id"),
    "cgroup": ("kn",),
    "cgroup_subsys_state": ("cgroup",),
    "css_set": ("subsys",),
    "mem_cgroup": ("css",),
    "cred": ("uid",),
    "super_block": ("s_id",),
    "mm_struct": ("total_vm", "pgtables_bytes", "rss_stat", "core_state"),
    "signal_struct": (
        "nr_threads",
        "thread_head",
        "shared_pending",
        "group_exit_code",
        "flags",
        "core_state",
        "oom_score_adj",
        "oom_mm",
    ),
    "task_struct": (
        "__state",
        "state",
        "flags",
        "on_cpu",
        "mm",
        "exit_state",
        "exit_code",
        "pid",
        "tgid",
        "real_parent",
        "nvcsw",
        "nivcsw",
        "start_boottime",
        "real_start_time",
        "real_cred",
        "comm",
        "signal",
        "pending",
        "cgroups",
        "thread",
        "thread_node",
    ),
    "oom_control": (
        "memcg",
        "gfp_mask",
        "order",
        "totalpages",
        "chosen",
        "chosen_points",
        "constraint",
    ),
}
# macro -> a member that BTF must have
_MEMBERS = {
    "HAVE_TASK___STATE": ("task_struct", "__state"),
    "HAVE_TASK_START_BOOTTIME": ("task_struct", "start_boottime"),
    "HAVE_TASK_ON_CPU": ("task_struct", "on_cpu"),
    "HAVE_SIGNAL_CORE_STATE": ("signal_struct", "core_state"),
    "HAVE_SIGNAL_OOM_MM": ("signal_struct", "oom_mm"),
    "HAVE_KERNFS___PARENT": ("kernfs_node", "__parent"),
    "HAVE_PGTABLES_BYTES": ("mm_struct", "pgtables_bytes"),
    "HAVE_OC_CONSTRAINT": ("oom_control", "constraint"),
    "HAVE_KERNEL_SIGINFO": ("kernel_siginfo", "si_code"),
    "HAVE_MEMCG": ("mem_cgroup", "css"),
}
_PACKED = " __attribute__((packed))"
_LINUX_TYPES = """\
#ifndef KTRACE_LINUX_TYPES_H
#define KTRACE_LINUX_TYPES_H
typedef signed char __s8; typedef unsigned char __u8;
typedef signed short __s16; typedef unsigned short __u16;
typedef signed int __s32; typedef unsigned int __u32;
typedef signed long long __s64; typedef unsigned long long __u64;
typedef __s8 s8; typedef __u8 u8; typedef __s16 s16; typedef __u16 u16;
typedef __s32 s32; typedef __u32 u32; typedef __s64 s64; typedef __u64 u64;
typedef __u16 __le16; typedef __u16 __be16; typedef __u32 __le32; typedef __u32 __be32;
typedef __u64 __le64; typedef __u64 __be64; typedef __u16 __sum16; typedef __u32 __wsum;
typedef _Bool bool; typedef unsigned long size_t;
typedef unsigned long uintptr_t; typedef int pid_t;
#define true 1
#define false 0
#define NULL ((void *)0)
#define __aligned_u64 __u64 __attribute__((aligned(8)))
#define offsetof(type, member) __builtin_offsetof(type, member)
#define __always_inline inline __attribute__((always_inline))
#endif
"""


def generate(kernel: Members, release: str) -> tuple[dict[str, str], list[str]]:
    """Headers by their name beneath include/, and macros: what bcc's own text and the programs of
    bpf/bcc ask for, and no more. Structures have their members at the offsets of BTF."""
    structures = {name: kernel.members(name, set(_READ)) for name in _READ}
    parts = ["#include <linux/types.h>", "#include <uapi/linux/ptrace.h>"]
    parts += [f"struct {name};" for name in _READ]
    for name, wanted in _READ.items():
        members = [structures[name][member] for member in wanted if member in structures[name]]
        if members:
            parts.append(_structure(name, kernel.size_of(name) or 0, members))
    subsystems = kernel.enum("cgroup_subsys_id") or {}
    if "memory_cgrp_id" in subsystems:
        parts.append(f"#define memory_cgrp_id {subsystems['memory_cgrp_id']}")
    macros = ["KTRACE_FROM_BTF"]
    macros += [macro for macro, (name, member) in _MEMBERS.items() if member in structures[name]]
    rss = structures["mm_struct"].get("rss_stat")
    if rss and rss.declaration.startswith("struct percpu_counter"):
        macros.append("HAVE_RSS_PERCPU")
    if len(kernel.tracepoint_arguments("sched_switch") or ()) > 3:
        macros.append("HAVE_SWITCH_PREV_STATE")
    if (kernel.tracepoint_arguments("mark_victim") or ())[:1] == ("ptr",):
        macros.append("HAVE_MARK_VICTIM_TASK")
    registers = kernel.members("pt_regs", set())
    guard = "#pragma once\n"
    files = {
        "ktrace_kernel.h": guard + "\n".join(parts) + "\n",
        "uapi/linux/ptrace.h": guard
        + "#include <linux/types.h>\n"
        + _structure("pt_regs", kernel.size_of("pt_regs") or 0, list(registers.values()), ""),
        "linux/types.h": _LINUX_TYPES,
        "linux/version.h": _version(release),
        "linux/kconfig.h": "#define CONFIG_BPF_SYSCALL 1\n",
    }
    for empty in (
        "asm/page.h",
        "linux/bpf_common.h",
        "linux/log2.h",
        "uapi/linux/bpf.h",  # bcc brings its own, and includes it first
        "uapi/linux/if_ether.h",
        "uapi/linux/if_packet.h",
    ):
        files[empty] = guard
    return files, macros


def _structure(name: str, size: int, members: list[Member], packed: str = _PACKED) -> str:
    """Packed, so that no alignment moves a member; but a program's context (pt_regs) may only be
    read in whole words, and compilers read packed members byte by byte."""
    lines = [f"\tunsigned char __whole[{size}];"]
    for member in members:
        pad = f"unsigned char __before_{member.name}[{member.offset}]; " if member.offset else ""
        declared = member.declaration.replace("%s", member.name, 1)
        lines.append(f"\tstruct {{ {pad}{declared}; }}{packed};")
    body = "\n".join(lines)
    return f"struct {name} {{ union {{\n{body}\n}}{packed}; }};\n"


def _version(release: str) -> str:
    numbers = [int(number) for number in re.findall(r"\d+", release)[:3]] + [0, 0, 0]
    major, minor, patch = numbers[:3]
    code = (major << 16) + (minor << 8) + min(patch, 255)
    return f"#define LINUX_VERSION_CODE {code}\n#define KERNEL_VERSION(a, b, c) " + (
        "(((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))\n"
    )
