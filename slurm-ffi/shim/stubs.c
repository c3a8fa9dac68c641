/*
 * Names that Slurm's plugins expect of the program that loads them.
 *
 * libslurm.so keeps its internal names to itself, but the plugin that talks to slurmdbd looks one
 * of them up when a connection breaks. It is bound lazily: without the name, the dynamic linker
 * ends the process at that moment (exit 127, "symbol lookup error"). With it, the call returns an
 * error like any other. build.rs has the linker export the name from the program.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

#include "shim.h"

const char *slurmdbd_msg_type_2_str(int message, int with_number);

const char *slurmdbd_msg_type_2_str(int message, int with_number)
{
	(void) message;
	(void) with_number;
	return "a slurmdbd message";
}

int shim_stubs_are_exported(void)
{
	/* What the dynamic linker will do for the plugin, done now. */
	return dlsym(RTLD_DEFAULT, "slurmdbd_msg_type_2_str") != NULL;
}
