#!/bin/bash
# usage: train.sh GLAMM     Runs of `glamm train` from outside: ended at a random moment, interrupted, out of disk,
# not finite, wrong command lines; what they leave, and that --resume goes on to the bit.
set -u
glamm=$1
. "$(dirname "$0")/verdict.sh"

cat > "$work/run.conf" << 'END'
model = golden/mini/model
data = shapes:task=gcg,seed=3,objects=2
data = shapes:task=region,seed=3,objects=2
val = shapes:task=refer,seed=3,objects=2,count=4 split=val
threads = 1
updates = 40
warmup = 4
accumulate = 2
lora_dropout = 0.1
save_every = 3
validate_every = 20
pictures = 1
export = both
END
run() { local out=$1; shift; "$glamm" train "$work/run.conf" --out "$work/$out" "$@" 2> "$work/err"; }
start() { local out=$1; shift; "$glamm" train "$work/run.conf" --out "$work/$out" "$@" 2> "$work/err" & pid=$!; }
same() { cmp -s "$work/$1/update-00000040/tensors.safetensors" "$work/$2/update-00000040/tensors.safetensors"; }
loss() { cut -d, -f1-10,12 "$work/$1/log.csv"; }

run whole; verdict $? "an uninterrupted run: $(tail -1 "$work/err")"
for file in log.csv curves.png config.txt best model/config.json model/pytorch_model.bin adapter/adapter_model.bin \
    adapter/adapter_config.json update-00000040/state.json pictures/00000040-0.png pictures/00000040-0.txt; do
    test -s "$work/whole/$file"; verdict $? "an uninterrupted run left no $file"
done
test "$(ls -d "$work"/whole/update-* | wc -l)" -le 3; verdict $? "more checkpoints than keep and the best"
test "$(wc -l < "$work/whole/log.csv")" = 41; verdict $? "log.csv has not one row an update"
"$glamm" info "$work/whole/model" > /dev/null 2>&1; verdict $? "the written model does not open"

# Ended at three moments that differ from run to run.
for k in 1 2 3; do
    start killed
    sleep 0.$((RANDOM % 8 + 1))
    kill -9 $pid 2> /dev/null; wait $pid 2> /dev/null
    run killed --resume; verdict $? "resumed after kill -9: $(tail -1 "$work/err")"
    same whole killed; verdict $? "resumed after kill -9: other weights than the uninterrupted run"
    test "$(loss whole)" = "$(loss killed)"; verdict $? "resumed after kill -9: another log"
    rm -rf "$work/killed"
done

start stopped
while [ ! -d "$work/stopped/update-00000003" ] && kill -0 $pid 2> /dev/null; do sleep 0.02; done
kill -TERM $pid; wait $pid; verdict $? "interrupted: status is not 0"
says "--resume goes on" interrupted
run stopped; test $? = 1; verdict $? "a folder that holds a run is not refused"
says "holds a run already" "a folder that holds a run"
run stopped --resume; verdict $? "resumed after an interruption"
same whole stopped; verdict $? "resumed after an interruption: other weights"
run stopped --resume --freeze none; test $? = 1; verdict $? "a checkpoint of other settings is not refused"
says "made with other settings" "a checkpoint of other settings"

# Pretraining, from a file without val: checkpoints keep its own layers and go on to the bit; exports leave them out.
cat > "$work/pre.conf" << 'END'
model = golden/mini/model
data = shapes:task=objects,world=b,seed=3
learn = clip
threads = 1
updates = 12
warmup = 2
batch = 4
accumulate = 1
freeze = none
include = model.vision_tower.*
muon = *.mlp.*
muon = pretrain.*
save_every = 5
export = both
END
pre() { local out=$1; shift; "$glamm" train "$work/pre.conf" --out "$work/$out" "$@" 2> "$work/err"; }
pre early; verdict $? "learn = clip: $(tail -1 "$work/err")"
tensors=early/update-00000012/tensors.safetensors
for name in pretrain.head.weight pretrain.head.weight.m pretrain.head.bias.v; do
    grep -qa "\"$name\"" "$work/$tensors"; verdict $? "learn = clip: its checkpoint lacks $name"
done
grep -qa lora_A "$work/early/adapter/adapter_model.bin"; verdict $? "learn = clip: the adapter lacks lora_A"
! grep -rqa pretrain.head "$work/early/adapter" "$work/early/model"; verdict $? "learn = clip: an export has its head"
"$glamm" info "$work/early/model" > /dev/null 2>&1; verdict $? "learn = clip: the written model does not open"
cp -r "$work/early" "$work/again"
rm -rf "$work/again/update-00000012" "$work/again/update-00000010" "$work/again/model" "$work/again/adapter"
pre again --resume; verdict $? "learn = clip: resumed: $(tail -1 "$work/err")"
says "update 6/12" "learn = clip: resumed"
cmp -s "$work/$tensors" "$work/again/${tensors#*/}"; verdict $? "learn = clip: resumed: other values"
test "$(cut -d, -f1-10,12 "$work/early/log.csv")" = "$(loss again)"; verdict $? "learn = clip: resumed: another log"
pre words --data shapes:task=gcg; test $? = 1; verdict $? "learn = clip on conversations: status"
says "wanted objects with traits (shapes:task=objects)" "learn = clip on conversations"
pre blind --val shapes:task=gcg; test $? != 0; verdict $? "learn = clip with val: status"
says "there is no validation with learn = clip" "learn = clip with val"
pre lost --learn talk; test $? = 1; verdict $? "conversations without words: status"
says "wanted a conversation, found objects alone" "conversations without words"
says "shapes objects, seed 3" "conversations without words"

# Not finite: the module is named, the checkpoint before stays.
run wild --lr 1e30 --schedule constant --clip_norm 0 --save_every 1; test $? = 1; verdict $? "not finite: status"
says "not finite" "not finite"
says "the output of model." "not finite"
test -d "$work/wild/update-00000002"; verdict $? "not finite: the checkpoint before is gone"

# A full disk: files end at 300 KiB, and the signal that says so is ignored.
(trap '' XFSZ; ulimit -f 300; run full --updates 7 --export none); test $? = 1; verdict $? "a full disk: status"
says "NOT SAVED" "a full disk"
says "File too large" "a full disk"
test -z "$(ls "$work/full" | grep -E 'tmp|partial|old')"; verdict $? "a full disk: something half-written is left"

run bad --lora_rnak 3; test $? = 2; verdict $? "a wrong option: status"
says "did you mean --lora_rank" "a wrong option"
run bad --batch 0; test $? = 2; verdict $? "a wrong value: status"
says "--batch: wanted 1 to 64, found 0" "a wrong value"
run bad --data "shapse x"; test $? = 1; verdict $? "a wrong data set: status"
test ! -e "$work/bad"; verdict $? "a wrong command line leaves a folder"
"$glamm" train "$work/run.conf" --dry-run > "$work/plan" 2> "$work/err"; verdict $? "--dry-run: status"
grep -q "in all, about" "$work/plan"; verdict $? "--dry-run: no memory plan"
says "tensors train" "--dry-run"
"$glamm" train --help > "$work/err"; verdict $? "--help: status"
says "--lora_alpha X" "--help"

sum_up
