# make eval-nano: models/nano on drawn scenes that it never saw, all tasks, one table.
# usage: nano.sh GLAMM DIR [SCENES]
set -e
glamm=$1 dir=$2 scenes=${3:-200} set=$2/set
model="--model models/nano --images $set/images --quiet"

# Rows of the headline: the task, the number's name, its value; those that are not computed are left out.
rows() {
    awk -v task="$1" 'NR > 1 && NF == 0 { exit } NR > 1 && $2 != "-" { printf "%-18s %-12s %6s\n", task, $1, $2 }'
}

"$glamm" shapes --out "$set" --count "$scenes" --seed 2026 --split val --quiet > "$dir.log"
echo "models/nano on $scenes scenes of world a, seed 2026; in percent"
"$glamm" eval gcg --truth "$set" --pred "$dir/gcg" $model --report "$dir/report-gcg" | rows gcg
"$glamm" eval refseg --truth "$set/refcoco" --pred "$dir/refer" $model --report "$dir/report-refer" | rows "refseg, all"
"$glamm" eval refseg --truth "$set/refcoco" --pred "$dir/refer-released" $model --protocol released | rows "refseg, released"
"$glamm" eval region --truth "$set/visual_genome_val.json" --pred "$dir/region" $model | rows region
"$glamm" eval caption --truth "$set/captions_val.json" --pred "$dir/caption" $model | rows caption
"$glamm" eval vqa --truth "$set/llava_instruct_val.json" --pred "$dir/vqa" $model | rows vqa
