/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdio.h>
#include <stdlib.h>

/* Say why, from errno, and end. */
static inline void fail(const char *what)
{
	perror(what);
	exit(2);
}
