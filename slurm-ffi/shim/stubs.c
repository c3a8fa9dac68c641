/*
 * Names that Slurm's plugins expect of the program that loads them.
 *
 * libslurm.so keeps its internal names to itself, but the plugin that talks to slurmdbd looks one
 * of them up when a connection breaks, and from 26.05 on another. Each is bound lazily: without the
 * name, the dynamic linker ends the process at that moment (exit 127, "symbol lookup error"). With
 * it, the call returns an error like any other. build.rs has the linker export the names from the program.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

#include <slurm/slurmdb.h>

#include "release.h"

const char *slurmdbd_msg_type_2_str(int message, int with_number);

const char *slurmdbd_msg_type_2_str(int message, int with_number)
{
	(void) message;
	(void) with_number;
	return "a slurmdbd message";
}

#if RELEASE_FROM(26, 5)
/*
 * The header has it, the library of 26.05.5 does not, and the plugin calls it when it has read
 * slurmdbd's settings. Nothing is freed: a small record is lost each time settings are read.
 */
void slurmdbd_free_conf(slurmdbd_conf_t *conf)
{
	(void) conf;
}
#endif

int shim_stubs_are_exported(void)
{
	/* What the dynamic linker will do for the plugin, done now. */
#if RELEASE_FROM(26, 5)
	if (!dlsym(RTLD_DEFAULT, "slurmdbd_free_conf"))
		return 0;
#endif
	return dlsym(RTLD_DEFAULT, "slurmdbd_msg_type_2_str") != NULL;
}
