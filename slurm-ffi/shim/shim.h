/*
 * libslurm behind fixed signatures.
 *
 * Rust sees only what stands here: integers of fixed width, structs of our own, and opaque replies.
 * No field of a Slurm struct is named outside shim.c, so a release of Slurm that moves, renames or
 * retypes one changes shim.c and nothing else.
 *
 * Rules that hold for every function:
 *  - it returns 0, a Slurm or libc error number, or SHIM_UNKNOWN when libslurm failed without one;
 *  - on failure every out-pointer is NULL;
 *  - a `const char *` in a view is NULL or a NUL-terminated string that lives as long as the reply;
 *  - a reply is freed whole, once, by the function named for it.
 */
#ifndef MIMER_SHIM_H
#define MIMER_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define SHIM_UNKNOWN (-1)

/* The release of the headers this was built with, and the SONAME major that belongs to it. */
uint32_t shim_header_release(void);
uint32_t shim_header_api_major(void);
/* The SONAME major of the library that was loaded; callable before shim_init. */
uint32_t shim_library_api_major(void);

/* 1 when plugins can find the names of stubs.c in this program; callable before shim_init. */
int shim_stubs_are_exported(void);

/* Reads the file named by SLURM_CONF. Ends the process (exit 1) when the file cannot be parsed. */
void shim_init(void);
/* Writes the text of an error number, cut to `size` bytes with its NUL. */
void shim_error_text(int code, char *buffer, size_t size);
/* 0 when the primary controller answers. */
int shim_ping(void);

/* What the gateway compares with the broker's needs. */
typedef struct shim_settings {
	const char *release;
	const char *cluster;
	const char *accounting_storage_tres;
	const char *mcs_plugin;
	const char *mcs_parameters;
	const char *job_submit_plugins;
	const char *preempt_type;
	const char *priority_type;
	uint32_t accounting_storage_enforce;
	uint32_t enforce_part_limits;
	uint32_t private_data;
	uint32_t prolog_flags;
	uint32_t first_job_id;
	uint32_t max_job_id;
	uint32_t min_job_age_s;
	uint32_t slurm_user_id;
	uint32_t preempt_mode;
	uint32_t preempt_exempt_s; /* INFINITE or NO_VAL: not set */
	uint32_t priority_weight_qos;
} shim_settings;

typedef struct shim_settings_reply shim_settings_reply;
int shim_load_settings(shim_settings_reply **reply);
void shim_settings_view(const shim_settings_reply *reply, shim_settings *view);
void shim_free_settings(shim_settings_reply *reply);

/* The nodes, for the GPU types they have. */
typedef struct shim_nodes_reply shim_nodes_reply;
int shim_load_nodes(shim_nodes_reply **reply);
uint32_t shim_node_count(const shim_nodes_reply *reply);
/* GRES of the `index`-th node as slurm.conf has it, or NULL. */
const char *shim_node_gres(const shim_nodes_reply *reply, uint32_t index);
void shim_free_nodes(shim_nodes_reply *reply);

/* One job as slurmctld has it. Times are seconds since the epoch, sentinels included. */
typedef struct shim_job {
	int64_t submitted_at;
	int64_t started_at;
	int64_t ended_at;
	const char *admin_comment;
	const char *account;
	const char *partition;
	const char *reason_text;
	const char *tres_alloc;
	const char *mcs_label;
	const char *nodes;
	uint32_t job_id;
	uint32_t state;
	uint32_t reason;
	uint32_t priority;
	uint32_t uid;
	uint32_t restart_count;
	uint32_t wait_status;
	uint32_t gres_detail_count;
	uint32_t time_limit_min; /* INFINITE or NO_VAL: not set */
	uint32_t array_job_id;	 /* 0: not of an array */
	uint32_t array_task_id;	 /* NO_VAL: stands for the tasks not split off yet */
} shim_job;

typedef struct shim_jobs_reply shim_jobs_reply;
int shim_load_job(uint32_t job_id, shim_jobs_reply **reply);
/*
 * Every job. SLURM_NO_CHANGE_IN_DATA when slurmctld has changed none since `since`; 0 asks for them
 * all the same.
 */
int shim_load_jobs(int64_t since, shim_jobs_reply **reply);
/* slurmctld's time of the reply, to be given as `since` next time. */
int64_t shim_jobs_as_of(const shim_jobs_reply *reply);
uint32_t shim_job_count(const shim_jobs_reply *reply);
void shim_job_view(const shim_jobs_reply *reply, uint32_t index, shim_job *view);
/* GRES of the job on its `node_index`-th node, or NULL. */
const char *shim_job_gres(const shim_jobs_reply *reply, uint32_t index, uint32_t node_index);
void shim_free_jobs(shim_jobs_reply *reply);

/* Writes the `index`-th name of a Slurm node list; 0, or SHIM_UNKNOWN if there is none or no room. */
int shim_host_at(const char *nodes, uint32_t index, char *buffer, size_t size);

/*
 * Writes every name of a Slurm node list on a line of its own; freed with shim_free_text.
 */
int shim_expand_hosts(const char *nodes, char **names);

