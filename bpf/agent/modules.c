// SPDX-License-Identifier: GPL-2.0-or-later
/* Facts about hooks and modules that ktrace/probes/ladder.py knows, too. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "agent.h"

bool hook_needs_own_btf(const char *hook)
{
	static const char *const hooks[] = { "fentry", "fexit", "tp_btf", "iter" };

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (!strcmp(hook, hooks[i]))
			return true;
	}
	return false;
}

const char *module_of(const char *function)
{
	for (const struct hooked_module *known = hooked_modules; known->function; known++) {
		if (!strcmp(known->function, function))
			return known->module;
	}
	return NULL;
}

/* A number that changes when the module is loaded anew: kernfs gives a new inode to each folder. */
unsigned long module_instance(const char *module)
{
	char path[128], state[16];
	struct stat folder;

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", module);
	if (read_text(path, state, sizeof(state)) < 0 || strncmp(state, "live", 4))
		return 0;
	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return stat(path, &folder) ? 0 : folder.st_ino;
}
