#!/bin/sh
# Makes the SIMULATED NVML show load on this job's GPUs for a while. It computes nothing.
#
#   load.sh SECONDS [DIR [UTILIZATION_PCT [MEMORY_MIB [POWER_MW]]]]
#
# DIR is the simulated NVML's state directory (default $MIMER_SIMULATED_NVML_DIR): world-writable
# with the sticky bit, and not under a /tmp that Slurm makes private per job. The GPUs are those of
# $SLURM_JOB_GPUS, which is node-wide also where Slurm renumbers the other for the job, else of
# $CUDA_VISIBLE_DEVICES. Each file is named after this process and is void once it has ended.
set -eu

seconds=${1:?"load.sh: say for how many seconds, as in: load.sh 30"}
dir=${2:-${MIMER_SIMULATED_NVML_DIR:?"load.sh: give the state directory as the second argument, or set MIMER_SIMULATED_NVML_DIR"}}
utilization_pct=${3:-90}
memory_mib=${4:-20000}
power_mw=${5:-400000}
gpus=${SLURM_JOB_GPUS:-${CUDA_VISIBLE_DEVICES:-}}
[ -n "$gpus" ] || { echo "load.sh: neither SLURM_JOB_GPUS nor CUDA_VISIBLE_DEVICES names a GPU" >&2; exit 1; }

minors=
for gpu in $(printf '%s' "$gpus" | tr ',' ' '); do
    minor=${gpu##*-} # A UUID of the simulated NVML ends in the minor number.
    case $minor in
        '' | *[!0-9]*) echo "load.sh: cannot tell the minor number of GPU '$gpu'" >&2; exit 1 ;;
    esac
    minors="$minors $minor"
done

sleeper=
tidy() {
    for minor in $minors; do rm -f "$dir/gpu-$minor.$$.json" "$dir/.gpu-$minor.$$"; done
    [ -z "$sleeper" ] || kill "$sleeper" 2>/dev/null || :
}
trap tidy EXIT
trap 'exit 143' TERM INT HUP

for minor in $minors; do
    # Renamed into place, so that a reader never sees half a file.
    printf '{"pid":%d,"utilization_pct":%d,"memory_mib":%d,"power_mw":%d}\n' \
        $$ "$utilization_pct" "$memory_mib" "$power_mw" > "$dir/.gpu-$minor.$$"
    mv "$dir/.gpu-$minor.$$" "$dir/gpu-$minor.$$.json"
done
echo "SIMULATED load on minors$minors for $seconds s"

# In the background, so that a signal ends the wait and not only what follows it.
sleep "$seconds" &
sleeper=$!
wait "$sleeper"
sleeper=
