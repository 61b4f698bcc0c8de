"""What the authors' data set classes make of the sets of make_data_fixtures.py.
usage: make_data.py golden/data OUT.json      with the authors' checkout in $GLAMM_SRC; run in the repository.

Their classes run as they are, on links that give the files the places that they ask for.  Replaced: reading of images
(OpenCV, by Pillow), modules that are imported but not used here, and every random choice, which is drawn from the hash of
train/draw.h with the key of the record, in the order in which the authors' code asks.  OUT.json: per set, for every record
(null where the authors' code passes over it or stops) the conversation, its ids and labels (custom_collate_fn, tokenizer of golden/mini),
boxes, masks (the union of parts, where the authors add them up); three batches; polygons as pycocotools fills them.
Needs torch, transformers 4.28.1, pycocotools, Pillow."""
import json, os, random, shutil, sys, tempfile, types
import numpy as np, torch
from PIL import Image
from pycocotools import mask as coco_mask
from transformers import LlamaTokenizer

data, out, src = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.environ["GLAMM_SRC"]
model = os.path.abspath("golden/mini/model")
clip = f"{model}/clip"
SEED, RECORDS, SAM = 5, 4, 128

# ---- train/draw.h ----
M = (1 << 64) - 1


def finalise(z):
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9 & M
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb & M
    return z ^ (z >> 31)


def mix(a, b):
    golden = 0x9e3779b97f4a7c15
    return finalise(finalise(a + golden & M) + (b + 1) * golden & M)


class Draw:
    key, n, given = 0, 0, []                    # given: choices of sets and records, made by this script

    def bits(self):
        self.n += 1
        return mix(self.key, self.n - 1)

    def below(self, n): return (self.bits() >> 32) * n >> 32
    def real(self): return (self.bits() >> 11) / 2**53

    def some(self, n, k):
        p = list(range(n))
        for i in range(k):
            j = i + self.below(n - i)
            p[i], p[j] = p[j], p[i]
        return p[:k]


draw = Draw()
random.choice = lambda l: draw.given.pop(0) if draw.given else l[draw.below(len(l))]
random.randint = lambda a, b: draw.given.pop(0)
random.random = lambda: draw.real()
np.random.choice = lambda l, size, replace: [l[i] for i in draw.some(len(l), size)]
torch.randperm = lambda n: torch.tensor(draw.some(n, n), dtype=torch.long)

# ---- the authors' modules ----
cv2 = types.ModuleType("cv2")
cv2.COLOR_BGR2RGB = 0


def imread(path):
    if isinstance(path, tuple): path = f"{data}/images/{path[-1]}"         # Q23: a misplaced parenthesis
    return np.array(Image.open(path).convert("RGB"))[..., ::-1]


cv2.imread, cv2.cvtColor = imread, lambda x, code: np.ascontiguousarray(x[..., ::-1])
sys.modules["cv2"] = cv2
for name in ["lmdb", "skimage", "skimage.io", "matplotlib", "matplotlib.pyplot", "matplotlib.collections", "matplotlib.patches",
             "markdown2", "bleach", "gradio"]:
    m = sys.modules[name] = types.ModuleType(name)
    m.__path__ = []
    m.PatchCollection = m.Polygon = m.Rectangle = None
sys.modules["skimage"].io = sys.modules["skimage.io"]
sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
sys.path.insert(0, src)
from model.llava import conversation
conversation.default_conversation = conversation.conv_templates["llava_v1"]
from dataset import dataset as D
from dataset.gcg_datasets import GranDf_gcg_ds as G
from dataset.segm_datasets import RefCOCO_Segm_ds as R, Semantic_Segm_ds as S

# ---- their folders ----
work = tempfile.mkdtemp()
os.chdir(work)


def link(target, *places):
    for p in places:
        os.makedirs(os.path.dirname(f"{work}/{p}"), exist_ok=True)
        os.symlink(target, f"{work}/{p}")