/*
 * A batch job, always held and never requeued. Every pointer outlives the call; `qos`,
 * `reservation` and `array` may be NULL.
 */
typedef struct shim_submission {
	const char *admin_comment;
	const char *account;
	const char *partition;
	const char *qos;
	const char *reservation;
	const char *array; /* task numbers, as "0-19%4" */
	const char *name;
	const char *tres_per_node;
	const char *work_dir;
	const char *std_out;
	const char *std_err;
	const char *script;
	const char *const *environment;
	int64_t deadline; /* seconds since the epoch; 0: none */
	int64_t begin_at; /* the same; 0: at once */
	uint64_t memory_mib; /* 0: the partition's default */
	uint32_t environment_count;
	uint32_t job_id; /* 0: slurmctld chooses */
	uint32_t uid;
	uint32_t gid;
	uint32_t time_limit_min;
	uint32_t cpu_count;
	uint32_t whole_node; /* 1: no other job on the node */
} shim_submission;

/* `job_id` becomes the id of the accepted job. */
int shim_submit(const shim_submission *submission, uint32_t *job_id);
/* Turns a hold that the job's user could lift into one that only an operator can. */
int shim_hold(uint32_t job_id);
int shim_release(uint32_t job_id);
int shim_cancel(uint32_t job_id);
int shim_suspend(uint32_t job_id);
int shim_resume(uint32_t job_id);
/* Back into the queue, not held. */
int shim_requeue(uint32_t job_id);
int shim_set_time_limit(uint32_t job_id, uint32_t minutes);
/* Changes nothing, which makes slurmctld schedule at once. */
int shim_nudge(uint32_t job_id);
int shim_change_qos(uint32_t job_id, const char *qos);
/*
 * Asks whether slurmctld would run a job of the calling user there; 0 if it would. Makes no job.
 */
int shim_ask(uint32_t uid, uint32_t gid, const char *partition, const char *account);

/* A reservation as slurmctld has it. */
typedef struct shim_reservation {
	int64_t starts_at;
	int64_t ends_at;
	const char *name;
	const char *nodes;
	const char *accounts;
	const char *partition;
} shim_reservation;

typedef struct shim_reservations_reply shim_reservations_reply;
int shim_load_reservations(shim_reservations_reply **reply);
uint32_t shim_reservation_count(const shim_reservations_reply *reply);
void shim_reservation_view(const shim_reservations_reply *reply, uint32_t index,
			   shim_reservation *view);
void shim_free_reservations(shim_reservations_reply *reply);

/*
 * Whole nodes, by name. Every pointer outlives the call; `partition` may be NULL. `starts_at` is 0
 * to leave the start of an existing reservation as it is.
 */
int shim_create_reservation(const shim_reservation *reservation);
int shim_update_reservation(const shim_reservation *reservation);
int shim_delete_reservation(const char *name);

/* A connection to slurmdbd: one thread only, ever. */
typedef struct shim_db shim_db;
int shim_db_open(shim_db **db);
void shim_db_close(shim_db *db);

/* Rows read from slurmdbd, with the destructor of their kind. */
typedef struct shim_rows shim_rows;
size_t shim_row_count(const shim_rows *rows);
void shim_free_rows(shim_rows *rows);

typedef struct shim_record {
	uint64_t db_index;
	int64_t submitted_at;
	int64_t started_at;
	int64_t ended_at;
	const char *cluster;
	const char *admin_comment;
	const char *account;
	const char *partition;
	const char *user;
	const char *tres_alloc;
	const char *nodes;
	uint32_t job_id;
	uint32_t uid;
	uint32_t state;
	uint32_t suspended_s;
	uint32_t wait_status;
	uint32_t array_job_id;	/* 0: not of an array */
	uint32_t array_task_id; /* NO_VAL: none */
} shim_record;

/* All incarnations of the named jobs on one cluster, whenever they were. */
int shim_db_records(shim_db *db, const char *cluster, const uint32_t *job_ids, size_t job_count,
		    shim_rows **rows);
void shim_record_view(const shim_rows *rows, size_t index, shim_record *view);

/* Every run on one cluster that made way for another job and ended in [from, until). */
int shim_db_preempted(shim_db *db, const char *cluster, int64_t from, int64_t until,
		      shim_rows **rows);

/* Every run on one cluster that ended in [from, until), whatever it ended as. */
int shim_db_ended(shim_db *db, const char *cluster, int64_t from, int64_t until, shim_rows **rows);

/* What one account or user used of one TRES. */
typedef struct shim_usage {
	uint64_t seconds;
	const char *account;
	const char *user; /* NULL or empty: the account's own row, those below it included */
	uint32_t tres;
} shim_usage;

typedef struct shim_usage_reply shim_usage_reply;
/* Slurm's sums of use on one cluster, as sreport's AccountUtilizationByUser has them. */
int shim_db_usage(shim_db *db, const char *cluster, int64_t from, int64_t until,
		  shim_usage_reply **reply);
size_t shim_usage_count(const shim_usage_reply *reply);
void shim_usage_view(const shim_usage_reply *reply, size_t index, shim_usage *view);
void shim_free_usage(shim_usage_reply *reply);

