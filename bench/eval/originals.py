"""The scores of eval/gcg/evaluate.py by pycocotools and pycocoevalcap: AP, captions (without SPICE), mIoU; no BERT.
usage: originals.py TRUTH PREDICTIONS  (val split; annotations are found by image, which the authors' script does by search)"""
import contextlib, io, json, os, sys, tempfile
import numpy as np
from pycocotools import mask as coco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
import pycocoevalcap.eval as E

truth, found = sys.argv[1:3]


class NoSpice:
    def method(self): return "SPICE"
    def compute_score(self, a, b): return 0.0, [{"All": {"f": 0.0}}] * len(a)


def miou(a, b):
    m = np.zeros((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b): m[i, j] = np.sum(np.logical_and(x, y)) / np.sum(np.logical_or(x, y))
    got = []
    while m.size > 0 and np.max(m) > 0:
        k = np.unravel_index(np.argmax(m), m.shape); got.append(m[k])
        m = np.delete(np.delete(m, k[0], 0), k[1], 1)
    return np.mean(got) if got else 0.0


out = io.StringIO()
with contextlib.redirect_stdout(out):
    caps = COCO(f"{truth}/val_gcg_coco_caption_gt.json")
    masks, texts = [], []
    for i in caps.dataset["images"]:
        p = json.load(open(f"{found}/{i['id']}.json"))
        texts.append(dict(image_id=i["id"], caption=p["caption"]))
        masks += [dict(image_id=i["id"], category_id=1, segmentation=m, score=1.0) for m in p["pred_masks"]]
    with tempfile.TemporaryDirectory() as d:
        json.dump(masks, open(f"{d}/masks.json", "w")); json.dump(texts, open(f"{d}/texts.json", "w"))
        gt = COCO(f"{truth}/val_gcg_coco_mask_gt.json")
        dt = gt.loadRes(f"{d}/masks.json")
        res = caps.loadRes(f"{d}/texts.json")
    ev = COCOeval(gt, dt, "segm"); ev.params.catIds = [1]; ev.evaluate(); ev.accumulate(); ev.summarize()
    E.Spice = NoSpice
    cap = E.COCOEvalCap(caps, res); cap.params["image_id"] = res.getImgIds(); cap.evaluate()
    mean = np.mean([miou([coco.decode(a["segmentation"]) for a in dt.imgToAnns[i["id"]]],
                         [coco.decode(a["segmentation"]) for a in gt.imgToAnns[i["id"]]]) for i in caps.dataset["images"]])
print(json.dumps(dict(coco_stats=[float(v) for v in ev.stats], miou=float(mean),
                      caption={k: float(v) for k, v in cap.eval.items() if k != "SPICE"})))
