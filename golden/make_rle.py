"""Masks as COCO run lengths by pycocotools.  usage: make_rle.py OUT.json
masks: size (height, width), rows ('0' and '1'), counts (compressed), area, box (x y w h)
large: one disc of a given size, centre and radius, by its counts alone"""
import json, sys
import numpy as np
from pycocotools import mask as coco

g = np.random.default_rng(3)
masks = [np.zeros((5, 7)), np.ones((5, 7)), np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 9)), np.ones((9, 1))]
for y, x in ((0, 0), (4, 6), (0, 6), (4, 0), (2, 3)):
    m = np.zeros((5, 7)); m[y, x] = 1; masks.append(m)
border = np.zeros((8, 11)); border[0] = border[-1] = 1; border[:, 0] = border[:, -1] = 1
columns = np.zeros((40, 30)); columns[:, 3:20] = 1
late = np.zeros((40, 33)); late[30:, 4] = 1; late[:5, 5] = 1
masks += [border, 1 - border, columns, late, np.indices((9, 10)).sum(0) % 2]
for density in (0.02, 0.3, 0.5, 0.9):
    h, w = g.integers(1, 60, 2)
    masks.append(g.random((h, w)) < density)
    soft = g.normal(0, 1, (h + 20, w + 20)).cumsum(0).cumsum(1)
    masks.append(soft > np.quantile(soft, 1 - density))


def facts(m):
    m = np.asfortranarray(np.asarray(m, np.uint8))
    r = coco.encode(m)
    return dict(size=list(m.shape), counts=r["counts"].decode(), area=int(coco.area(r)), box=[int(v) for v in coco.toBbox(r)])


out = [dict(rows=["".join("01"[int(v)] for v in row) for row in m], **facts(m)) for m in masks]
y, x = np.mgrid[0:1500, 0:2250]
disc = dict(centre=[800, 700], radius=611, **facts((y - 700) ** 2 + (x - 800) ** 2 < 611 ** 2))
json.dump(dict(masks=out, large=disc), open(sys.argv[1], "w"), indent=0)
