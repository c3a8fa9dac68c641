/*
 * Asks the system for a user: the one thing here that has nothing to do with Slurm.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

#include "shim.h"

/* Above this a user's entry is broken. */
#define LARGEST_ENTRY (1 << 20)

int shim_uid_of(const char *name, uint32_t *uid)
{
	struct passwd entry, *found = NULL;
	size_t size = 4096;
	char *buffer = malloc(size);
	int code;

	*uid = 0;
	if (!buffer)
		return ENOMEM;
	while ((code = getpwnam_r(name, &entry, buffer, size, &found)) == ERANGE &&
	       size < LARGEST_ENTRY) {
		free(buffer);
		size *= 2;
		buffer = malloc(size);
		if (!buffer)
			return ENOMEM;
	}
	if (found)
		*uid = entry.pw_uid;
	free(buffer);
	if (found)
		return 0;
	/* What getpwnam(3) lists as "not found", beside 0. */
	if (!code || code == ENOENT || code == ESRCH)
		return SHIM_NO_USER;
	return code;
}
