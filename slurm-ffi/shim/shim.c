/*
 * libslurm behind fixed signatures: slurmctld's side. See shim.h for the rules.
 *
 * Every `#if` on Slurm's release lives in the C files of this folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#include "release.h"
#include "shim.h"

/* Exported by every libslurm we know, by one of these names, but in no header: looked up weakly. */
extern const char *slurm_job_reason_string(int reason) __attribute__((weak));
extern const char *slurm_job_state_reason_string(int reason) __attribute__((weak)); /* 24.11 */

uint32_t shim_header_release(void)
{
	return SLURM_VERSION_NUMBER;
}

uint32_t shim_header_api_major(void)
{
#if RELEASE_FROM(26, 5)
	return 45;
#elif RELEASE_FROM(25, 11)
	return 44;
#elif RELEASE_FROM(25, 5)
	return 43;
#elif RELEASE_FROM(24, 11)
	return 42;
#elif RELEASE_FROM(24, 5)
	return 41;
#elif RELEASE_FROM(23, 11)
	return 40;
#elif RELEASE_FROM(23, 2)
	return 39;
#else
	return 38;
#endif
}

uint32_t shim_library_api_major(void)
{
	return (uint32_t) (slurm_api_version() >> 16);
}

void shim_init(void)
{
	slurm_init(NULL);
}

void shim_error_text(int code, char *buffer, size_t size)
{
	const char *text = code == SHIM_UNKNOWN ? "no reason given" : slurm_strerror(code);

	snprintf(buffer, size, "%s", text ? text : "no text");
}

int shim_ping(void)
{
	errno = 0;
	return slurm_ping(0) ? last_error() : 0;
}

int shim_load_settings(shim_settings_reply **reply)
{
	slurm_conf_t *conf = NULL;

	*reply = NULL;
	errno = 0;
	if (slurm_load_ctl_conf((time_t) 0, &conf))
		return last_error();
	*reply = (shim_settings_reply *) conf;
	return 0;
}

void shim_settings_view(const shim_settings_reply *reply, shim_settings *view)
{
	const slurm_conf_t *conf = (const slurm_conf_t *) reply;

	*view = (shim_settings) {
		.release = conf->version,
		.cluster = conf->cluster_name,
		.accounting_storage_tres = conf->accounting_storage_tres,
		.mcs_plugin = conf->mcs_plugin,
		.mcs_parameters = conf->mcs_plugin_params,
		.job_submit_plugins = conf->job_submit_plugins,
		.preempt_type = conf->preempt_type,
		.priority_type = conf->priority_type,
		.accounting_storage_enforce = conf->accounting_storage_enforce,
		.enforce_part_limits = conf->enforce_part_limits,
		.private_data = conf->private_data,
		.prolog_flags = conf->prolog_flags,
		.first_job_id = conf->first_job_id,
		.max_job_id = conf->max_job_id,
		.min_job_age_s = conf->min_job_age,
		.slurm_user_id = conf->slurm_user_id,
		.preempt_mode = conf->preempt_mode,
		.preempt_exempt_s = conf->preempt_exempt_time,
		.priority_weight_qos = conf->priority_weight_qos,
	};
}

void shim_free_settings(shim_settings_reply *reply)
{
#if RELEASE_FROM(26, 5)
	slurm_free_conf((slurm_conf_t *) reply);
#else
	slurm_free_ctl_conf((slurm_conf_t *) reply);
#endif
}

int shim_load_nodes(shim_nodes_reply **reply)
{
	node_info_msg_t *nodes = NULL;

	*reply = NULL;
	errno = 0;
	if (slurm_load_node((time_t) 0, &nodes, SHOW_ALL))
		return last_error();
	*reply = (shim_nodes_reply *) nodes;
	return 0;
}

uint32_t shim_node_count(const shim_nodes_reply *reply)
{
	return ((const node_info_msg_t *) reply)->record_count;
}

const char *shim_node_gres(const shim_nodes_reply *reply, uint32_t index)
{
	return ((const node_info_msg_t *) reply)->node_array[index].gres;
}

void shim_free_nodes(shim_nodes_reply *reply)
{
	slurm_free_node_info_msg((node_info_msg_t *) reply);
}

