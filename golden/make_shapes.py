"""What shapeworld.py and nano_data.py draw and say, for train/shapes*.c.  usage: make_shapes.py OUT.json
scenes: objects of some scenes (geometry, box, the mask's COCO runs by pycocotools); caption, refer (one list an object), region: every text that
        many draws gave, sorted; ask: answers by question
templates: by task, every question and answer of SCENES scenes with colours, shapes and sizes replaced by C, S, Z
numbers: over those scenes, [mean, its standard error] of what the pictures measure"""
import json, os, re, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import numpy as np
import shapeworld as sw, nano_data as nd
from pycocotools import mask as mu

SCENES, SEED = 1500, 4242


def draws(n, f): return sorted({f(np.random.default_rng([7, i])) for i in range(n)})


def scene(i):
    _, objs = sw.scene(SEED, i)
    out = []
    for o in objs:
        counts = mu.encode(np.asfortranarray(o["mask"].astype(np.uint8)))["counts"].decode()
        out.append(dict(colour=o["colour"], shape=o["shape"], size=o["size"], radius=o["radius"], cx=o["cx"], cy=o["cy"], bbox=o["bbox"], counts=counts))
    ask = {}
    for k in range(400):
        q, a = nd.vqa(objs, np.random.default_rng([8, k]))
        assert ask.setdefault(q, a) == a
    return dict(objects=out, caption=draws(40, lambda r: sw.grounded_caption(objs, r)[0]),
                refer=[draws(150, lambda r: nd.referring(objs, k, r)) for k in range(len(objs))], region=[sw.phrase(o, True) for o in objs], ask=ask)


def template(text):
    text = text.replace(nd.BEGIN, "")
    text = re.sub(rf"\b(An?|an?) (?={'|'.join(sw.COLOURS)}|small|large)", lambda m: m[0][0] + " ", text)
    for words, letter in ((sw.COLOURS, "C"), (sw.SHAPES, "S"), (sw.SIZES, "Z")): text = re.sub(rf"\b({'|'.join(words)})\b", letter, text)
    return text


pick, seen = [], set()          # scenes that show every shape, in each size
for i in range(200):
    new = {(o["shape"], o["size"]) for o in sw.scene(SEED, i)[1]}
    if new - seen: pick.append(i); seen |= new
templates = {t: set() for t in nd.TASKS}
stats = {k: [] for k in ("objects", "large", "mean", "spread", "grain")}
for i in range(SCENES):
    img, objs = s = sw.scene(SEED, i)
    x = img.astype(float)
    stats["objects"].append(len(objs)); stats["large"].append(np.mean([o["size"] == "large" for o in objs])); stats["mean"].append(x.mean())
    stats["spread"].append(x.std((0, 1)).mean()); stats["grain"].append(abs(np.diff(x, axis=1)).mean())
    for t in nd.TASKS[:-1]:                                                        # phrase: too many of them
        for turn in nd.sample(SEED, i, t, s)["turns"]: templates[t] |= {template(x) for x in turn}
json.dump(dict(scenes=[scene(i) for i in pick], templates={k: sorted(v) for k, v in templates.items() if v},
               prompts=dict(system=nd.SYSTEM, begin=nd.BEGIN, gcg=nd.GCG_Q, refer=nd.REFER_Q, refer_answers=nd.REFER_A, region=nd.REGION_Q, caption=nd.CAPTION_Q, phrase=[nd.PHRASE_Q]),
               numbers={k: [float(np.mean(v)), float(np.std(v) / SCENES ** .5)] for k, v in stats.items()}), open(sys.argv[1], "w"), indent=0)
print(len(pick), "scenes;", {k: len(v) for k, v in templates.items()}, {k: round(float(np.mean(v)), 3) for k, v in stats.items()})
