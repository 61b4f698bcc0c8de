"""Small sets for `glamm eval refseg` and `region`, scored by the authors' and pycocoevalcap's code.
usage: GLAMM_SRC=CHECKOUT make_eval_sets.py OUT
refer/: REFER's folder (refs(unc).p by Python 2's pickle protocol 0 and 2; val: lists of run-length masks, testA: polygons, parts of
which overlap, an annotation without segmentation, gRefCOCO's lists of annotations); refer_found/: one JSON per image.
region.json, region_found/: the authors' annotation and result files.  expected.json: per split each expression's intersection and
union (class 1 of tools/utils.py intersectionAndUnionGPU, floats on a CPU, over the sum of decoded parts, RefCOCO_Segm_ds.py), giou and ciou as
eval/referring_seg/infer_and_evaluate.py takes them (in float64); the scores of COCOEvalCap."""
import contextlib, io, json, os, pickle, sys
import numpy as np
import torch
from pycocotools import mask as coco
from pycocotools.coco import COCO
from pycocoevalcap.eval import COCOEvalCap
sys.path.insert(0, os.environ["GLAMM_SRC"])
from tools.utils import intersectionAndUnionGPU

out = sys.argv[1]
g = np.random.default_rng(23)
H, W = 48, 64
for d in ("refer", "refer_found", "region_found"): os.makedirs(f"{out}/{d}", exist_ok=True)


def write(name, o):
    with open(f"{out}/{name}", "w") as f: json.dump(o, f)


def rle(m):
    r = coco.encode(np.asfortranarray(m.astype(np.uint8))); r["counts"] = r["counts"].decode(); return r


def blob():
    y, x = np.mgrid[:H, :W]
    return ((y - g.uniform(8, H - 8)) / g.uniform(4, 16)) ** 2 + ((x - g.uniform(8, W - 8)) / g.uniform(4, 20)) ** 2 < 1


def polygon():
    a = np.sort(g.uniform(0, 2 * np.pi, 9))
    r, c = g.uniform(4, 18, 9), (g.uniform(12, W - 12), g.uniform(12, H - 12))
    return [round(float(v), 2) for t in zip(c[0] + r * np.cos(a), c[1] + r * np.sin(a)) for v in t]


def truth(annotations, ids):                        # RefCOCO_Segm_ds.py, __getitem__
    total = np.zeros((H, W), np.uint8)
    for i in ids if isinstance(ids, list) else [ids]:
        if i == -1: continue
        s = annotations[i]["segmentation"]
        if not s: continue
        r = coco.frPyObjects(s, H, W) if type(s[0]) == list else [dict(p, counts=p["counts"].encode()) for p in s]
        total = total | np.sum(coco.decode(r), axis=2).astype(np.uint8)
    return total


annotations, refs, images, ids, found = {}, [], [], 100, {}
for k in range(8):
    images.append(dict(id=5000 + 7 * k, file_name=f"image{k}.png", height=H, width=W))
    for j in range(int(g.integers(1, 4))):
        ids += 3
        split = "val" if k < 4 else "testA" if k < 6 else "testAB"
        parts = [rle(blob()) for _ in range(g.integers(1, 3))] if split == "val" else [polygon() for _ in range(g.integers(1, 4))]
        if k == 5 and j == 0: parts = []
        annotations[ids] = dict(id=ids, image_id=images[-1]["id"], segmentation=parts, category_id=1, iscrowd=0, area=1.0, bbox=[0, 0, 1, 1])
        ann = ids if not (k == 6 and j == 0) else [ids, ids] if g.random() < .5 else [-1]
        sents = [dict(sent_id=10 * ids + n, sent=f"the thing {n} of {ids}", raw="The thing", tokens=["the", "thing"])
                 for n in range(int(g.integers(1, 4)))]
        refs.append(dict(ref_id=ids, ann_id=ann, image_id=images[-1]["id"], split=split, category_id=1, file_name=images[-1]["file_name"],
                         sentences=sents, sent_ids=[s["sent_id"] for s in sents]))
write("refer/instances.json", dict(annotations=list(annotations.values()), images=images, categories=[dict(id=1, name="thing")]))
for name, protocol in (("unc", 2), ("zero", 0)):
    with open(f"{out}/refer/refs({name}).p", "wb") as f: pickle.dump(refs, f, protocol=protocol)

expected = {"val": {}, "testA": {}}
for split, one in expected.items():
    sums, giou, n = np.zeros(2), 0.0, 0
    one["expressions"] = {}
    for r in refs:
        if not (r["split"] == split if split == "val" else split[-1] in r["split"]): continue
        t = truth(annotations, r["ann_id"])
        for s in r["sentences"]:
            e = found.setdefault(r["image_id"], [])
            m = (t > 0) ^ (g.random((H, W)) < .1) if g.random() < .7 else blob()
            if s["sent_id"] % 10 == 2 and r["ann_id"] == refs[0]["ann_id"]: m = None      # no mask: counts as empty
            if m is not None: e.append(dict(id=s["sent_id"], expression=s["sent"], segmentation=rle(m)))
            p = np.zeros((H, W)) if m is None else m
            i, u, _ = intersectionAndUnionGPU(torch.tensor(p).float(), torch.tensor(t).float(), 2, ignore_index=255)
            i, u = float(i[1]), float(u[1])
            one["expressions"][str(s["sent_id"])] = [i, u]
            sums += (i, u); giou += 1.0 if u == 0 else i / (u + 1e-5); n += 1
    one.update(ciou=sums[0] / (sums[1] + 1e-10), giou=giou / (n + 1e-5), n=n)
for i, e in found.items(): write(f"refer_found/{i}.json", dict(image_id=i, expressions=e))

WORDS = "a the man woman dog red blue hat table left right near with on holding small large tall two. in of, it's".split()
text = lambda: " ".join(g.choice(WORDS, g.integers(3, 12)))
region = dict(images=[], annotations=[])
results = [[], []]
for k in range(20):
    c = text()
    region["images"].append(dict(id=k + 40, file_name=f"r{k}.png", height=H, width=W))
    region["annotations"].append(dict(id=k + 40, image_id=k + 40, caption=c, bbox=[1, 2, 30, 20]))
    w = c.split(); w[g.integers(len(w))] = str(g.choice(WORDS))
    results[k % 2].append(dict(image_id=k + 40, caption=" ".join(w) if k % 3 else text()))
write("region.json", region)
for k, r in enumerate(results): write(f"region_found/model_refcocog_{k}.json", r)
with contextlib.redirect_stdout(io.StringIO()):
    truth_ = COCO(f"{out}/region.json")
    write("merged.tmp", results[0] + results[1])
    res = truth_.loadRes(f"{out}/merged.tmp")
    ev = COCOEvalCap(truth_, res); ev.params["image_id"] = res.getImgIds()
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
    import pycocoevalcap.eval as E

    class NoSpice:
        def method(self): return "SPICE"
        def compute_score(self, a, b): return 0.0, [{"All": {"f": 0.0}}] * len(a)
    E.Spice = NoSpice
    ev.evaluate()
os.remove(f"{out}/merged.tmp")
expected["region"] = dict(caption={k: float(v) for k, v in ev.eval.items() if k != "SPICE"},
                          each={str(i): {k: float(v) for k, v in e.items() if k in ("Bleu_4", "METEOR", "ROUGE_L", "CIDEr")}
                                for i, e in ev.imgToEval.items()})
write("expected.json", expected)
