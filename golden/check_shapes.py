"""Reads a data set of `glamm shapes` as the original packages do (pycocotools, pickle, Pillow) and holds its files against each
other.  usage: check_shapes.py DIR (train|val)"""
import io, contextlib, json, os, pickle, sys
import numpy as np
from PIL import Image
from pycocotools import mask as mu
from pycocotools.coco import COCO

d, split = sys.argv[1:3]


def coco(name):
    with contextlib.redirect_stdout(io.StringIO()): return COCO(f"{d}/{name}")


def same(m, ann):
    """A mask against an annotation's numbers."""
    r = mu.encode(np.asfortranarray(m))
    assert ann["area"] == int(m.sum()) > 0 and ann["bbox"] == [int(v) for v in mu.toBbox(r)], ann["id"]


data = json.load(open(f"{d}/GranDf_HA_GCG_{split}.json"))
instances, vg, rc = coco("refcoco/instances.json"), coco(f"visual_genome_{split}.json"), coco(f"finetune_refcoco_{split}.json")
masks = {}      # of every image, by its number
for i in instances.getImgIds():
    anns = instances.loadAnns(instances.getAnnIds(i))
    got = []
    for a in anns:
        m = mu.decode(a["segmentation"]).sum(2).astype(np.uint8)        # RefCOCO_Segm_ds.py
        same(m, a); got.append(m)
    assert np.sum(got, 0).max() == 1, "masks overlap"
    masks[i] = got
    w = vg.loadAnns(vg.getAnnIds(i))
    assert len(w) == len(anns)
    for a, m in zip(w, got):
        assert (vg.annToMask(a) == m).all() and a["caption"]; same(m, a)
phrases = 0
for n, rec in enumerate(data):
    im = Image.open(f"{d}/images/{rec['file_name']}")
    assert im.size == (256, 256) and im.mode == "RGB"
    spans = []
    for word, g in rec["groundings"].items():                           # GranDf_gcg_ds.py, _parse_annotations
        s, e = g["token_positives"]
        assert rec["caption"][s:e] == word and rec["caption"] == rec["caption"].strip('"').strip()
        m = sum(mu.decode(r) for r in g["rle_masks"])
        assert m.max() == 1
        parts = [x for x in masks[n + 1] if (x & m).any()]
        assert parts and (sum(parts) == m).all() and len(parts) == len(g["rle_masks"])
        spans.append((s, e)); phrases += 1
    spans.sort()
    assert spans and all(a[1] < b[0] for a, b in zip(spans, spans[1:]))
refs = pickle.load(open(f"{d}/refcoco/refs(unc).p", "rb"))
sentences = set()
for r in refs:
    a = instances.anns[r["ann_id"]]
    assert a["image_id"] == r["image_id"] and a["category_id"] == r["category_id"] and r["split"] == split
    assert instances.imgs[r["image_id"]]["file_name"] == r["file_name"] and os.path.exists(f"{d}/images/{r['file_name']}")
    assert [s["sent_id"] for s in r["sentences"]] == r["sent_ids"] and r["sentences"]
    for s in r["sentences"]:
        assert s["sent"].split() == s["tokens"] and s["sent"] == s["sent"].strip().lower() and s["sent_id"] not in sentences
        sentences.add(s["sent_id"])
assert len({r["ref_id"] for r in refs}) == len(refs)
for i, im in rc.imgs.items():                                           # eval/region_captioning: annotation id == image id
    a = rc.anns[i]
    assert a["image_id"] == i and a["caption"] == im["caption"]; same(rc.annToMask(a), a)
    assert any((rc.annToMask(a) == m).all() for m in masks[int(im["file_name"][:-4]) + 1])
caps = coco(f"captions_{split}.json")
assert all(caps.getAnnIds(i) for i in caps.getImgIds())
llava = json.load(open(f"{d}/llava_instruct_{split}.json"))
for r in llava:
    c = r["conversations"]
    assert c[0]["value"].startswith("<image>\n") and [t["from"] for t in c] == ["human", "gpt"] * (len(c) // 2)
if split == "val":
    gt, ct = coco("val_gcg_coco_mask_gt.json"), coco("val_gcg_coco_caption_gt.json")
    for a in ct.anns.values():
        w = [m for m in gt.dataset["annotations"] if m["image_id"] == a["image_id"]] if len(data) < 300 else None
        if w is None: break
        rec = data[int(a["image_id"])]
        assert a["caption"] == rec["caption"] and a["labels"] == sorted(rec["groundings"], key=lambda k: rec["groundings"][k]["token_positives"])
        for k, m in zip(a["labels"], w):
            assert (gt.annToMask(m) == sum(mu.decode(r) for r in rec["groundings"][k]["rle_masks"])).all(); same(gt.annToMask(m), m)
print(f"{d}: {len(data)} images, {sum(map(len, masks.values()))} objects, {phrases} phrases, {len(sentences)} expressions, {len(rc.imgs)} + "
      f"{len(vg.anns)} regions, {len(caps.anns)} captions, {len(llava)} conversations: pycocotools reads them, and they agree")
