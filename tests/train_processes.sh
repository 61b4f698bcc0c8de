#!/bin/bash
# usage: train_processes.sh GLAMM     Several processes of one machine train as one does; one that is killed ends the
# others, in one line, and what was saved stays; interruptions save.
set -u
glamm=$1
. "$(dirname "$0")/verdict.sh"

# k_proj.bias: its gradient is rounding alone, which AdamW would make as large as the rest: no two ways to add agree then.
cat > "$work/run.conf" << 'END'
model = golden/mini/model
data = shapes:task=gcg,seed=3,objects=2
data = shapes:task=region,seed=3,objects=2
val = shapes:task=refer,seed=3,objects=2,count=5 split=val
threads = 1
updates = 12
warmup = 2
schedule = constant
accumulate = 4
lora_dropout = 0.1
include = *.vision_tower.*
exclude = *.k_proj.bias
save_every = 4
validate_every = 6
pictures = 1
END
run() { local out=$1; shift; "$glamm" train "$work/run.conf" --out "$work/$out" "$@" 2> "$work/err"; }
start() { local out=$1; shift; "$glamm" train "$work/run.conf" --out "$work/$out" "$@" 2> "$work/err" & pid=$!; }
same() { cmp -s "$work/$1/update-00000012/tensors.safetensors" "$work/$2/update-00000012/tensors.safetensors"; }
# Columns 3 to 6, 8 and 12: losses, gradient norm, validation loss (where both have one), within 1e-5 of 1 + their size.
close() {
    paste -d, "$work/$1/log.csv" "$work/$2/log.csv" | awk -F, 'NR > 1 { n++
        if ($1 != $13 || $2 != $14 || $9 != $21 || $10 != $22) bad = 1
        for (i = 3; i <= 12; i++) if (i != 7 && i < 9 || i == 12 && $12 != "" && $24 != "") { d = $i - $(i + 12); if (d < 0) d = -d; if (d > 1e-5 * (1 + $i)) bad = 1 } }
        END { exit bad || n != 12 }'
}
# There are checkpoints of the killed run, none is broken, nothing else is there; it goes on as if nothing had been.
intact() {
    local left; left=$(pgrep -f -- "--out $work/$1( |$)")
    test -z "$left"; verdict $? "$2: still there: $left"
    test "$(grep -c '^glamm train: ' "$work/err")" = 1; verdict $? "$2: not one line: $(grep '^glamm' "$work/err")"
    test -z "$(ls "$work/$1" | grep -E 'tmp|partial|old')"; verdict $? "$2: something half-written is left"
    rm -rf "$work/resumed"; cp -r "$work/$1" "$work/resumed"
    last=$(ls -d "$work/resumed"/update-* | tail -1 | sed 's/.*-0*//')
    run resumed --resume --processes 2 --updates $((last + 1)); verdict $? "$2: resumed: $(tail -1 "$work/err")"
}

run one; verdict $? "one process: $(tail -1 "$work/err")"
run two --processes 2; verdict $? "two processes: $(tail -1 "$work/err")"
says "samples, in 2 processes" "two processes"
awk '/sums began/ { early = $5; all = $7 } END { exit !(all >= 20 && early >= all / 2 && early < all) }' "$work/err"
verdict $? "two processes: $(grep 'sums began' "$work/err" || echo no word on the sums)"
run four --processes 4; verdict $? "four processes: $(tail -1 "$work/err")"
close one two; verdict $? "two processes: other losses than one"
close one four; verdict $? "four processes: other losses than one"
! cmp -s "$work/one/log.csv" "$work/two/log.csv"; verdict $? "the logs are the same files"
for file in best model/config.json update-00000012/state.json pictures/00000012-0.png; do
    test -s "$work/two/$file"; verdict $? "two processes left no $file"
done
run again --processes 2; same two again; verdict $? "two processes: other bits the second time"
run parts --processes 2 --updates 5 && run parts --processes 2 --resume; verdict $? "two processes: resumed"
same two parts; verdict $? "two processes: other weights after a resumption"
run parts3 --processes 2 --updates 5 && run parts3 --processes 4 --resume; verdict $? "two processes, resumed with four"
close one parts3; verdict $? "two processes, resumed with four: other losses"

# Muon's matrices, moved by one process each.  (Not LoRA's, whose gradients have directions that are rounding alone.)
muon=(--learn clip --data shapes:task=objects,world=b,seed=3 --lora_rank 0 --freeze none --muon '*.mlp.*' --muon 'pretrain.*'
    --batch 2 --accumulate 2 --export none)
sed '/^val/d' "$work/run.conf" > "$work/pre.conf"
pre() { local out=$1; shift; "$glamm" train "$work/pre.conf" --out "$work/$out" "${muon[@]}" "$@" 2> "$work/err"; }
pre muon1; verdict $? "Muon, one process: $(tail -1 "$work/err")"
pre muon2 --processes 2; verdict $? "Muon, two processes: $(tail -1 "$work/err")"
close muon1 muon2; verdict $? "Muon, two processes: other losses than one"
pre muon3 --processes 2 --updates 5 && pre muon3 --processes 2 --resume; same muon2 muon3
verdict $? "Muon, two processes: other weights after a resumption"

long=(--updates 100000 --processes 3 --accumulate 3 --save_every 5 --validate_every 0)
started() {
    start "$1" "${long[@]}"
    while [ ! -d "$work/$1/update-00000005" ] && kill -0 $pid 2> /dev/null; do sleep 0.05; done
}
started child
kill -9 "$(pgrep -P $pid | tail -1)"; wait $pid; test $? = 1; verdict $? "a killed child: status"
says "was ended by signal 9" "a killed child"
intact child "a killed child"
started parent
kill -9 $pid; wait $pid 2> /dev/null
for _ in $(seq 100); do pgrep -f -- "--out $work/parent( |$)" > /dev/null || break; sleep 0.1; done
says "the first process ($pid) was ended" "a killed parent"
intact parent "a killed parent"

started told
kill -TERM $pid; wait $pid; verdict $? "the first one interrupted: status"
says "--resume goes on" "the first one interrupted"
started all
kill -TERM $pid $(pgrep -P $pid); wait $pid; verdict $? "all interrupted: status"
says "--resume goes on" "all interrupted"

run wild --processes 2 --lr 1e30 --clip_norm 0 --save_every 1; test $? = 1; verdict $? "not finite: status"
says "not finite" "not finite"
test "$(grep -c '^glamm train: ' "$work/err")" = 1; verdict $? "not finite: not one line: $(grep '^glamm' "$work/err")"
test -d "$work/wild/update-00000001"; verdict $? "not finite: the checkpoint before is gone"

run bad --processes 3; test $? = 2; verdict $? "accumulate = 4 for 3 processes: status"
says "accumulate: wanted a multiple of processes = 3, found 4" "accumulate = 4 for 3 processes"
run bad --processes 65; test $? = 2; verdict $? "65 processes: status"
run bad --processes 2 --backend cuda; test $? = 2; verdict $? "two processes on a GPU: status"
says "processes: wanted 1 with backend = cuda" "two processes on a GPU"
OMPI_COMM_WORLD_SIZE=2 run bad --processes 2; test $? = 1; verdict $? "processes under mpirun: status"
says "wanted 1 under mpirun" "processes under mpirun"
(ulimit -v 1000000; run bad --processes 2); test $? = 1; verdict $? "no addresses: status"
says "cannot reserve" "no addresses"
test ! -e "$work/bad"; verdict $? "a wrong command line leaves a folder"

sum_up
