"""make eval-nano-sheet: answers to look at (docs/EVAL.md).  usage: nano_sheet.py DIR OUT.png [SETS [COUNT [FIRST]]]
DIR: what nano.py left there.  A tile for each of COUNT scenes (20) from scene FIRST (0) on, the sets in turn: the picture with the masks found in colours and the true ones'
outlines in white, the answer with its phrases in the masks' colours and each mask's best IoU, the truth, and what was said to the other tasks.  Then names the scenes of
three or four objects that were answered without a fault."""
import json, os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from nano import decode, read

COLOURS = [(230, 40, 60), (30, 110, 255), (20, 170, 60), (240, 150, 0), (160, 50, 220), (0, 170, 180)]
SIDE, WIDE, LINE, COLUMNS = 256, 300, 15, 5
FONT = ImageFont.truetype(f"{HERE}/../../io/font/DejaVuSans.ttf", 11)
same = lambda a, b: " ".join(a.lower().split()) == " ".join(b.lower().split())
iou = lambda a, b: float((a & b).sum() / max(1, (a | b).sum()))


def load(folder, found, letter):
    """By scene: the truth of every task with its answer."""
    truth, masks = read(f"{folder}/gcg_caption.json"), {}
    for a in read(f"{folder}/gcg_mask.json")["annotations"]: masks.setdefault(a["image_id"], []).append(decode(a["segmentation"]))
    lines = lambda name: {r["image"]: r for r in map(json.loads, open(f"{folder}/{name}"))}
    refer, vqa = lines("refer.jsonl"), lines("vqa.jsonl")
    regions = read(f"{folder}/region.json")
    files = {m["id"]: m["file_name"] for m in regions["images"]}
    region = {files[a["image_id"]]: a for a in regions["annotations"]}
    for m, a in zip(truth["images"], truth["annotations"]):
        file, g = m["file_name"], read(f"{found}/gcg/{m['id']}.json")
        s = dict(image=f"{folder}/images/{file}", name=f"set {letter}, {int(m['id'])}", caption=a["caption"], labels=a["labels"], also=a.get("also", a["labels"]), masks=masks[m["id"]], answer=g["caption"],
                 phrases=g["phrases"], found=[decode(x) for x in g["pred_masks"]], more=[])
        if file in refer:
            r = read(f"{found}/refseg/{m['id']}.json")["expressions"][0]
            got = decode(r["segmentation"])
            s["more"].append((refer[file]["prompt"], f"IoU {iou(got, decode(refer[file]['segmentation'])):.2f}", None))
        if file in region: s["more"].append(("region", read(f"{found}/region/{region[file]['id']}.json")["caption"], region[file]["caption"]))
        if file in vqa: s["more"].append((vqa[file]["text"], read(f"{found}/vqa/{vqa[file]['question_id']}.json")["text"], vqa[file]["answer"]))
        yield s


def pairs(s):
    """Of each mask found its true one and their IoU, the largest first; (None, 0) for one too many."""
    M = np.array([[iou(f, t) for t in s["masks"]] for f in s["found"]]).reshape(len(s["found"]), len(s["masks"]))
    out = [(None, 0.)] * len(s["found"])
    while M.size and M.max() > 0:
        f, t = np.unravel_index(M.argmax(), M.shape)
        out[f] = (int(t), float(M[f, t]))
        M[f] = M[:, t] = 0
    return out


def says(s, phrase, t):
    """Phrase is true mask t's label, or other words for it that are as right."""
    return same(phrase, s["labels"][t]) or same(phrase, s["also"][t])


def faultless(s):
    p = pairs(s)
    return len(p) == len(s["masks"]) == len(s["phrases"]) and all(t is not None and v >= .75 and says(s, s["phrases"][f], t) for f, (t, v) in enumerate(p))


def outline(m):
    e = np.pad(m, 1)
    return m & ~(e[:-2, 1:-1] & e[2:, 1:-1] & e[1:-1, :-2] & e[1:-1, 2:])


def picture(s):
    x = np.asarray(Image.open(s["image"]).convert("RGB")).astype(float)
    for k, m in enumerate(s["found"]): x[m] = .45 * x[m] + .55 * np.array(COLOURS[k % len(COLOURS)])
    for m in s["masks"]: x[outline(m)] = 255
    return Image.fromarray(x.astype(np.uint8))


def words(s):
    """The tile's text: (text, colour), in its order; "\\n" starts a line."""
    dark, grey, bad = (20, 20, 20), (120, 120, 120), (200, 0, 0)
    out = [(s["name"], grey), ("\n", dark), (s["answer"], dark)]
    for k, (p, (t, v)) in enumerate(zip(s["phrases"], pairs(s) + [(None, 0.)] * len(s["phrases"]))):
        right = t is not None and says(s, p, t)
        out += [("\n", dark), (f"{p} {v:.2f}", COLOURS[k % len(COLOURS)]), ("" if right else "wrong", bad)]
    out += [("\n", dark), ("true: " + s["caption"], grey)]
    for q, a, t in s["more"]:
        out += [("\n", dark), (q, grey), (a, dark)] + ([(f"(true: {t})", bad)] if t and not same(a, t) else [])
    return out


def draw_text(draw, x0, y, parts):
    x = x0
    for text, colour in parts:
        if text == "\n": x, y = x0, y + LINE
        for w in text.split():
            n = draw.textlength(w + " ", font=FONT)
            if x + n > x0 + WIDE - 12: x, y = x0, y + LINE
            draw.text((x, y), w, fill=colour, font=FONT)
            x += n
    return y + LINE


def main(folder, out, sets="ab", count=20, first=0):
    scenes, best = [], []
    for s in sets:
        all_ = list(load(f"{folder}/set-{s}", f"{folder}/found-{s}", s))
        scenes += all_[first:first + (count + len(sets) - 1) // len(sets)]
        if s != "a": best += [f"{x['name']}: {x['answer']}" for x in all_ if len(x["masks"]) in (3, 4) and faultless(x)]
    scratch = ImageDraw.Draw(Image.new("RGB", (8, 8)))
    tall = max(draw_text(scratch, 0, 0, words(s)) for s in scenes) + SIDE + 20
    rows = -(-len(scenes) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDE, rows * tall), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for n, s in enumerate(scenes):
        x, y = n % COLUMNS * WIDE + 6, n // COLUMNS * tall + 6
        sheet.paste(picture(s), (x, y))
        draw_text(draw, x, y + SIDE + 4, words(s))
    sheet.save(out)
    print(f"{out}: {len(scenes)} scenes; without a fault, of three or four objects:", *(best or ["none"]), sep="\n")


if __name__ == "__main__": main(*sys.argv[1:4], *map(int, sys.argv[4:]))
