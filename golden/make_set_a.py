"""Set A, by which the default model is judged: scenes and questions of oracle/shapeworld.py and oracle/nano_data.py, seed 4242, which training never saw.
usage: make_set_a.py OUT [SCENES]     (200 scenes of one to four objects)
OUT/images/NNNNNN.png, NNNNNN the scene's number; gcg_caption.json, gcg_mask.json: GranD_f's truth of every scene; refer.jsonl, region.json, vqa.jsonl: the first
expression, region and question of every scene's conversation.  What is asked stands with each as `prompt` (docs/EVAL.md).  Needs numpy and Pillow."""
import json, os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "oracle"))
import numpy as np
from PIL import Image
import nano_data as nd

SEED, SIDE = 4242, 256


def runs(mask):
    """COCO's runs, column by column, the first one of zeros."""
    flat = np.concatenate([[0], mask.T.ravel().astype(np.int8)])
    ends = np.flatnonzero(np.diff(flat))
    return dict(size=[SIDE, SIDE], counts=np.diff(np.concatenate([[0], ends, [flat.size - 1]])).tolist())


def question(turn): return turn[0].replace(nd.BEGIN, "")


def also(objects, masks, labels):
    """A caption tells all its objects' sizes or none, as a coin falls: the same phrases the other way."""
    told = labels[0].split()[1] in ("small", "large")
    return [nd.phrase(next(o for o in objects if o["mask"] is m), not told) for m in masks]


def phrases(answer): return [part.split(" </p>")[0] for part in answer.split("<p> ")[1:]]


def plain(answer): return answer.replace("<p> ", "").replace(" </p> [SEG]", "")


def write(path, o):
    with open(path, "w") as f: json.dump(o, f)


def write_lines(path, records):
    with open(path, "w") as f: f.writelines(json.dumps(r) + "\n" for r in records)


def check_draws():
    """numpy's generators are not promised to stay as they are: scene 0 is a stored picture."""
    want = np.asarray(Image.open(f"{HERE}/nano/cases/gcg0.png"))
    if not np.array_equal(want, nd.scene(SEED, 0)[0]): sys.exit(f"numpy {np.__version__} draws other scenes than 1.24 did")


def main(out, count=200):
    check_draws()
    os.makedirs(f"{out}/images", exist_ok=True)
    gcg, masks, boxes = (dict(images=[], annotations=[]) for _ in range(3))
    refer, vqa = [], []
    for i in range(count):
        drawn = nd.scene(SEED, i)
        name, file = f"{i:06d}", f"{i:06d}.png"
        image = dict(id=name, file_name=file, height=SIDE, width=SIDE)
        Image.fromarray(drawn[0]).save(f"{out}/images/{file}")
        s = nd.sample(SEED, i, "gcg", drawn)
        ask, answer = question(s["turns"][0]), s["turns"][0][1]
        gcg["images"].append(dict(image, prompt=ask))
        gcg["annotations"].append(dict(id=i + 1, image_id=name, caption=plain(answer), labels=phrases(answer), also=also(drawn[1], s["masks"], phrases(answer))))
        masks["images"].append(image)
        for m in s["masks"]:
            masks["annotations"].append(dict(id=len(masks["annotations"]) + 1, image_id=name, category_id=1, iscrowd=0, area=int(m.sum()), segmentation=runs(m)))
        s = nd.sample(SEED, i, "refer", drawn)
        refer.append(dict(id=i, image=file, expression=question(s["turns"][0]), prompt=question(s["turns"][0]), segmentation=runs(s["masks"][0])))
        s = nd.sample(SEED, i, "region", drawn)
        x0, y0, x1, y1 = (v * SIDE for v in s["boxes"][0])
        boxes["images"].append(image)
        boxes["annotations"].append(dict(id=i, image_id=name, caption=s["turns"][0][1], bbox=[x0, y0, x1 - x0, y1 - y0], prompt=question(s["turns"][0])))
        s = nd.sample(SEED, i, "vqa", drawn)
        vqa.append(dict(question_id=i, image=file, text=question(s["turns"][0]), answer=s["turns"][0][1]))
    write(f"{out}/gcg_caption.json", gcg)
    write(f"{out}/gcg_mask.json", masks)
    write(f"{out}/region.json", boxes)
    write_lines(f"{out}/refer.jsonl", refer)
    write_lines(f"{out}/vqa.jsonl", vqa)


if __name__ == "__main__":
    # shapeworld.py goes through a set of strings while it draws, whose order Python shuffles anew in every process.
    if os.environ.get("PYTHONHASHSEED") != "0": os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, PYTHONHASHSEED="0"))
    main(sys.argv[1], *map(int, sys.argv[2:]))
