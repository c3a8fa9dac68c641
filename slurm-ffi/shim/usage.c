/*
 * libslurm behind fixed signatures: Slurm's own sums of use, as sreport shows them.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* One number out of three lists inside each other. */
struct cell {
	const slurmdb_report_assoc_rec_t *row;
	const slurmdb_tres_rec_t *tres;
};

struct shim_usage_reply {
	list_of *clusters;
	struct cell *cells;
	size_t count;
	size_t room;
};

static int keep(shim_usage_reply *reply, const slurmdb_report_assoc_rec_t *row,
		const slurmdb_tres_rec_t *tres)
{
	if (reply->count == reply->room) {
		size_t room = reply->room ? 2 * reply->room : 64;
		struct cell *cells = realloc(reply->cells, room * sizeof(*cells));

		if (!cells)
			return ENOMEM;
		reply->cells = cells;
		reply->room = room;
	}
	reply->cells[reply->count++] = (struct cell) { .row = row, .tres = tres };
	return 0;
}

static int keep_row(shim_usage_reply *reply, const slurmdb_report_assoc_rec_t *row)
{
	void *item;
	void *iterator;
	int code = 0;

	if (!row->tres_list)
		return 0;
	iterator = slurm_list_iterator_create(row->tres_list);
	while (!code && (item = slurm_list_next(iterator)))
		code = keep(reply, row, item);
	slurm_list_iterator_destroy(iterator);
	return code;
}

static int keep_cluster(shim_usage_reply *reply, const slurmdb_report_cluster_rec_t *cluster)
{
	void *item;
	void *iterator;
	int code = 0;

	if (!cluster->assoc_list)
		return 0;
	iterator = slurm_list_iterator_create(cluster->assoc_list);
	while (!code && (item = slurm_list_next(iterator)))
		code = keep_row(reply, item);
	slurm_list_iterator_destroy(iterator);
	return code;
}

int shim_db_usage(shim_db *db, const char *cluster, int64_t from, int64_t until,
		  shim_usage_reply **reply)
{
	slurmdb_assoc_cond_t wanted;
	shim_usage_reply *made;
	void *item, *iterator;
	int code;

	*reply = NULL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return ENOMEM;
	memset(&wanted, 0, sizeof(wanted));
	wanted.cluster_list = slurm_list_create(NULL);
	slurm_list_append(wanted.cluster_list, (void *) cluster);
	wanted.usage_start = (time_t) from;
	wanted.usage_end = (time_t) until;
	/* Without the first there are no rows at all; the second is for who has left meanwhile. */
#if RELEASE_FROM(24, 11)
	wanted.flags = ASSOC_COND_FLAG_WITH_USAGE | ASSOC_COND_FLAG_WITH_DELETED;
#else
	wanted.with_usage = 1;
	wanted.with_deleted = 1;
#endif
	errno = 0;
	made->clusters = (list_of *) slurmdb_report_cluster_account_by_user(db, &wanted);
	code = made->clusters ? 0 : last_error();
	slurm_list_destroy(wanted.cluster_list);
	if (!code) {
		iterator = slurm_list_iterator_create(made->clusters);
		while (!code && (item = slurm_list_next(iterator)))
			code = keep_cluster(made, item);
		slurm_list_iterator_destroy(iterator);
	}
	if (code)
		shim_free_usage(made);
	else
		*reply = made;
	return code;
}

size_t shim_usage_count(const shim_usage_reply *reply)
{
	return reply->count;
}

void shim_usage_view(const shim_usage_reply *reply, size_t index, shim_usage *view)
{
	const struct cell *cell = &reply->cells[index];

	*view = (shim_usage) {
		.seconds = cell->tres->alloc_secs,
		.account = cell->row->acct,
		.user = cell->row->user,
		.tres = cell->tres->id,
	};
}

void shim_free_usage(shim_usage_reply *reply)
{
	if (reply->clusters)
		slurm_list_destroy(reply->clusters); /* with what lies in it */
	free(reply->cells);
	free(reply);
}
