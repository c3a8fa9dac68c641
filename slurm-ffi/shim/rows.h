/*
 * Rows from slurmdbd: a list of libslurm's, read by index. Shared by the files that talk to slurmdbd.
 */
#ifndef MIMER_ROWS_H
#define MIMER_ROWS_H

#include <slurm/slurmdb.h>

#include "release.h"

/* The list type's public name went away in 24.11; the struct behind it did not. */
typedef struct xlist list_of;

struct shim_rows {
	list_of *list;
	size_t count;
	void *items[];
};

/* Takes over `list`: an array over its items, so that they can be read by index. */
int rows_from(list_of *list, shim_rows **rows);

#endif
