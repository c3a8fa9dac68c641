/*
 * libslurm behind fixed signatures: slurmdbd's side. See shim.h for the rules.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

int rows_from(list_of *list, shim_rows **rows)
{
	int code = last_error();
	int count;
	shim_rows *made;
	void *iterator, *item;

	*rows = NULL;
	if (!list)
		return code;
	count = slurm_list_count(list);
	made = malloc(sizeof(*made) + (size_t) count * sizeof(made->items[0]));
	if (!made) {
		slurm_list_destroy(list);
		return ENOMEM;
	}
	made->list = list;
	made->count = 0;
	iterator = slurm_list_iterator_create(list);
	while (made->count < (size_t) count && (item = slurm_list_next(iterator)))
		made->items[made->count++] = item;
	slurm_list_iterator_destroy(iterator);
	*rows = made;
	return 0;
}

size_t shim_row_count(const shim_rows *rows)
{
	return rows->count;
}

void shim_free_rows(shim_rows *rows)
{
	slurm_list_destroy(rows->list); /* libslurm gave the list its records' destructor */
	free(rows);
}

int shim_db_open(shim_db **db)
{
	uint16_t flags = 0;
	void *connection;
	int code;

	*db = NULL;
	errno = 0;
	connection = slurmdb_connection_get(&flags);
	code = errno;
	/* The answer is not NULL even when nobody is there: only errno tells. */
	if (connection && code)
		slurmdb_connection_close(&connection);
	if (code)
		return code;
	if (!connection)
		return SHIM_UNKNOWN;
	*db = connection;
	return 0;
}

void shim_db_close(shim_db *db)
{
	void *connection = db;

	slurmdb_connection_close(&connection);
}

/* What both queries for jobs have in common. Lists without destructors: their items stay ours. */
static void begin_jobs(slurmdb_job_cond_t *wanted, const char *cluster)
{
	memset(wanted, 0, sizeof(*wanted));
	wanted->cluster_list = slurm_list_create(NULL);
	slurm_list_append(wanted->cluster_list, (void *) cluster);
	/* Zero would select rows without scheduling flags only: none at all. */
	wanted->db_flags = SLURMDB_JOB_FLAG_NOTSET;
	wanted->flags = JOBCOND_FLAG_DUP | JOBCOND_FLAG_NO_STEP | JOBCOND_FLAG_NO_TRUNC |
			JOBCOND_FLAG_NO_DEFAULT_USAGE;
}

int shim_db_records(shim_db *db, const char *cluster, const uint32_t *job_ids, size_t job_count,
		    shim_rows **rows)
{
	slurmdb_job_cond_t wanted;
	slurm_selected_step_t *jobs;
	int code;

	*rows = NULL;
	jobs = calloc(job_count ? job_count : 1, sizeof(*jobs));
	if (!jobs)
		return ENOMEM;
	begin_jobs(&wanted, cluster);
	wanted.step_list = slurm_list_create(NULL);
	for (size_t i = 0; i < job_count; i++) {
		jobs[i].array_task_id = NO_VAL;
		jobs[i].het_job_offset = NO_VAL;
		jobs[i].step_id.job_id = job_ids[i];
		jobs[i].step_id.step_id = NO_VAL;
		jobs[i].step_id.step_het_comp = NO_VAL;
		slurm_list_append(wanted.step_list, &jobs[i]);
	}
	errno = 0;
	code = rows_from((list_of *) slurmdb_jobs_get(db, &wanted), rows);
	slurm_list_destroy(wanted.step_list);
	slurm_list_destroy(wanted.cluster_list);
	free(jobs);
	return code;
}

/*
 * Runs in any of some states, by the time of their end. Naming the states is what brings in the jobs
 * that never became eligible: by the time alone, one that was held until its end is left out.
 */
