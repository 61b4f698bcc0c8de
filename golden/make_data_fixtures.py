"""Small data sets in every format that training reads.
usage: make_data_fixtures.py FOLDER      FOLDER: golden/data
Drawn here, from a fixed seed: pictures of ellipses, their masks, captions.  Needs numpy, Pillow, pycocotools."""
import json, os, pickle, sys
import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

out = sys.argv[1]
r = np.random.RandomState(7)
os.makedirs(f"{out}/images", exist_ok=True)
SIZES = [(64, 48), (48, 64), (72, 50), (40, 40), (66, 33), (30, 20)]     # the last is too small for some formats


def write(name, value):
    os.makedirs(os.path.dirname(f"{out}/{name}"), exist_ok=True)
    with open(f"{out}/{name}", "w") as f:
        json.dump(value, f, indent=None, separators=(", ", ": "))
        f.write("\n")


def ellipse(w, h):
    """x y w h of a box, whole numbers, inside the picture."""
    a, b = r.randint(8, w // 2 + 1), r.randint(8, h // 2 + 1)
    return [int(r.randint(0, w - a + 1)), int(r.randint(0, h - b + 1)), int(a), int(b)]


def bitmap(box, w, h):
    im = Image.new("L", (w, h))
    ImageDraw.Draw(im).ellipse([box[0], box[1], box[0] + box[2] - 1, box[1] + box[3] - 1], fill=1)
    return np.array(im)


def rle(m, listed=False):
    if listed:                                                            # uncompressed, column by column
        flat, counts, now, n = m.flatten(order="F"), [], 0, 0
        for v in flat:
            if v != now: counts.append(n); now, n = v, 0
            n += 1
        return {"size": list(m.shape), "counts": [int(c) for c in counts + [n]]}
    x = coco_mask.encode(np.asfortranarray(m.astype(np.uint8)))
    return {"size": [int(v) for v in x["size"]], "counts": x["counts"].decode()}


def polygon(box, k=9):
    t = np.arange(k) * 2 * np.pi / k
    x, y = box[0] + box[2] / 2 * (1 + np.cos(t)), box[1] + box[3] / 2 * (1 + np.sin(t))
    return [round(float(v), 2) for v in np.stack([x, y], 1).ravel()]


BOXES = []                                                                # of each picture
for i, (w, h) in enumerate(SIZES):
    boxes = [ellipse(w, h) for _ in range(12)] if min(w, h) >= 32 else [[2, 3, 20, 12]]
    BOXES.append(boxes)
    y, x = np.mgrid[0:h, 0:w]
    im = Image.fromarray(np.stack([120 + x, 90 + y * 2, 200 - x - y], 2).clip(0, 255).astype(np.uint8))
    d = ImageDraw.Draw(im)
    for k, b in enumerate(boxes[:4]):
        d.ellipse([b[0], b[1], b[0] + b[2] - 1, b[1] + b[3] - 1], fill=[(220, 60, 50), (40, 90, 220), (240, 200, 40), (60, 170, 80)][k])
    im.save(f"{out}/images/{i}.png", optimize=True)
    im.save(f"{out}/images/{i}.jpg", quality=90)


def masks(i):
    return [bitmap(b, *SIZES[i]) for b in BOXES[i]]


# ---- grounded captions ----
def grounded(i, caption, phrases, shift=0):
    """phrases: text -> numbers of the picture's ellipses; offsets count characters of the stripped caption."""
    bare = caption.strip('"').strip()
    m = masks(i)
    return {"file_name": f"{i}.png", "caption": caption, "groundings": {
        p: {"token_positives": [bare.index(p), bare.index(p) + len(p)], "rle_masks": [rle(m[k]) for k in ks]}
        for p, ks in phrases.items()}}


write("grandf.json", [
    grounded(0, "A red ball lies beside a blue one, both on a soft ground.", {"a blue one": [1], "A red ball": [0]}),
    grounded(1, '"Dans le café ☕, deux garçons 👦 et une balle jaune." ', {"une balle jaune": [2], "deux garçons": [0, 1]}),
    grounded(2, "Nothing here is grounded.", {}),
    grounded(3, " Three shapes: one red, one blue and one yellow", {"one yellow": [2], "one red": [0], "one blue": [1]}),
    grounded(5, "A small picture of a ball.", {"a ball": [0]}),
])
write("openpsg.json", [
    grounded(4, "The grass-merged is beneath the red ball. The blue ball is over the yellow ball.",
             {"The grass-merged": [3], "the red ball": [0], "The blue ball": [1], "the yellow ball": [2]}),
    grounded(2, "The sky is over the ball", {"The sky": [0, 1, 2], "the ball": [3]})])
# Sorted by place in the caption: the release trims the sentences of others wrongly (docs/QUIRKS.md, Q26).
write("refcocog-gcg.json", [
    {"101": {"img_file_name": "0.png", "caption": "A Red Ball near the blue ball on the left.", "refs": [
        {"sentence": "red ball", "segmentation": [polygon(BOXES[0][0]), polygon(BOXES[0][3], 5)]},
        {"sentence": "blue ball on the left", "segmentation": [polygon(BOXES[0][1])]},
        {"sentence": "a dog", "segmentation": [polygon(BOXES[0][2])]}]}},
    {"102": {"img_file_name": "1.png", "caption": '"A ball in front of another ball in the grass"', "refs": [
        {"sentence": "a ball in front of another", "segmentation": [polygon(BOXES[1][0])]},
        {"sentence": "another ball", "segmentation": [polygon(BOXES[1][1])]}]}},
    {"103": {"img_file_name": "2.png", "caption": "No sentence of this one occurs.", "refs": [
        {"sentence": "a horse", "segmentation": [polygon(BOXES[2][0])]}]}}])


def flickr(caption_of, mask_key):
    images, annotations = [], []
    for i, caption in caption_of.items():
        w, h = SIZES[i]
        images.append({"id": 500 + i, "file_name": f"{i}.png", "caption": caption, "width": w, "height": h})
        m, words, at = masks(i), [x for x in caption.split(" ") if len(x) > 3], 0
        for k, word in enumerate(words):
            at = caption.index(word, at)
            b = BOXES[i][k % len(BOXES[i])]
            a = {"id": len(annotations) + 1, "image_id": 500 + i, "category_id": 1, "iscrowd": 0, "bbox": [float(v) for v in b],
                 "area": float(b[2] * b[3]), "tokens_positive": [[at, at + len(word)], [0, 1]]}
            if mask_key: a[mask_key] = rle(m[k % len(m)])
            annotations.append(a)
            at += len(word)
    w = SIZES[0][0]
    bad = [dict(annotations[0], id=900 + j, **x) for j, x in enumerate(
        [{"bbox": [w + 5.0, 2.0, 8.0, 8.0]}, {"bbox": [3.0, 2.0, 0.5, 8.0]}, {"area": 0.0}, {"ignore": True}])]
    r.shuffle(annotations)
    return {"images": images, "annotations": annotations[:3] + bad + annotations[3:], "categories": [{"id": 1, "name": "object"}]}


CAPTIONS = {0: "Several coloured shapes stand over some ground", 1: "An élan 🦌 with wide antlers", 2: "Two words",
            3: "Many round things near each other, some large, some small, every single thing with bright edges",
            5: "Small pictures are left out"}
write("flickr-gcg.json", flickr(CAPTIONS, "sam_mask"))
write("flickr-region.json", flickr(CAPTIONS, None))

# ---- regions ----
for name, own in [("refcoco-region", False), ("refcocog-region", False), ("vg-region", True)]:
    images, annotations = [], []
    for i, (w, h) in enumerate(SIZES):
        images.append({"id": 70 + i, "file_name": f"{i}.png", "width": w, "height": h})
        if not own: images[-1]["caption"] = [" the red one ", "ball on the left", "round thing", "blue", "big é ball", "small"][i]
        for k, b in enumerate(BOXES[i][:12 if own else 1 + i % 2]):
            a = {"id": len(annotations) + 1, "image_id": 70 + i, "category_id": 1, "iscrowd": 0, "area": b[2] * b[3],
                 "bbox": [b[0] + 0.25, b[1] + 0.5, b[2] * 0.9, b[3] * 0.75]}
            if own: a["caption"] = f" thing {k} of picture {i}\n"
            annotations.append(a)
    annotations.append({"id": 990, "image_id": 71, "category_id": 1, "iscrowd": 0, "area": 9, "bbox": [-50, 1, 20, 20], "caption": "outside"})
    annotations.append({"id": 991, "image_id": 4711, "category_id": 1, "iscrowd": 0, "area": 9, "bbox": [1, 1, 20, 20], "caption": "a stray"})
    write(f"{name}.json", {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]})