link(f"{src}/dataset", "dataset")
link(f"{data}/images", "GranDf/GranDf_HA_images/train", "coco_2017/train2017", "flikcr_30k/train", "flikcr_30k/flickr30k-images",
     "coco_2014/train2014", "Refer_Segm/coco_2014/train2014", "RefCoco_Reg/coco_2014", "visual_genome/images",
     "Semantic_Segm/ade20k/images/training")
for a, b in [("grandf.json", "GranDf/annotations/train/GranDf_HA_GCG_train.json"), ("openpsg.json", "GranDf/annotations/train/OpenPsgGCG_train.json"),
             ("flickr-gcg.json", "GranDf/annotations/train/flickr_mergedGT_GCG_train.json"),
             ("refcocog-gcg.json", "GranDf/annotations/train/RefCOCOg_GCG_train.json"),
             ("refcoco", "Refer_Segm/refcoco"), ("refcocog", "Refer_Segm/refcocog"),
             ("refcoco-region.json", "RefCoco_Reg/mdetr_annotations/finetune_refcoco_train.json"),
             ("refcocog-region.json", "RefCoco_Reg/mdetr_annotations/finetune_refcocog_train.json"),
             ("vg-region.json", "visual_genome/train.json"), ("flickr-region.json", "flikcr_30k/mdetr_annotations/final_flickr_mergedGT_train.json"),
             ("coco-caption.json", "coco_2017/annotations/captions_train2017.json"), ("llava.json", "llava_dataset/llava_instruct_150k.json"),
             ("ade20k", "Semantic_Segm/ade20k/annotations/training"), ("cocostuff", "Semantic_Segm/cocostuff/train2017"),
             ("paco.json", "Semantic_Segm/paco_lvis/annotations/paco_lvis_v1_train.json"), ("pascal-part.json", "Semantic_Segm/pascal_part/train.json")]:
    link(f"{data}/{a}", b)

tok = LlamaTokenizer.from_pretrained(model, use_fast=False, model_max_length=1536)
tok.pad_token = tok.unk_token
common = dict(dataset_dir=work, tokenizer=tok, global_image_encoder=clip, image_size=SAM)


def make(cls, **more):
    cls.IMG_SIZE = SAM
    return cls(**common, **more)


def collate(samples, most=None):
    tok.model_max_length = 10**6 if most is None else 575 + most
    return D.custom_collate_fn(samples, tokenizer=tok, inference=False)


def runs(m):
    x = coco_mask.encode(np.asfortranarray((np.array(m) > 0).astype(np.uint8)))
    return x["counts"].decode()


def describe(sample, twice=0):
    b = collate([sample])
    boxes, masks = sample[3], sample[5]
    boxes = [] if boxes is None else boxes.tolist()
    if twice: boxes = boxes[:twice] * 2                                    # C1: the authors give them once
    return {"conversation": b["conversation_list"][0], "ids": b["input_ids"][0].tolist(), "labels": b["labels"][0].tolist(),
            "boxes": boxes, "masks": [] if masks is None else [runs(m) for m in masks]}


def one(i, get, given=()):
    draw.key, draw.n, draw.given = mix(mix(SEED, RECORDS), i), 0, list(given)
    return get()


def records(n, get, given=(), **more):
    """get(i): a sample or None"""
    done = []
    for i in range(n):
        s = one(i, lambda: get(i), given)
        done.append(None if s is None else describe(s, **{k: f(i, s) for k, f in more.items()}))
    return done


result, keep = {}, {}

for name, cls in [("grandf", G.GranDfDataset), ("openpsg", G.OpenPsgGCGDataset)]:
    ds = make(cls, random_sampling=False)
    result[name] = records(len(ds), lambda i: ds[i] if ds.data_infos[i]["groundings"] else None)
    keep[name] = ds
ds = make(G.RefCOCOgGCGDataset, random_sampling=False)
result["refcocog-gcg"] = records(len(ds), lambda i: ds[i] if i < 2 else None)


def by_image(ds, all_images):
    place = {info["id"]: k for k, info in enumerate(ds.data_infos)}
    return [place.get(m["id"]) for m in all_images]


