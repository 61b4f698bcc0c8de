"""make eval-nano: a model on scenes that training never saw, by free generation, all tasks, one table (docs/EVAL.md).
usage: nano.py GLAMM DIR [--model M] [--scenes N] [--sets ab] [OPTION of glamm eval ..]
       nano.py GLAMM DIR --model models/nano --check golden/nano/quality.json: the same numbers as PyTorch's (golden/oracle/nano_cases.py), or status 1
Set a: golden/make_set_a.py.  Set b: glamm shapes, world b, of every scene its caption and one expression, region and question, in the words of its prompts.json;
set d: the same of world a (beside set a: the same world, drawn here).
Writes DIR/set-S in set A's layout, DIR/found-S/TASK (predictions; what is there from the same model is not asked again) and DIR/table.json."""
import argparse, json, os, pickle, subprocess, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../golden"))
import numpy as np
import make_set_a
from make_set_a import write, write_lines

SEED, SIDE = 4242, 256
# What is measured: task, key in glamm eval's JSON, words, and what the default model shall reach on set A.
ROWS = [("gcg", "miou", "GCG: mIoU", 75), ("gcg", "matched", "GCG: true masks matched at IoU 0.5", 80),
        ("gcg", "phrases", "GCG: phrases of matched masks right", 80), ("refseg", "ciou", "referring: cIoU", 75),
        ("region", "exact", "region: exact", 85), ("vqa", "exact", "question: exact", 80)]
TRUTH = dict(gcg="gcg_caption.json", refseg="refer.jsonl", region="region.json", vqa="vqa.jsonl")


def read(path):
    with open(path) as f: return json.load(f)


# ---- sets that glamm shapes draws ----

