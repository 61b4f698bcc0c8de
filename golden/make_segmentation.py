"""COCO segmentations of every form as masks by pycocotools.  usage: make_segmentation.py OUT.json
each: size (height, width), segmentation as in an annotation file, counts of the union of its parts (annToRLE), areas of the parts"""
import json, random, sys

import numpy as np
from pycocotools import mask as coco

r = random.Random(11)


def polygon(h, w):
    form = r.randrange(4)
    c = [lambda n: round(r.uniform(0, n), 2), lambda n: r.randint(0, n), lambda n: round(r.uniform(-n / 2, 1.5 * n), 1), lambda n: r.randint(-2 * n, 3 * n) / 2][form]
    p = [(c(w), c(h)) for _ in range(r.randint(3, 7))]
    if r.random() < .3:
        p.insert(1, p[0])
    return [v for q in p for v in q]


def case():
    h, w = r.choice([(1, 1), (1, 7), (9, 1), (12, 17), (40, 31)])
    if r.random() < .3:
        m = np.asfortranarray(np.random.default_rng(r.randrange(1 << 30)).random((h, w)) < r.random(), np.uint8).ravel("F")
        runs, last, n = [], 0, 0
        for v in m:
            if v != last:
                runs.append(n)
                last, n = v, 0
            n += 1
        s = {"size": [h, w], "counts": [int(n) for n in runs + [n]]}
    else:
        s = [polygon(h, w) for _ in range(r.randint(1, 4))]
    parts = coco.frPyObjects(s, h, w)
    parts = parts if isinstance(parts, list) else [parts]
    return dict(size=[h, w], segmentation=s, counts=coco.merge(parts).get("counts").decode(), areas=[int(coco.area(p)) for p in parts])


with open(sys.argv[1], "w") as f:
    json.dump([case() for _ in range(120)], f, separators=(",", ":"))
    f.write("\n")
