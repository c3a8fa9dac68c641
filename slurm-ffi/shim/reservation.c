/*
 * libslurm behind fixed signatures: reservations of whole nodes.
 */
#include <stdlib.h>
#include <string.h>

#include "release.h"

#if RELEASE_FROM(26, 5)
/* Exported but in no header: without it a name is leaked, some thirty bytes. */
extern void slurm_xfree(void **item) __attribute__((weak));
#endif

int shim_load_reservations(shim_reservations_reply **reply)
{
	reserve_info_msg_t *reservations = NULL;

	*reply = NULL;
	errno = 0;
	if (slurm_load_reservations((time_t) 0, &reservations))
		return last_error();
	*reply = (shim_reservations_reply *) reservations;
	return 0;
}

uint32_t shim_reservation_count(const shim_reservations_reply *reply)
{
	return ((const reserve_info_msg_t *) reply)->record_count;
}

void shim_reservation_view(const shim_reservations_reply *reply, uint32_t index,
			   shim_reservation *view)
{
	const reserve_info_t *one =
		&((const reserve_info_msg_t *) reply)->reservation_array[index];

	*view = (shim_reservation) {
		.starts_at = one->start_time,
		.ends_at = one->end_time,
		.name = one->name,
		.nodes = one->node_list,
		.accounts = one->accounts,
		.partition = one->partition,
	};
}

void shim_free_reservations(shim_reservations_reply *reply)
{
	slurm_free_reservation_info_msg((reserve_info_msg_t *) reply);
}

/* Nodes by name and nothing else: 22.05 ignores a count of GPUs and takes the whole node. */
static void describe(resv_desc_msg_t *desc, const shim_reservation *reservation)
{
	memset(desc, 0, sizeof(*desc));
	slurm_init_resv_desc_msg(desc);
	desc->name = LENT(reservation->name);
	desc->node_list = LENT(reservation->nodes);
	desc->accounts = LENT(reservation->accounts);
	desc->partition = LENT(reservation->partition);
	desc->end_time = reservation->ends_at;
	if (reservation->starts_at)
		desc->start_time = reservation->starts_at;
	/* Jobs that are on the nodes already end undisturbed. */
	desc->flags = RESERVE_FLAG_IGN_JOBS;
}

/* The name that slurm_create_reservation returns: libslurm's from 26.05 on, libc's before. */
static void free_name(char *name)
{
#if RELEASE_FROM(26, 5)
	if (slurm_xfree)
		slurm_xfree((void **) &name);
#else
	free(name);
#endif
}

int shim_create_reservation(const shim_reservation *reservation)
{
	resv_desc_msg_t desc;
	char *name;

	describe(&desc, reservation);
	errno = 0;
	name = slurm_create_reservation(&desc);
	if (!name)
		return last_error();
	free_name(name);
	return 0;
}

int shim_update_reservation(const shim_reservation *reservation)
{
	resv_desc_msg_t desc;

	describe(&desc, reservation);
	errno = 0;
	return verdict(slurm_update_reservation(&desc));
}

int shim_delete_reservation(const char *name)
{
	reservation_name_msg_t desc = { .name = LENT(name) };

	errno = 0;
	return verdict(slurm_delete_reservation(&desc));
}
