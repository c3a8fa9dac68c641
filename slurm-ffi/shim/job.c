/*
 * libslurm behind fixed signatures: one job made, changed, ended, or only asked about.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "release.h"

/* Exported by every libslurm we know but in no header: looked up weakly, so that it may vanish. */
extern void slurm_free_will_run_response_msg(void *answer) __attribute__((weak));

static void set_job_id(job_desc_msg_t *job, uint32_t job_id)
{
#if RELEASE_FROM(25, 11)
	job->step_id.job_id = job_id;
#else
	job->job_id = job_id;
#endif
}

int shim_submit(const shim_submission *submission, uint32_t *job_id)
{
	job_desc_msg_t job;
	submit_response_msg_t *answer = NULL;

	*job_id = 0;
	memset(&job, 0, sizeof(job));
	slurm_init_job_desc_msg(&job);
	if (submission->job_id)
		set_job_id(&job, submission->job_id);
	job.admin_comment = LENT(submission->admin_comment);
	job.account = LENT(submission->account);
	job.partition = LENT(submission->partition);
	job.qos = LENT(submission->qos);
	job.reservation = LENT(submission->reservation);
	job.array_inx = LENT(submission->array);
	job.deadline = submission->deadline;
	job.begin_time = submission->begin_at;
	if (submission->whole_node)
		job.shared = JOB_SHARED_NONE;
	job.name = LENT(submission->name);
	job.tres_per_node = LENT(submission->tres_per_node);
	job.work_dir = LENT(submission->work_dir);
	job.std_in = LENT("/dev/null");
	job.std_out = LENT(submission->std_out);
	job.std_err = LENT(submission->std_err);
	job.script = LENT(submission->script);
	job.environment = (char **) submission->environment;
	job.env_size = submission->environment_count;
	job.user_id = submission->uid;
	job.group_id = submission->gid;
	job.time_limit = submission->time_limit_min;
	job.min_nodes = 1;
	job.max_nodes = 1;
	job.num_tasks = 1;
	job.min_cpus = submission->cpu_count;
	job.cpus_per_task = (uint16_t) submission->cpu_count;
	if (submission->memory_mib)
		job.pn_min_memory = submission->memory_mib;
	job.priority = 0; /* held, but by its user: shim_hold follows */
	job.requeue = 0;

	errno = 0;
	if (slurm_submit_batch_job(&job, &answer) || !answer)
		return last_error();
	/* answer->error_code is only a warning here, such as ESLURM_JOB_HELD. */
#if RELEASE_FROM(25, 11)
	*job_id = answer->step_id.job_id;
#else
	*job_id = answer->job_id;
#endif
	slurm_free_submit_response_response_msg(answer);
	return 0;
}

static void begin_update(job_desc_msg_t *job, uint32_t job_id)
{
	memset(job, 0, sizeof(*job));
	slurm_init_job_desc_msg(job);
	set_job_id(job, job_id);
}

static int send_update(job_desc_msg_t *job)
{
	errno = 0;
	return verdict(slurm_update_job(job));
}

static int update_priority(uint32_t job_id, uint32_t priority, uint32_t hold)
{
	job_desc_msg_t job;

	begin_update(&job, job_id);
	job.priority = priority;
	job.alloc_sid = hold; /* on an update this field carries the kind of hold */
	return send_update(&job);
}

int shim_hold(uint32_t job_id)
{
	return update_priority(job_id, 0, ALLOC_SID_ADMIN_HOLD);
}

int shim_release(uint32_t job_id)
{
	/* INFINITE lets slurmctld compute it: what `scontrol release` sends. */
	return update_priority(job_id, INFINITE, 0);
}

int shim_cancel(uint32_t job_id)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", job_id);
	errno = 0;
	return verdict(slurm_kill_job2(text, SIGKILL, 0, NULL)); /* 26.05 returns the number itself */
}

int shim_suspend(uint32_t job_id)
{
	errno = 0;
#if RELEASE_FROM(26, 5)
	slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;
	id.job_id = job_id;
	return verdict(slurm_suspend(id));
#else
	return verdict(slurm_suspend(job_id));
#endif
}

int shim_resume(uint32_t job_id)
{
	errno = 0;
#if RELEASE_FROM(26, 5)
	slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;
	id.job_id = job_id;
	return verdict(slurm_resume(id));
#else
	return verdict(slurm_resume(job_id));
#endif
}

int shim_requeue(uint32_t job_id)
{
	errno = 0;
#if RELEASE_FROM(26, 5)
	slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;
	id.job_id = job_id;
	return verdict(slurm_requeue(id, 0));
#else
	return verdict(slurm_requeue(job_id, 0));
#endif
}

int shim_set_time_limit(uint32_t job_id, uint32_t minutes)
{
	job_desc_msg_t job;

	begin_update(&job, job_id);
	job.time_limit = minutes;
	return send_update(&job);
}

int shim_nudge(uint32_t job_id)
{
	job_desc_msg_t job;

	begin_update(&job, job_id);
	return send_update(&job);
}

int shim_change_qos(uint32_t job_id, const char *qos)
{
	job_desc_msg_t job;

	begin_update(&job, job_id);
	job.qos = LENT(qos);
	return send_update(&job);
}

int shim_ask(uint32_t uid, uint32_t gid, const char *partition, const char *account)
{
	static char *environment[] = { "PATH=/usr/bin:/bin" };
	job_desc_msg_t job;
	will_run_response_msg_t *answer = NULL;

	memset(&job, 0, sizeof(job));
	slurm_init_job_desc_msg(&job);
	job.name = LENT("door");
	job.account = LENT(account);
	job.partition = LENT(partition);
	job.script = LENT("#!/bin/sh\n");
	job.work_dir = LENT("/");
	job.environment = environment;
	job.env_size = 1;
	job.user_id = uid;
	job.group_id = gid;
	job.time_limit = 1;
	job.min_nodes = 1;
	job.num_tasks = 1;
	errno = 0;
	if (slurm_job_will_run2(&job, &answer))
		return last_error();
	if (answer && slurm_free_will_run_response_msg)
		slurm_free_will_run_response_msg(answer);
	return 0;
}