int shim_load_job(uint32_t job_id, shim_jobs_reply **reply)
{
	job_info_msg_t *jobs = NULL;
	int failed;

	*reply = NULL;
	errno = 0;
#if RELEASE_FROM(26, 5)
	slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;
	id.job_id = job_id;
	failed = slurm_load_job(&jobs, id, SHOW_ALL | SHOW_DETAIL);
#else
	failed = slurm_load_job(&jobs, job_id, SHOW_ALL | SHOW_DETAIL);
#endif
	if (failed)
		return last_error();
	*reply = (shim_jobs_reply *) jobs;
	return 0;
}

int shim_load_jobs(int64_t since, shim_jobs_reply **reply)
{
	job_info_msg_t *jobs = NULL;

	*reply = NULL;
	errno = 0;
	if (slurm_load_jobs((time_t) since, &jobs, SHOW_ALL | SHOW_DETAIL))
		return last_error();
	*reply = (shim_jobs_reply *) jobs;
	return 0;
}

int64_t shim_jobs_as_of(const shim_jobs_reply *reply)
{
	return ((const job_info_msg_t *) reply)->last_update;
}

uint32_t shim_job_count(const shim_jobs_reply *reply)
{
	return ((const job_info_msg_t *) reply)->record_count;
}

static const slurm_job_info_t *job_at(const shim_jobs_reply *reply, uint32_t index)
{
	return &((const job_info_msg_t *) reply)->job_array[index];
}

void shim_job_view(const shim_jobs_reply *reply, uint32_t index, shim_job *view)
{
	const slurm_job_info_t *job = job_at(reply, index);
	const char *reason = NULL;

	if (slurm_job_state_reason_string)
		reason = slurm_job_state_reason_string((int) job->state_reason);
	else if (slurm_job_reason_string)
		reason = slurm_job_reason_string((int) job->state_reason);
	*view = (shim_job) {
		.submitted_at = job->submit_time,
		.started_at = job->start_time,
		.ended_at = job->end_time,
		.admin_comment = job->admin_comment,
		.account = job->account,
		.partition = job->partition,
		.reason_text = reason,
		.tres_alloc = job->tres_alloc_str,
		.mcs_label = job->mcs_label,
		.nodes = job->nodes,
#if RELEASE_FROM(25, 11)
		.job_id = job->step_id.job_id,
#else
		.job_id = job->job_id,
#endif
		.state = job->job_state,
		.reason = job->state_reason,
		.priority = job->priority,
		.uid = job->user_id,
		.restart_count = job->restart_cnt,
		.wait_status = job->exit_code,
		.gres_detail_count = job->gres_detail_str ? job->gres_detail_cnt : 0,
		.time_limit_min = job->time_limit,
		.array_job_id = job->array_job_id,
		.array_task_id = job->array_task_id,
	};
}

const char *shim_job_gres(const shim_jobs_reply *reply, uint32_t index, uint32_t node_index)
{
	const slurm_job_info_t *job = job_at(reply, index);

	if (!job->gres_detail_str || node_index >= job->gres_detail_cnt)
		return NULL;
	return job->gres_detail_str[node_index];
}

void shim_free_jobs(shim_jobs_reply *reply)
{
	slurm_free_job_info_msg((job_info_msg_t *) reply);
}

int shim_expand_hosts(const char *nodes, char **names)
{
	struct hostlist *hosts;
	size_t size = 0;
	FILE *text;
	char *host;

	*names = NULL;
	text = open_memstream(names, &size);
	if (!text)
		return last_error();
	hosts = slurm_hostlist_create(nodes);
	while (hosts && (host = slurm_hostlist_shift(hosts))) {
		fprintf(text, "%s\n", host);
		free(host); /* as below */
	}
	if (hosts)
		slurm_hostlist_destroy(hosts);
	if (fclose(text) || !hosts) {
		free(*names);
		*names = NULL;
		return SHIM_UNKNOWN;
	}
	return 0;
}

int shim_host_at(const char *nodes, uint32_t index, char *buffer, size_t size)
{
	int code = SHIM_UNKNOWN;
	struct hostlist *hosts = slurm_hostlist_create(nodes); /* the typedef lost its `*` in 24.11 */

	if (!hosts)
		return code;
	for (uint32_t skipped = 0;; skipped++) {
		char *host = slurm_hostlist_shift(hosts);

		if (!host)
			break;
		if (skipped == index) {
			int length = snprintf(buffer, size, "%s", host);

			code = length >= 0 && (size_t) length < size ? 0 : SHIM_UNKNOWN;
		}
		free(host); /* slurm_hostlist_shift: "must be freed with free()" */
		if (skipped == index)
			break;
	}
	slurm_hostlist_destroy(hosts);
	return code;
}
