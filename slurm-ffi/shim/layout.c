/*
 * What the C compiler made of shim.h: sizes and offsets, for the ABI test.
 */
#include "shim.h"

#define SIZE_OF(type) { #type, 0, sizeof(type) }
#define FIELD(type, field) \
	{ #type "." #field, offsetof(type, field), sizeof(((type *) 0)->field) }

static const shim_field layout[] = {
	SIZE_OF(shim_settings),
	FIELD(shim_settings, release),
	FIELD(shim_settings, cluster),
	FIELD(shim_settings, accounting_storage_tres),
	FIELD(shim_settings, mcs_plugin),
	FIELD(shim_settings, mcs_parameters),
	FIELD(shim_settings, job_submit_plugins),
	FIELD(shim_settings, accounting_storage_enforce),
	FIELD(shim_settings, enforce_part_limits),
	FIELD(shim_settings, private_data),
	FIELD(shim_settings, prolog_flags),
	FIELD(shim_settings, first_job_id),
	FIELD(shim_settings, max_job_id),
	FIELD(shim_settings, min_job_age_s),
	FIELD(shim_settings, slurm_user_id),

	SIZE_OF(shim_job),
	FIELD(shim_job, submitted_at),
	FIELD(shim_job, started_at),
	FIELD(shim_job, ended_at),
	FIELD(shim_job, admin_comment),
	FIELD(shim_job, account),
	FIELD(shim_job, partition),
	FIELD(shim_job, reason_text),
	FIELD(shim_job, tres_alloc),
	FIELD(shim_job, mcs_label),
	FIELD(shim_job, nodes),
	FIELD(shim_job, job_id),
	FIELD(shim_job, state),
	FIELD(shim_job, reason),
	FIELD(shim_job, priority),
	FIELD(shim_job, uid),
	FIELD(shim_job, restart_count),
	FIELD(shim_job, wait_status),
	FIELD(shim_job, gres_detail_count),

	SIZE_OF(shim_submission),
	FIELD(shim_submission, admin_comment),
	FIELD(shim_submission, account),
	FIELD(shim_submission, partition),
	FIELD(shim_submission, qos),
	FIELD(shim_submission, name),
	FIELD(shim_submission, tres_per_node),
	FIELD(shim_submission, work_dir),
	FIELD(shim_submission, std_out),
	FIELD(shim_submission, std_err),
	FIELD(shim_submission, script),
	FIELD(shim_submission, environment),
	FIELD(shim_submission, memory_mib),
	FIELD(shim_submission, environment_count),
	FIELD(shim_submission, job_id),
	FIELD(shim_submission, uid),
	FIELD(shim_submission, gid),
	FIELD(shim_submission, time_limit_min),
	FIELD(shim_submission, cpu_count),

	SIZE_OF(shim_record),
	FIELD(shim_record, db_index),
	FIELD(shim_record, submitted_at),
	FIELD(shim_record, started_at),
	FIELD(shim_record, ended_at),
	FIELD(shim_record, cluster),
	FIELD(shim_record, admin_comment),
	FIELD(shim_record, account),
	FIELD(shim_record, partition),
	FIELD(shim_record, user),
	FIELD(shim_record, tres_alloc),
	FIELD(shim_record, nodes),
	FIELD(shim_record, job_id),
	FIELD(shim_record, uid),
	FIELD(shim_record, state),
	FIELD(shim_record, suspended_s),
	FIELD(shim_record, wait_status),

	SIZE_OF(shim_association),
	FIELD(shim_association, cluster),
	FIELD(shim_association, account),
	FIELD(shim_association, parent),
	FIELD(shim_association, user),
	FIELD(shim_association, partition),

	SIZE_OF(shim_tres),
	FIELD(shim_tres, type),
	FIELD(shim_tres, name),
	FIELD(shim_tres, id),

	SIZE_OF(shim_field),
	FIELD(shim_field, name),
	FIELD(shim_field, offset),
	FIELD(shim_field, size),
};

const shim_field *shim_layout(size_t *count)
{
	*count = sizeof(layout) / sizeof(layout[0]);
	return layout;
}