# ---- captions and conversations ----
write("coco-caption.json", {
    "images": [{"id": 30 + i, "file_name": f"{i}.png", "width": w, "height": h} for i, (w, h) in enumerate(SIZES)],
    "annotations": [{"id": 1000 + k, "image_id": 30 + i, "caption": c} for k, (i, c) in enumerate(
        [(2, "Balls of many colours. "), (0, "A red ball\n"), (5, "tiny"), (0, "Ein Ball – rot.")])]})
write("llava.json", [
    {"id": "a", "image": "0.png", "conversations": [
        {"from": "human", "value": "<image>\nWhat colour is the ball?"}, {"from": "gpt", "value": "It is red."},
        {"from": "human", "value": "And the other?"}, {"from": "gpt", "value": "Blue, I think.\nIt may be violet."}]},
    {"id": "b", "image": "1.png", "conversations": [
        {"from": "human", "value": " Where is it?\n<image> "}, {"from": "gpt", "value": "On the left."}]},
    {"id": "c", "image": "2.png", "conversations": [
        {"from": "gpt", "value": "Hello!"}, {"from": "human", "value": "Describe this.\n<image>"}, {"from": "gpt", "value": "Balls."}]}])

# ---- REFER ----
annotations, refs = [], []
for i in range(4):
    for k in range(3):
        b = BOXES[i][k]
        seg = [polygon(b), polygon(BOXES[i][k + 4], 4)] if k == 0 else [rle(bitmap(b, *SIZES[i]))] if k == 1 else [polygon(b, 3)]
        annotations.append({"id": 10 * i + k, "image_id": 200 + i, "category_id": 1, "iscrowd": 0, "segmentation": seg,
                            "bbox": b, "area": b[2] * b[3]})
        split = "val" if i == 3 else "testAC" if i == 2 and k else "train"
        sents = [f"{w} thing {k} of {i}" for w in ["left", "Round", "red"][:1 + (i + k) % 3]]
        refs.append({"ref_id": len(refs), "ann_id": 10 * i + k, "image_id": 200 + i, "category_id": 1, "split": split,
                     "file_name": f"{i}_{k}.png", "sent_ids": list(range(len(sents))),
                     "sentences": [{"sent": s, "raw": s, "sent_id": 100 * i + 10 * k + j, "tokens": s.split(" ")} for j, s in enumerate(sents)]})
