#!/bin/sh
# Runs a command that never outlives the process that started this script.
#
#   sh supervise.sh LOG COMMAND [ARGUMENT...]
#
# Standard input is the leash: a pipe whose other end the parent holds open and never writes to. However the parent
# ends, kill -9 included, the system closes that end; the leash below then reads the end of the file and kills the
# command. SIGKILL also ends a command that is stopped by SIGSTOP.
# The first line of standard output is the command's process id; the exit code is the command's.

exec 3<&0
log=$1
shift

"$@" 3<&- </dev/null >>"$log" 2>&1 &
child=$!

(
  while read -r _ <&3; do :; done
  kill -9 "$child"
  # Whatever the command has started itself: this script leads a process group of its own.
  kill -9 -- "-$$"
) >/dev/null 2>&1 &
leash=$!

exec 3<&-
echo "$child"
wait "$child"
code=$?
kill -9 "$leash" 2>/dev/null
exit "$code"
