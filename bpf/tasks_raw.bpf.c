// SPDX-License-Identifier: GPL-2.0-or-later
/* tasks.bpf.c for kernels without BTF of their own: raw tracepoints, and a walk without iterator.
 */
#define WITHOUT_KERNEL_BTF
#include "tasks.bpf.c"
