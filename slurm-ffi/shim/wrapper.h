/* What bindgen reads: our signatures, and the constants of the site's Slurm. */
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/slurm_version.h>

#include "shim.h"
