"""Random sets of masks scored by pycocotools, numpy and scipy.  usage: make_eval_masks.py OUT.json
sets: images (truth: size, counts, area, crowd, id; found: size, counts, score), stats (COCOeval's twelve),
per image iou (COCO's, found x truth), miou and pairs of recall by the rules of groundingLMM eval/gcg/evaluate.py
(similarity: labels x phrases; released: -1 where a pair lies outside it), paper and best_sum (scipy's assignment)."""
import contextlib, io, json, sys
import numpy as np
from pycocotools import mask as coco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.optimize import linear_sum_assignment

g = np.random.default_rng(11)
np.seterr(all="ignore")


def shape(h, w):
    m = np.zeros((h, w), np.uint8)
    kind = g.integers(8)
    if kind == 0: return m
    if kind == 1: return m + 1
    if kind == 2: m[g.integers(h), g.integers(w)] = 1; return m
    y, x = g.integers(h), g.integers(w)
    m[y:y + g.integers(1, h + 1), x:x + g.integers(1, w + 1)] = 1
    if kind == 3: m ^= g.random((h, w)) < .02
    return m


def rle(m):
    r = coco.encode(np.asfortranarray(m)); r["counts"] = r["counts"].decode(); return r


def iou(a, b):
    return np.sum(np.logical_and(a, b)) / np.sum(np.logical_or(a, b))


def miou(M):
    got = []
    while M.size > 0 and np.max(M) > 0:
        k = np.unravel_index(np.argmax(M), M.shape); got.append(M[k])
        M = np.delete(np.delete(M, k[0], 0), k[1], 1)
    return float(np.mean(got)) if got else 0.


def released(G, S):
    n, G, S = 0, G.copy(), S.copy()
    try:
        while G.size > 0:
            k = np.unravel_index(np.argmax(G), G.shape)
            if G[k] < .5 or S[k] < .5: break
            n += 1; G[k[0], :] = 0; G[:, k[1]] = 0; S[k[0], :] = 0; S[:, k[1]] = 0
    except IndexError: return -1
    return n


def best_sum(G):
    G = np.nan_to_num(G)
    return float(G[linear_sum_assignment(G, maximize=True)].sum()) if G.size else 0.


def paper(G, S):
    """-1 where assignments of one sum give different numbers."""
    G = np.nan_to_num(G)
    if G.size == 0: return 0
    counts = {count(G + 1e-9 * g.random(G.shape), S) for _ in range(20)}
    return counts.pop() if len(counts) == 1 else -1


def count(G, S):
    return sum(int(G[r, c] > .5 and r < S.shape[0] and c < S.shape[1] and S[r, c] > .5)
               for r, c in zip(*linear_sum_assignment(G, maximize=True)))


def score(images, anns, dets):
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(); gt.dataset = dict(info={}, images=images, categories=[dict(id=1)], annotations=anns); gt.createIndex()
        ev = COCOeval(gt, gt.loadRes(dets), "segm"); ev.params.catIds = [1]
        ev.evaluate(); ev.accumulate(); ev.summarize()
    return [float(x) for x in ev.stats]


def edges():
    """A match with the true mask whose id is 0; a match at place 101; areas on the borders of two ranges."""
    images, anns, dets, out = [], [], [], []
    for i in range(4):
        a, b, none = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
        a[:32, :32] = 1; b[20:, 35:] = 1; none[39, 0] = 1
        iid = f"im_{i:03d}"
        images.append(dict(id=iid, height=40, width=40))
        truth = [dict(**rle(m), area=float(m.sum()), crowd=False, id=2 * i + k) for k, m in enumerate((a, b))]
        found = [dict(**rle(m), score=1.) for m in [a] + [none] * (98 + i) + [b]]
        anns += [dict(id=t["id"], image_id=iid, category_id=1, segmentation=rle(m), area=t["area"], iscrowd=0, bbox=[0, 0, 1, 1]) for t, m in zip(truth, (a, b))]
        dets += [dict(image_id=iid, category_id=1, segmentation=dict(size=f["size"], counts=f["counts"]), score=1.) for f in found]
        F = len(found)
        C = [[1., 0.]] + [[0., 0.]] * (F - 2) + [[0., 1.]]
        out.append(dict(truth=truth, found=found, iou=C, miou=1., similarity=[], labels=0, phrases=0, released=-1, paper=0, best_sum=2.))
    return dict(images=out, stats=score(images, anns, dets))


def one(n, most, scored, sizes=(9, 130)):
    images, anns, dets, out, aid = [], [], [], [], int(g.integers(2))
    for i in range(n):
        h, w = (int(v) for v in g.integers(*sizes, 2))
        iid = f"im_{i:03d}"
        images.append(dict(id=iid, height=h, width=w))
        truth, found, tm, fm = [], [], [], []
        for _ in range(g.integers(0, 7)):
            m = shape(h, w); tm.append(m)
            area = float(g.choice([m.sum(), 1024, 9216, 500.5, 20000]))
            t = dict(**rle(m), area=area, crowd=bool(g.random() < .15), id=aid); aid += 1
            truth.append(t)
            anns.append(dict(id=t["id"], image_id=iid, category_id=1, segmentation=rle(m), area=area, iscrowd=int(t["crowd"]), bbox=[0, 0, 1, 1]))
        for _ in range(g.integers(0, most + 1)):
            m = tm[g.integers(len(tm))].copy() if tm and g.random() < .7 else shape(h, w)
            if g.random() < .5: m[:, :int(g.integers(0, max(1, w // 3)))] = 0
            fm.append(m); s = float(g.choice([.25, .5, .75])) if scored else 1.
            found.append(dict(**rle(m), score=s))
            dets.append(dict(image_id=iid, category_id=1, segmentation=rle(m), score=s))
        T, F = len(tm), len(fm)
        M = np.array([[iou(b, a) for b in fm] for a in tm]).reshape(T, F)
        S = g.random((max(0, T - int(g.random() < .2)), max(0, F - int(g.random() < .2)))).round(1)
        crowd = [int(t["crowd"]) for t in truth]
        C = coco.iou([rle(m) for m in fm], [rle(m) for m in tm], crowd) if T and F else np.zeros((F, T))
        out.append(dict(truth=truth, found=found, iou=np.asarray(C).tolist(), miou=miou(M.T.copy()), similarity=S.tolist(),
                        labels=S.shape[0], phrases=S.shape[1], released=released(M, S), paper=paper(M, S), best_sum=best_sum(M)))
    return dict(images=out, stats=score(images, anns, dets))


sets = [one(n, most, scored) for n, most, scored in ((1, 3, False), (12, 8, False), (12, 8, True), (25, 14, True), (30, 6, False))]
sets += [one(2, 140, False, (9, 20)), edges()]
json.dump(dict(sets=sets), open(sys.argv[1], "w"))
