# Runs a command while a folder with a system of its own has this machine's devices, processes and
# /tmp inside. $1 is the folder; what follows is the command.
#
# Started in a mount namespace of its own, which ends with its last process: nothing stays mounted.
set -e
folder=$1
shift
for dir in dev proc sys; do mount --rbind "/$dir" "$folder/$dir"; done
mount --bind /tmp "$folder/tmp"
exec "$@"
