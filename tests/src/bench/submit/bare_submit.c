/*
 * What libslurm alone can do: threads that submit held jobs as fast as slurmctld takes them.
 *
 * bare_submit THREADS FIRST_ID COUNT UID GID ACCOUNT PARTITION WORK_DIR HOLD
 *
 * The jobs are those that the gateway submits in the same bench: the same ids, mark and script.
 * With HOLD 1 each job is held by an administrator afterwards, as the gateway does. Prints the
 * seconds from the first submission to the last answer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

static char **arguments;
static atomic_uint next_id;
static unsigned end_id;
static atomic_uint failures;

static unsigned number(int index)
{
	return (unsigned) strtoul(arguments[index], NULL, 10);
}

static int submit(unsigned job_id)
{
	static char *environment[] = { "PATH=/usr/bin:/bin" };
	char key[64];
	job_desc_msg_t job;
	submit_response_msg_t *answer = NULL;

	snprintf(key, sizeof(key), "mimer:bench:%u", job_id);
	slurm_init_job_desc_msg(&job);
	job.job_id = job_id;
	job.admin_comment = key;
	job.user_id = number(4);
	job.group_id = number(5);
	job.account = arguments[6];
	job.partition = arguments[7];
	job.work_dir = arguments[8];
	job.name = "bench";
	job.script = "#!/bin/sh\ntrue\n";
	job.std_in = job.std_out = job.std_err = "/dev/null";
	job.environment = environment;
	job.env_size = 1;
	job.time_limit = 2;
	job.min_nodes = job.max_nodes = 1;
	job.num_tasks = job.min_cpus = job.cpus_per_task = 1;
	job.tres_per_node = "gres:gpu:h200:1";
	job.priority = 0;
	job.requeue = 0;
	if (slurm_submit_batch_job(&job, &answer))
		return errno ? errno : -1;
	slurm_free_submit_response_response_msg(answer);
	if (!number(9))
		return 0;
	slurm_init_job_desc_msg(&job);
	job.job_id = job_id;
	job.priority = 0;
	job.alloc_sid = ALLOC_SID_ADMIN_HOLD;
	return slurm_update_job(&job) ? errno : 0;
}

static void *work(void *unused)
{
	unsigned job_id;

	(void) unused;
	while ((job_id = atomic_fetch_add(&next_id, 1)) < end_id) {
		int code = submit(job_id);

		if (code) {
			fprintf(stderr, "job %u: %s\n", job_id, slurm_strerror(code));
			atomic_fetch_add(&failures, 1);
		}
	}
	return NULL;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

int main(int count, char **given)
{
	pthread_t threads[64];
	unsigned thread_count;
	double begun;

	if (count != 10) {
		fprintf(stderr, "nine arguments are expected\n");
		return 2;
	}
	arguments = given;
	thread_count = number(1) < 64 ? number(1) : 64;
	next_id = number(2);
	end_id = number(2) + number(3);
	slurm_init(NULL);
	begun = now();
	for (unsigned i = 0; i < thread_count; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (unsigned i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
	printf("%.6f\n", now() - begun);
	return failures ? 1 : 0;
}
