// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's types: its own BTF, a file's, or what was built into the agent. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "agent.h"

static char path[256]; /* "": the kernel's own */
static struct btf *types;

/* libbpf reads types from a path */
static void use_embedded(void)
{
	size_t size = embedded_btf.end - embedded_btf.begin;
	int fd = memfd_create("btf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, embedded_btf.begin, size) != (ssize_t)size)
		die("cannot keep the kernel's types: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
}

bool open_types(const char *named)
{
	if (named)
		snprintf(path, sizeof(path), "%s", named);
	else if (access("/sys/kernel/btf/vmlinux", R_OK) && embedded_btf.begin != embedded_btf.end)
		use_embedded();
	else if (access("/sys/kernel/btf/vmlinux", R_OK))
		die("this kernel has no BTF: make it from its vmlinux (ktrace btf make), and give "
		    "it "
		    "with -b or build it in");
	return !path[0];
}

const char *types_path(void)
{
	return path[0] ? path : NULL;
}

struct btf *kernel_types(void)
{
	if (!types)
		types = path[0] ? btf__parse(path, NULL) : btf__load_vmlinux_btf();
	if (!types)
		die("cannot read the kernel's types: %s", strerror(errno));
	return types;
}

void close_types(void)
{
	btf__free(types);
	types = NULL;
}
