#!/bin/bash
# usage: train_mpi.sh GLAMM GLAMM_MPI     Two processes train as one does with twice the micro-batches; one that is
# killed ends the other.  GLAMM_MPI: built with MPI=1.
set -u
glamm=$1 mpi=$2
. "$(dirname "$0")/verdict.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1    # containers have no other user

cat > "$work/run.conf" << 'END'
model = golden/mini/model
data = shapes:task=gcg,seed=3,objects=2
data = shapes:task=region,seed=3,objects=2
val = shapes:task=refer,seed=3,objects=2,count=4 split=val
threads = 1
updates = 10
warmup = 2
schedule = constant
accumulate = 2
lora_dropout = 0.1
save_every = 5
validate_every = 5
pictures = 0
END
two() { mpirun --oversubscribe -n 2 "$mpi" train "$work/run.conf" --out "$work/$1" "${@:2}" > "$work/log" 2>&1; }

"$glamm" train "$work/run.conf" --out "$work/one" --accumulate 4 2> "$work/log"; verdict $? "one process: $(tail -1 "$work/log")"
two pair; verdict $? "two processes: $(tail -1 "$work/log")"
# Columns 3 to 6, 8 and 12: losses, gradient norm, validation loss.
paste -d, "$work/one/log.csv" "$work/pair/log.csv" | awk -F, 'NR > 1 { n++
    for (i = 3; i <= 12; i++) if (i != 7 && i != 11) { d = $i - $(i + 12); if (d < 0) d = -d; if (d > 1e-5 * (1 + $i)) bad = 1 } }
    END { exit bad || n != 10 }'
verdict $? "two processes: other losses than one process with twice the micro-batches"
# The sums over the processes run beside the backward pass, not behind it.
two many --updates 1 --warmup 0 --model models/nano --freeze full --accumulate 1
awk '/sums began/ { early = $5; all = $7 } END { exit !(all >= 10 && early >= all - 4 && early < all) }' "$work/log"
verdict $? "two processes: $(grep 'sums began' "$work/log" || echo no word on the sums)"
test -s "$work/pair/model/config.json"; verdict $? "two processes: no model"

two again --updates 5 && two again --resume; verdict $? "two processes: resumed"
cmp -s "$work/pair/update-00000010/tensors.safetensors" "$work/again/update-00000010/tensors.safetensors"
verdict $? "two processes: other weights after a resumption"

two killed --updates 100000 & pid=$!
while [ ! -d "$work/killed/update-00000005" ] && kill -0 $pid 2> /dev/null; do sleep 0.1; done
kill -9 "$(pgrep -f "train $work/run.conf --out $work/killed" | tail -1)"
wait $pid; test $? != 0; verdict $? "a killed process: status"
for _ in $(seq 100); do pgrep -f "train $work/run.conf" > /dev/null || break; sleep 0.1; done   # on a busy machine
pgrep -f "train $work/run.conf" > /dev/null; test $? = 1; verdict $? "a killed process: the other one still runs"

sum_up
