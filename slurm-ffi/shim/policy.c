/*
 * libslurm behind fixed signatures: accounts, users, associations and QOS of slurmdbd, as they are.
 * policy_change.c changes them. See shim.h for the rules.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* Exported by every libslurm we know, as what its own plugins use, but in no header. */
extern int64_t slurm_bit_size(bitstr_t *bits);
extern int slurm_bit_test(bitstr_t *bits, int64_t bit);

/* A list of one string, which stays ours. */
static list_of *list_of_one(const char *text)
{
	list_of *list = (list_of *) slurm_list_create(NULL);

	slurm_list_append(list, (void *) text);
	return list;
}

static void drop(void *list)
{
	if (list)
		slurm_list_destroy(list);
}

int shim_db_associations(shim_db *db, const char *cluster, const char *account, const char *user,
			 shim_rows **rows)
{
	slurmdb_assoc_cond_t wanted;
	int code;

	memset(&wanted, 0, sizeof(wanted));
	wanted.cluster_list = list_of_one(cluster);
	if (account)
		wanted.acct_list = list_of_one(account);
	if (user)
		wanted.user_list = list_of_one(user);
	/* What is set on each association, not what it gets from those above it. */
#if RELEASE_FROM(24, 11)
	wanted.flags = ASSOC_COND_FLAG_WOPL | ASSOC_COND_FLAG_RAW_QOS;
#else
	wanted.without_parent_limits = 1;
	wanted.with_raw_qos = 1;
#endif
	errno = 0;
	code = rows_from((list_of *) slurmdb_associations_get(db, &wanted), rows);
	drop(wanted.cluster_list);
	drop(wanted.acct_list);
	drop(wanted.user_list);
	return code;
}

void shim_association_view(const shim_rows *rows, size_t index, shim_association *view)
{
	const slurmdb_assoc_rec_t *association = rows->items[index];

	*view = (shim_association) {
		.cluster = association->cluster,
		.account = association->acct,
		.parent = association->parent_acct,
		.user = association->user,
		.partition = association->partition,
		.limits = {
			.at_once = association->grp_tres,
			.minutes = association->grp_tres_mins,
			.running_jobs = association->grp_jobs,
			.submitted_jobs = association->grp_submit_jobs,
		},
		.default_qos = association->def_qos_id,
		.is_default = association->is_def == 1,
	};
}

size_t shim_association_qos(const shim_rows *rows, size_t index, uint32_t *ids, size_t room)
{
	const slurmdb_assoc_rec_t *association = rows->items[index];
	size_t count = 0;
	void *iterator;
	const char *text;

	if (!association->qos_list)
		return 0;
	iterator = slurm_list_iterator_create(association->qos_list);
	while ((text = slurm_list_next(iterator))) {
		/* "+5" adds to the parent's; "-5" takes away from them. */
		if (text[0] == '+')
			text++;
		if (text[0] < '0' || text[0] > '9')
			continue;
		if (count < room)
			ids[count] = (uint32_t) strtoul(text, NULL, 10);
		count++;
	}
	slurm_list_iterator_destroy(iterator);
	return count;
}

int shim_db_users(shim_db *db, const char *user, shim_rows **rows)
{
	slurmdb_user_cond_t wanted;
	slurmdb_assoc_cond_t named;
	int code;

	memset(&wanted, 0, sizeof(wanted));
	memset(&named, 0, sizeof(named));
	named.user_list = list_of_one(user);
	wanted.assoc_cond = &named;
	errno = 0;
	code = rows_from((list_of *) slurmdb_users_get(db, &wanted), rows);
	drop(named.user_list);
	return code;
}

int shim_db_accounts(shim_db *db, const char *account, shim_rows **rows)
{
	slurmdb_account_cond_t wanted;
	slurmdb_assoc_cond_t named;
	int code;

	memset(&wanted, 0, sizeof(wanted));
	memset(&named, 0, sizeof(named));
	named.acct_list = list_of_one(account);
	wanted.assoc_cond = &named;
	errno = 0;
	code = rows_from((list_of *) slurmdb_accounts_get(db, &wanted), rows);
	drop(named.acct_list);
	return code;
}

int shim_db_qos(shim_db *db, shim_rows **rows)
{
	slurmdb_qos_cond_t wanted;

	memset(&wanted, 0, sizeof(wanted));
	errno = 0;
	return rows_from((list_of *) slurmdb_qos_get(db, &wanted), rows);
}

void shim_qos_view(const shim_rows *rows, size_t index, shim_qos *view)
{
	const slurmdb_qos_rec_t *qos = rows->items[index];

	*view = (shim_qos) {
		.name = qos->name,
		.description = qos->description,
		.limits = {
			.at_once = qos->grp_tres,
			.minutes = qos->grp_tres_mins,
			.running_jobs = qos->grp_jobs,
			.submitted_jobs = qos->grp_submit_jobs,
		},
		.flags = qos->flags,
		.id = qos->id,
		.priority = qos->priority,
	};
}

uint32_t shim_qos_flags(uint64_t flags)
{
	return (flags & QOS_FLAG_NO_DECAY ? SHIM_QOS_NO_DECAY : 0) |
	       (flags & QOS_FLAG_DENY_LIMIT ? SHIM_QOS_DENY_ON_LIMIT : 0);
}

size_t shim_qos_victims(const shim_rows *rows, size_t index, uint32_t *ids, size_t room)
{
	const slurmdb_qos_rec_t *qos = rows->items[index];
	size_t count = 0;
	int64_t size;

	if (!qos->preempt_bitstr)
		return 0;
	size = slurm_bit_size(qos->preempt_bitstr);
	for (int64_t id = 0; id < size; id++) {
		if (!slurm_bit_test(qos->preempt_bitstr, id))
			continue;
		if (count < room)
			ids[count] = (uint32_t) id;
		count++;
	}
	return count;
}