refs = [refs[j] for j in [4, 0, 9, 1, 5, 2, 3, 6, 7, 8, 10, 11]]
for name, file, protocol in [("refcoco", "refs(unc).p", 0), ("refcocog", "refs(umd).p", 2)]:
    write(f"{name}/instances.json", {"images": [{"id": 200 + i, "file_name": f"{i}.png", "width": w, "height": h}
                                                for i, (w, h) in enumerate(SIZES)],
                                     "annotations": annotations, "categories": [{"id": 1, "name": "ball"}]})
    with open(f"{out}/{name}/{file}", "wb") as f: pickle.dump(refs, f, protocol=protocol)

# ---- classes ----
for name, values in [("ade20k", [[1, 12, 150, 3, 77], [5, 21], [0], [8, 9, 10]]),
                     ("cocostuff", [[0, 16, 255, 61, 181, 25], [1, 91], [255], [92, 100, 2, 3, 4]])]:
    os.makedirs(f"{out}/{name}", exist_ok=True)
    for i, vs in enumerate(values):
        label = np.full(SIZES[i][::-1], 0 if name == "ade20k" else 255, np.uint8)
        for v, m in zip(vs, masks(i)): label[m > 0] = v
        Image.fromarray(label).save(f"{out}/{name}/{i}.png", optimize=True)


def parts(categories):
    n, annotations = len(categories), []
    for i in range(4):
        for k in range([5, 2, 0, 3][i]):
            b = BOXES[i][k]
            annotations.append({"id": len(annotations) + 1, "image_id": 40 + i, "category_id": 3 * ((i + k) % n) + 1, "iscrowd": 0,
                                "bbox": b, "area": b[2] * b[3],
                                "segmentation": [polygon(b), polygon(BOXES[i][k + 5])] if k % 2 else rle(bitmap(b, *SIZES[i]), k % 4 == 2)})
    return {"images": [{"id": 40 + i, "file_name": f"{i}.png", "width": SIZES[i][0], "height": SIZES[i][1]} for i in range(4)],
            "annotations": annotations, "categories": [{"id": 3 * k + 1, "name": c} for k, c in enumerate(categories)]}


write("paco.json", parts(["trash_can", "mouse_(computer_equipment)", "mouse_(computer_equipment):left_button", " Chair:back_(upper) ", "dog:ear"]))
write("pascal-part.json", parts(["dog:Left ear", "aeroplane:wing", "cat:head"]))