static int jobs_ended(shim_db *db, const char *cluster, const uint32_t *states, size_t state_count,
		      int64_t from, int64_t until, shim_rows **rows)
{
	slurmdb_job_cond_t wanted;
	char texts[16][12];
	int code;

	*rows = NULL;
	begin_jobs(&wanted, cluster);
	wanted.state_list = slurm_list_create(NULL);
	for (size_t i = 0; i < state_count; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%u", states[i]);
		slurm_list_append(wanted.state_list, texts[i]);
	}
	wanted.usage_start = (time_t) from;
	wanted.usage_end = (time_t) until;
	errno = 0;
	code = rows_from((list_of *) slurmdb_jobs_get(db, &wanted), rows);
	slurm_list_destroy(wanted.state_list);
	slurm_list_destroy(wanted.cluster_list);
	return code;
}

int shim_db_preempted(shim_db *db, const char *cluster, int64_t from, int64_t until,
		      shim_rows **rows)
{
	static const uint32_t preempted[] = { JOB_PREEMPTED };

	return jobs_ended(db, cluster, preempted, 1, from, until, rows);
}

int shim_db_ended(shim_db *db, const char *cluster, int64_t from, int64_t until, shim_rows **rows)
{
	/* JOB_REQUEUE is how a run is written that was put back into the queue. */
	static const uint32_t over[] = {
		JOB_COMPLETE, JOB_CANCELLED, JOB_FAILED, JOB_TIMEOUT, JOB_NODE_FAIL, JOB_PREEMPTED,
		JOB_BOOT_FAIL, JOB_DEADLINE, JOB_OOM, JOB_REQUEUE,
	};

	return jobs_ended(db, cluster, over, sizeof(over) / sizeof(over[0]), from, until, rows);
}

void shim_record_view(const shim_rows *rows, size_t index, shim_record *view)
{
	const slurmdb_job_rec_t *job = rows->items[index];

	*view = (shim_record) {
		.db_index = job->db_index,
		.submitted_at = job->submit,
		.started_at = job->start,
		.ended_at = job->end,
		.cluster = job->cluster,
		.admin_comment = job->admin_comment,
		.account = job->account,
		.partition = job->partition,
		.user = job->user,
		.tres_alloc = job->tres_alloc_str,
		.nodes = job->nodes,
		.job_id = job->jobid,
		.uid = job->uid,
		.state = job->state,
		.suspended_s = job->suspended,
		.wait_status = job->exitcode,
		.array_job_id = job->array_job_id,
		.array_task_id = job->array_task_id,
	};
}

int shim_db_tres(shim_db *db, shim_rows **rows)
{
	slurmdb_tres_cond_t wanted;

	memset(&wanted, 0, sizeof(wanted));
	slurmdb_init_tres_cond(&wanted, 0);
	wanted.with_deleted = 1; /* old records may still name one */
	errno = 0;
	return rows_from((list_of *) slurmdb_tres_get(db, &wanted), rows);
}

void shim_tres_view(const shim_rows *rows, size_t index, shim_tres *view)
{
	const slurmdb_tres_rec_t *tres = rows->items[index];

	*view = (shim_tres) { .type = tres->type, .name = tres->name, .id = tres->id };
}

/* slurmdbd's settings as a list of names and values whose type no header shows. */
static list_of *settings_of(shim_db *db)
{
#if RELEASE_FROM(26, 5)
	slurmdbd_conf_t *conf = NULL;
	list_of *pairs;

	if (slurmdb_config_get(db, &conf))
		return NULL;
	pairs = (list_of *) slurmdb_config_get_keypairs(conf);
	slurmdbd_free_conf(conf); /* The library's, or ours in stubs.c. */
	return pairs;
#else
	return (list_of *) slurmdb_config_get(db);
#endif
}

int shim_db_settings(shim_db *db, char **text)
{
	list_of *pairs;
	FILE *out;
	size_t size = 0;

	*text = NULL;
	errno = 0;
	pairs = settings_of(db);
	if (!pairs)
		return last_error();
	out = open_memstream(text, &size);
	if (!out) {
		slurm_list_destroy(pairs);
		return ENOMEM;
	}
	slurm_print_key_pairs(out, pairs, "");
	fclose(out);
	slurm_list_destroy(pairs);
	return *text ? 0 : ENOMEM;
}

void shim_free_text(char *text)
{
	free(text);
}
