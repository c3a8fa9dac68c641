/*
 * libslurm behind fixed signatures: changes to accounts, users, associations and QOS of slurmdbd.
 *
 * Records are zeroed, initialised by Slurm to "leave as it is", and filled. Their strings and lists
 * stay ours: no list here has a destructor. See shim.h for the rules.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* What sacctmgr would ask for; nothing depends on it. */
#define ORGANIZATION "mimer"

static list_of *list_of_all(const char *const *texts, size_t count)
{
	list_of *list = (list_of *) slurm_list_create(NULL);

	for (size_t i = 0; i < count; i++)
		slurm_list_append(list, (void *) texts[i]);
	return list;
}

static list_of *list_of_one(const void *item)
{
	const char *items[] = { item };

	return list_of_all(items, 1);
}

static void drop(void *list)
{
	if (list)
		slurm_list_destroy(list);
}

/* A list of what was changed is success; "nothing changed" is success too. */
static int changed(void *list)
{
	int code = errno;

	if (list) {
		slurm_list_destroy(list);
		return 0;
	}
	if (code == SLURM_NO_CHANGE_IN_DATA)
		return 0;
	return code ? code : SHIM_UNKNOWN;
}

int shim_db_commit(shim_db *db, int keep)
{
	errno = 0;
	return verdict(slurmdb_connection_commit(db, keep != 0));
}

int shim_db_add_account(shim_db *db, const char *name, const char *description)
{
	slurmdb_account_rec_t account;
	list_of *list;
	int code;

	memset(&account, 0, sizeof(account));
	list = list_of_one(&account);
	account.name = LENT(name);
	account.description = LENT(description);
	account.organization = LENT(ORGANIZATION);
	errno = 0;
	code = verdict(slurmdb_accounts_add(db, (void *) list));
	drop(list);
	return code;
}

int shim_db_add_user(shim_db *db, const char *name, const char *account)
{
	slurmdb_user_rec_t user;
	list_of *list;
	int code;

	memset(&user, 0, sizeof(user));
	list = list_of_one(&user);
	user.name = LENT(name);
	user.default_acct = LENT(account);
	user.admin_level = SLURMDB_ADMIN_NONE;
	errno = 0;
	code = verdict(slurmdb_users_add(db, (void *) list));
	drop(list);
	return code;
}

static void fill_association(slurmdb_assoc_rec_t *record, const shim_association_change *change)
{
	memset(record, 0, sizeof(*record));
	slurmdb_init_assoc_rec(record, 0);
	record->grp_tres = LENT(change->limits.at_once);
	record->grp_tres_mins = LENT(change->limits.minutes);
	record->grp_jobs = change->limits.running_jobs;
	record->grp_submit_jobs = change->limits.submitted_jobs;
	record->parent_acct = LENT(change->parent);
	record->def_qos_id = change->default_qos;
	if (change->qos_count)
		record->qos_list = (void *) list_of_all(change->qos, change->qos_count);
	if (change->is_default)
		record->is_def = 1;
}

int shim_db_add_association(shim_db *db, const shim_association_change *change)
{
	slurmdb_assoc_rec_t record;
	list_of *list;
	int code;

	fill_association(&record, change);
	list = list_of_one(&record);
	record.cluster = LENT(change->cluster);
	record.acct = LENT(change->account);
	record.user = LENT(change->user);
	errno = 0;
	code = verdict(slurmdb_associations_add(db, (void *) list));
	drop(list);
	drop(record.qos_list);
	return code;
}

/* Just that one association: "" stands for the account's own, and for "in no partition". */
static void begin_one(slurmdb_assoc_cond_t *wanted, const char *cluster, const char *account,
		      const char *user)
{
	memset(wanted, 0, sizeof(*wanted));
	wanted->cluster_list = (void *) list_of_one(cluster);
	wanted->acct_list = (void *) list_of_one(account);
	wanted->user_list = (void *) list_of_one(user ? user : "");
	wanted->partition_list = (void *) list_of_one("");
}

static void end_one(slurmdb_assoc_cond_t *wanted)
{
	drop(wanted->cluster_list);
	drop(wanted->acct_list);
	drop(wanted->user_list);
	drop(wanted->partition_list);
}

int shim_db_modify_association(shim_db *db, const shim_association_change *change)
{
	slurmdb_assoc_cond_t wanted;
	slurmdb_assoc_rec_t record;
	int code;

	begin_one(&wanted, change->cluster, change->account, change->user);
	fill_association(&record, change);
	errno = 0;
	code = changed(slurmdb_associations_modify(db, &wanted, &record));
	end_one(&wanted);
	drop(record.qos_list);
	return code;
}

int shim_db_remove_association(shim_db *db, const char *cluster, const char *account,
			       const char *user)
{
	slurmdb_assoc_cond_t wanted;
	list_of *list;
	int code;

	begin_one(&wanted, cluster, account, user);
	errno = 0;
	list = (list_of *) slurmdb_associations_remove(db, &wanted);
	code = errno;
	end_one(&wanted);
	/* With jobs there the list is not NULL: it names them, and nothing was removed. */
	if (list && code && code != SLURM_NO_CHANGE_IN_DATA) {
		slurm_list_destroy(list);
		return code;
	}
	errno = code;
	return changed(list);
}

static void fill_qos(slurmdb_qos_rec_t *record, const shim_qos_change *change)
{
	static const char *const nobody[] = { "" };

	memset(record, 0, sizeof(*record));
	/* NO_VAL, never INFINITE: that would be stored, as a preempt mode nobody knows. */
	slurmdb_init_qos_rec(record, 0, NO_VAL);
	record->description = LENT(change->description);
	record->grp_tres = LENT(change->limits.at_once);
	record->grp_tres_mins = LENT(change->limits.minutes);
	record->grp_jobs = change->limits.running_jobs;
	record->grp_submit_jobs = change->limits.submitted_jobs;
	record->priority = change->priority;
	if (change->set_victims && change->victim_count)
		record->preempt_list = (void *) list_of_all(change->victims, change->victim_count);
	else if (change->set_victims)
		record->preempt_list = (void *) list_of_all(nobody, 1);
	if (change->set_flags) {
		record->flags = change->old_flags & QOS_FLAG_BASE;
		record->flags &= ~(QOS_FLAG_NO_DECAY | QOS_FLAG_DENY_LIMIT);
		if (change->flags & SHIM_QOS_NO_DECAY)
			record->flags |= QOS_FLAG_NO_DECAY;
		if (change->flags & SHIM_QOS_DENY_ON_LIMIT)
			record->flags |= QOS_FLAG_DENY_LIMIT;
	}
}

int shim_db_add_qos(shim_db *db, const shim_qos_change *change)
{
	slurmdb_qos_rec_t record;
	list_of *list;
	int code;

	fill_qos(&record, change);
	list = list_of_one(&record);
	record.name = LENT(change->name);
	errno = 0;
	code = verdict(slurmdb_qos_add(db, (void *) list));
	drop(list);
	drop(record.preempt_list);
	return code;
}

int shim_db_modify_qos(shim_db *db, const shim_qos_change *change)
{
	slurmdb_qos_cond_t wanted;
	slurmdb_qos_rec_t record;
	int code;

	memset(&wanted, 0, sizeof(wanted));
	wanted.name_list = (void *) list_of_one(change->name);
	fill_qos(&record, change);
	errno = 0;
	code = changed(slurmdb_qos_modify(db, &wanted, &record));
	drop(wanted.name_list);
	drop(record.preempt_list);
	return code;
}
