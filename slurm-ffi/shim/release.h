/*
 * What every C file of the shim needs to talk to more than one release of libslurm.
 */
#ifndef MIMER_RELEASE_H
#define MIMER_RELEASE_H

#include <errno.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#include "shim.h"

#define RELEASE_FROM(major, minor) (SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(major, minor, 0))

/* libslurm's descriptions are not const-correct; it reads these strings and keeps none of them. */
#define LENT(text) ((char *) (text))

/* The error of a call that has just failed. libslurm sometimes fails without setting errno. */
static inline int last_error(void)
{
	return errno ? errno : SHIM_UNKNOWN;
}

/* The same for calls that give -1 with errno in one release and the number itself in another. */
static inline int verdict(int code)
{
	if (!code)
		return 0;
	return code > 0 ? code : last_error();
}

#endif