for name, cls in [("flickr-gcg", G.Flickr30kGCGDataset), ("refcoco-region", D.RefCocoRegDataset), ("refcocog-region", D.RefCocoGRegDataset),
                  ("vg-region", D.VisualGenomeRegDataset), ("flickr-region", D.Flickr30kRegDataset)]:
    ds = make(cls, random_sampling=False)
    images = json.load(open(f"{data}/{name}.json"))["images"]
    place = by_image(ds, images)
    more = {"twice": lambda i, s: min(10, len(s[9]))} if name == "flickr-region" else {}
    result[name] = records(len(images), lambda i: None if place[i] is None else ds[place[i]], **more)
    keep[name] = ds

ds = make(D.CocoCapDataset)
result["coco-caption"] = []
for i, a in enumerate(json.load(open(f"{data}/coco-caption.json"))["annotations"]):
    result["coco-caption"].append(describe(one(i, lambda: ds[0], [a["id"]])))
ds = make(D.LLaVAInstructDataset, random_sampling=False)
result["llava"] = records(len(ds.data_infos), lambda i: ds[i])

for name, split in [("refcoco", "train"), ("refcoco", "val"), ("refcocog", "testA"), ("refcocog", "test")]:
    ds = make(R.ReferSegmDataset, refer_segm_data=name, split=split, random_sampling=False)
    seen = list(dict.fromkeys(m["image_id"] for m in (ref for ref in ds.refer_segm_data[name]["img2refs"].values() for ref in ref)))
    at = {m["id"]: k for k, m in enumerate(ds.refer_segm_data[name]["images"])}
    result[f"{name} {split}"] = [describe(one(i, lambda: ds[at[image]], [0])) for i, image in enumerate(seen)]

for name in ["ade20k", "cocostuff"]:
    ds = make(S.SemanticSegmDataset, semantic_segm_data=name, random_sampling=False)
    labels = [os.path.basename(l) for l in ds.data2list[name][1]]
    result[name] = records(4, lambda i: None if i == 2 else ds[labels.index(f"{i}.png")], given=[0])
for name, short in [("paco_lvis", "paco"), ("pascal_part", "pascal-part")]:
    ds = make(S.SemanticSegmDataset, semantic_segm_data=name)
    result[short] = [None if i == 2 else describe(one(i, lambda: ds[0], [0, i])) for i in range(4)]

# ---- polygons, inside and outside of the picture, flat ones, crossing themselves ----
rng, polygons = np.random.RandomState(3), []
for k in range(60):
    h, w = int(rng.randint(1, 40)), int(rng.randint(1, 40))
    points = [[round(float(v), 2) for v in rng.uniform(-8, 48, 2 * rng.randint(3, 9))] for _ in range(rng.randint(1, 3))]
    if k % 6 == 0: points[0][2:4] = points[0][0:2]
    if k % 7 == 0: points = [[float(int(v)) for v in p] for p in points]
    x = coco_mask.merge(coco_mask.frPyObjects(points, h, w))
    polygons.append({"size": [h, w], "points": points, "counts": x["counts"].decode()})

# ---- batches: two samples, and the same cut ----
batches = []
for name, pair, most in [("grandf", (0, 1), None), ("grandf", (3, 1), 60), ("vg-region", (0, 3), 150)]:
    ds = keep[name]
    b = collate([one(i, lambda: ds[i]) for i in pair], most)
    sam, g = b["grounding_enc_images"], b["global_enc_images"]
    batches.append({"set": name, "records": pair, "most": most or 0, "ids": b["input_ids"].tolist(), "labels": b["labels"].tolist(),
                    "offset": b["offset"].tolist(), "resized": b["resize_list"] and [list(map(int, s)) for s in b["resize_list"]],
                    "clip_sum": g.double().sum((1, 2, 3)).tolist(), "sam_sum": None if sam is None else sam.double().sum((1, 2, 3)).tolist(),
                    "mask_sum": [[float((m > 0).sum()) for m in one_image] for one_image in b["masks_list"] or []]})

with open(out, "w") as f:
    json.dump({"seed": SEED, "sets": result, "batches": batches, "polygons": polygons}, f, indent=None, separators=(",", ":"))
    f.write("\n")
shutil.rmtree(work)
print({k: [bool(x) for x in v] for k, v in result.items()})