/* Limits as slurmdbd writes them: TRES as "1001=8,1002=4", NULL where none is set. */
typedef struct shim_limits {
	const char *at_once;
	const char *minutes;
	uint32_t running_jobs; /* INFINITE or NO_VAL where none is set */
	uint32_t submitted_jobs;
} shim_limits;

typedef struct shim_association {
	const char *cluster;
	const char *account;
	const char *parent;
	const char *user;
	const char *partition;
	shim_limits limits;
	uint32_t default_qos; /* 0 or NO_VAL where none is set */
	uint32_t is_default;  /* of its user */
} shim_association;

/* Associations of one cluster; those of one account or of one user where these are not NULL. */
int shim_db_associations(shim_db *db, const char *cluster, const char *account, const char *user,
			 shim_rows **rows);
void shim_association_view(const shim_rows *rows, size_t index, shim_association *view);
/* Writes the ids of the QOS set on the association itself, at most `room`; returns how many there
 * are. */
size_t shim_association_qos(const shim_rows *rows, size_t index, uint32_t *ids, size_t room);

/* Users that slurmdbd knows by this name: one or none. */
int shim_db_users(shim_db *db, const char *user, shim_rows **rows);
/* Accounts that slurmdbd knows by this name, on whatever cluster: one or none. */
int shim_db_accounts(shim_db *db, const char *account, shim_rows **rows);

typedef struct shim_qos {
	const char *name;
	const char *description;
	shim_limits limits;
	uint64_t flags;
	uint32_t id;
	uint32_t priority;
} shim_qos;

#define SHIM_QOS_NO_DECAY 1
#define SHIM_QOS_DENY_ON_LIMIT 2

int shim_db_qos(shim_db *db, shim_rows **rows);
void shim_qos_view(const shim_rows *rows, size_t index, shim_qos *view);
/* SHIM_QOS_* of Slurm's flags. */
uint32_t shim_qos_flags(uint64_t flags);
/* Writes the ids of the QOS whose jobs make way for its jobs, as shim_association_qos does. */
size_t shim_qos_victims(const shim_rows *rows, size_t index, uint32_t *ids, size_t room);

/*
 * Writes. Each takes effect with shim_db_commit(db, 1), all of them or, with 0, none.
 *
 * In limits to write, NULL and NO_VAL leave what is there; a TRES amount of -1 and INFINITE lift it.
 */
int shim_db_commit(shim_db *db, int keep);
int shim_db_add_account(shim_db *db, const char *name, const char *description);
int shim_db_add_user(shim_db *db, const char *name, const char *account);

/* An association to make or change. `user` is NULL for the account's own. */
typedef struct shim_association_change {
	const char *cluster;
	const char *account;
	const char *user;
	const char *parent; /* NULL: as it is */
	shim_limits limits;
	const char *const *qos; /* ids as text, `qos_count` of them; 0: as they are */
	size_t qos_count;
	uint32_t default_qos; /* NO_VAL: as it is */
	uint32_t is_default;  /* 1: becomes the user's default; 0: as it is */
} shim_association_change;

int shim_db_add_association(shim_db *db, const shim_association_change *change);
int shim_db_modify_association(shim_db *db, const shim_association_change *change);
/* ESLURM_JOBS_RUNNING_ON_ASSOC when jobs wait or run there. */
int shim_db_remove_association(shim_db *db, const char *cluster, const char *account,
			       const char *user);

/* A QOS to make or change. */
typedef struct shim_qos_change {
	const char *name;
	const char *description; /* NULL: as it is */
	shim_limits limits;
	const char *const *victims; /* ids as text, all of them, when `set_victims` is 1 */
	size_t victim_count;
	uint32_t set_victims;
	uint32_t priority;  /* NO_VAL: as it is */
	uint32_t set_flags; /* 1: `flags` are set, others taken away */
	uint32_t flags;     /* SHIM_QOS_*; Slurm's other flags stay as `old_flags` has them */
	uint64_t old_flags;
} shim_qos_change;

int shim_db_add_qos(shim_db *db, const shim_qos_change *change);
int shim_db_modify_qos(shim_db *db, const shim_qos_change *change);

typedef struct shim_tres {
	const char *type;
	const char *name;
	uint32_t id;
} shim_tres;

int shim_db_tres(shim_db *db, shim_rows **rows);
void shim_tres_view(const shim_rows *rows, size_t index, shim_tres *view);

/* slurmdbd's settings as `Name = value` lines; freed with shim_free_text. */
int shim_db_settings(shim_db *db, char **text);
void shim_free_text(char *text);

#define SHIM_NO_USER (-2)
/* The uid of a user's name; SHIM_NO_USER when there is none. Needs no shim_init. */
int shim_uid_of(const char *name, uint32_t *uid);

/* What the C compiler made of the structs above: compared with bindgen's view in tests/abi.rs. */
typedef struct shim_field {
	const char *name; /* "struct" or "struct.field" */
	size_t offset;
	size_t size;
} shim_field;

const shim_field *shim_layout(size_t *count);

#endif
