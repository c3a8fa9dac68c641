# Ends what a killed test left behind.
#
# The test writes one line per thing it starts or ends ("pid 12", "gone 12", "dir /tmp/x",
# "left /tmp/x"). When the test's end of the pipe closes, however the test died, whatever was not
# ended is ended here. Process groups are named by their leader's pid.
trap '' INT TERM HUP
pids=' '
dirs=' '
while read -r verb it; do
    case $verb in
        pid) pids="$pids$it " ;;
        gone) pids="${pids%% "$it" *} ${pids#* "$it" }" ;;
        dir) dirs="$dirs$it " ;;
        left) dirs="${dirs%% "$it" *} ${dirs#* "$it" }" ;;
    esac
done

for pid in $pids; do kill -s TERM -- "-$pid" 2>/dev/null; done
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    living=
    for pid in $pids; do kill -s 0 -- "-$pid" 2>/dev/null && living=1; done
    [ -z "$living" ] && break
    sleep 0.1
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done

for dir in $dirs; do
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        # slurmstepd wipes its environment but keeps the node's log open; its jobs keep SLURM_CONF.
        if { readlink "$process/exe" | grep -q '/slurmstepd[^/]*$' &&
             ls -l "$process/fd" | grep -q -F -- "$dir/"; } ||
           { tr '\0' '\n' <"$process/environ" | grep -q -F -- "SLURM_CONF=$dir/" &&
             tr '\0' '\n' <"$process/environ" | grep -q '^SLURM_JOB_ID='; }
        then kill -s KILL "$pid"; fi
    done 2>/dev/null
    rm -rf -- "$dir"
done