def make_drawn(glamm, raw, out, count, world):
    subprocess.run([glamm, "shapes", "--out", raw, "--count", str(count), "--seed", str(SEED), "--world", world, "--split", "val", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    os.makedirs(out, exist_ok=True)
    if not os.path.islink(f"{out}/images"): os.symlink(os.path.abspath(f"{raw}/images"), f"{out}/images")
    words = read(f"{raw}/prompts.json")
    pick = lambda task, n, fill="": words[task][n % len(words[task])].replace("{}", fill)
    gcg = read(f"{raw}/val_gcg_coco_caption_gt.json")
    for n, m in enumerate(gcg["images"]): m.update(file_name=f"{m['id']}.png", prompt=pick("gcg", n))
    write(f"{out}/gcg_caption.json", gcg)
    write(f"{out}/gcg_mask.json", read(f"{raw}/val_gcg_coco_mask_gt.json"))
    # Of what a scene has several, number n modulo how many; n is the scene's number.
    masks = {a["id"]: a["segmentation"][0] for a in read(f"{raw}/refcoco/instances.json")["annotations"]}
    refs, lines = {}, []
    with open(f"{raw}/refcoco/refs(unc).p", "rb") as f:
        for r in pickle.load(f): refs.setdefault(r["image_id"] - 1, []).append(r)
    for n, list_ in sorted(refs.items()):
        r = list_[n % len(list_)]
        text = r["sentences"][n % len(r["sentences"])]["sent"]
        lines.append(dict(id=n, image=r["file_name"], expression=text, prompt=pick("refer", n, text), segmentation=masks[r["ann_id"]]))
    write_lines(f"{out}/refer.jsonl", lines)
    vg = read(f"{raw}/visual_genome_val.json")
    names, boxes = {m["id"]: m["file_name"] for m in vg["images"]}, {}
    for a in vg["annotations"]: boxes.setdefault(int(names[a["image_id"]][:-4]), []).append(a)
    one = [dict(list_[n % len(list_)], id=n, prompt=pick("region", n, "region1 <bbox>")) for n, list_ in sorted(boxes.items())]
    write(f"{out}/region.json", dict(images=vg["images"], annotations=one))
    questions = []
    for n, r in enumerate(read(f"{raw}/llava_instruct_val.json")):
        q, a = r["conversations"][:2]
        questions.append(dict(question_id=n, image=r["image"], text=q["value"].replace("<image>", "").strip(), answer=a["value"]))
    write_lines(f"{out}/vqa.jsonl", questions)


# ---- answers that never look ----

def decode(s):
    """COCO's runs as pixels; compressed ones by maskApi.c rleFrString."""
    counts = s["counts"]
    if isinstance(counts, str):
        out, i = [], 0
        while i < len(counts):
            x = k = 0
            while True:
                c = ord(counts[i]) - 48
                x |= (c & 31) << 5 * k
                i += 1; k += 1
                if not c & 32: break
            if c & 16: x -= 1 << 5 * k
            out.append(x + out[-2] if len(out) > 2 else x)
        counts = out
    bits = np.repeat(np.arange(len(counts)) % 2, counts).astype(bool)
    return bits.reshape(s["size"][1], s["size"][0]).T


def most_frequent(texts): return max(texts.count(t) for t in set(texts)) / len(texts)


def best_mask(masks, score):
    """The best score of one mask for all: of everything, or of the pixels that most of the masks have, for any bound."""
    share = np.mean(masks, axis=0)
    return max(score(share >= t) for t in np.linspace(0, share.max(), 24))


def blind(folder):
    """Per row of ROWS: what the best single answer to everything would get."""
    lines = lambda name: [json.loads(l) for l in open(f"{folder}/{name}")]
    by_image = {}
    for a in read(f"{folder}/gcg_mask.json")["annotations"]: by_image.setdefault(a["image_id"], []).append(decode(a["segmentation"]))
    every = [m for list_ in by_image.values() for m in list_]
    refer = np.array([decode(r["segmentation"]) for r in lines("refer.jsonl")])
    labels = [l for a in read(f"{folder}/gcg_caption.json")["annotations"] for l in a["labels"]]
    iou = lambda a, b: (a & b).sum() / (a | b).sum()
    best = lambda c: [max(iou(c, m) for m in list_) for list_ in by_image.values()]
    return [best_mask(every, lambda c: np.mean(best(c))), best_mask(every, lambda c: sum(x >= .5 for x in best(c)) / len(every)),
            most_frequent([l.lower() for l in labels]), best_mask(refer, lambda c: (refer & c).sum() / (refer | c).sum()),
            most_frequent([a["caption"] for a in read(f"{folder}/region.json")["annotations"]]), most_frequent([q["answer"] for q in lines("vqa.jsonl")])]


# ---- the model ----

def answer(glamm, folder, found, model, more, limit={}):
    """glamm eval's JSON by task."""
    out = {}
    os.makedirs(found, exist_ok=True)
    for task, name in TRUTH.items():
        command = [glamm, "eval", task, "--truth", f"{folder}/{name}", "--pred", f"{found}/{task}", "--model", model, "--images", f"{folder}/images", "--quiet", "--json", *more]
        if task in limit: command += ["--max-tokens", str(limit[task])]
        r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        told = [l for l in r.stderr.splitlines() if "predictions of other" not in l]        # those of an earlier run with more scenes
        if told: print(*told, sep="\n", file=sys.stderr)
        if r.returncode: sys.exit(f"eval-nano: failed: {' '.join(command)}")
        out[task] = json.loads(r.stdout)
    return out


def check(a, more):
    """nano_cases.py's scenes and limits; its numbers but for the rounding of sums."""
    q = read(a.check)
    make_set_a.main(f"{a.dir}/set-check", q["scenes"])
    r = answer(a.glamm, f"{a.dir}/set-check", f"{a.dir}/found-check", a.model, more, dict(gcg=60, refseg=12, region=12, vqa=16))
    bad = 0
    for (task, key, words, _), theirs in zip(ROWS, ["gcg_miou", "gcg_masks_matched", None, "refer_ciou", "region_exact", "vqa_exact"]):
        if not theirs: continue
        same = abs(r[task][key] - q[theirs]) < 1e-12
        bad += not same
        print(f"{words:38}{r[task][key]:20.15f} {'is' if same else 'is not'} PyTorch's {q[theirs]:.15f}")
    return bad > 0


def main():
    a = argparse.ArgumentParser()
    a.add_argument("glamm"); a.add_argument("dir")
    a.add_argument("--model", default="models/nano"); a.add_argument("--scenes", type=int, default=200); a.add_argument("--sets", default="ab"); a.add_argument("--check")
    a, more = a.parse_known_args()
    if not set(a.sets) <= set("abd"): sys.exit(f"eval-nano: --sets: wanted some of a, b, d, found {a.sets}")
    if a.check: sys.exit(check(a, more))
    table = {}
    for s in a.sets:
        folder, found = f"{a.dir}/set-{s}", f"{a.dir}/found-{s}"
        if s == "a": make_set_a.main(folder, a.scenes)
        else: make_drawn(a.glamm, f"{a.dir}/drawn-{s}", folder, a.scenes, dict(b="b", d="a")[s])
        r = answer(a.glamm, folder, found, a.model, more)
        print(f"{a.model}, set {s.upper()}, {a.scenes} scenes, in percent")
        print(f"{'':38}{'here':>6}{'  wanted' if s == 'a' else '':8}  one answer to everything")
        for (task, key, words, wanted), b in zip(ROWS, blind(folder)):
            v = r[task][key] or 0
            aim = "" if s != "a" else f"{wanted:8}" if 100 * v >= wanted else f"{wanted:7}!"
            print(f"{words:38}{100 * v:6.1f}{aim:8}{100 * b:10.1f}")
            table[f"{s}_{task}_{key}"] = dict(value=v, one_answer=float(b), wanted=wanted / 100 if s == "a" else None)
        print(flush=True)
    write(f"{a.dir}/table.json", table)


if __name__ == "__main__": main()
