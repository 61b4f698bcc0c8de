"""A small random BERT in both forms that published ones have, with tokens, vectors and cosines by transformers 4.28.1 in float64
(tokenizers 0.13).  usage: make_eval_bert.py OUTDIR
OUTDIR/model: config.json, vocab.txt (our own pieces), model.safetensors; OUTDIR/old: the same weights as pytorch_model.bin
with "bert." before the names, gamma and beta in norms, half of them float16; OUTDIR/expected.json, with mask recall of golden/eval by this BERT, by the rules of the authors' evaluate.py and of the paper."""
import itertools, json, os, sys

import numpy as np
import torch
from pycocotools import mask as masks
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizerFast

TEXTS = ["a red circle", "A RED CIRCLE!", "the big red circles", "", " ", "unaffable", "running dogs' e-mail", "café naïve Ångström ÉCOLE", "don't (x) [y] {z} <p>",
         "東京 テスト 日本", "привет мир", "😀 red", "a\tb\nc\u00a0d\u3000e", "zero\u200bwidth soft\u00adhyphen \ufffd x", "q" * 100, "q" * 101, "dog " * 300,
         "[SEP] a [MASK][CLS] [sep] [PAD]", "İstanbul ΣΑΣ ß ſ Ǆ", "ﬁ ½ ² ①", "1,000.50 $5 50% #1", "“quoted” – — … ‘s’", "Ｆｕｌｌ width", "e\u0301 \u0301x n\u0303", "``x'' ^ ~ | \\ _"]


def pieces():
    chars = "abcdefghijklmnopqrstuvwxyz0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~“”–—…‘’½ßσ東京приветм"
    words = "a the red big circle dog dogs running mail naive cafe ecole angstrom istanbul un e width zero".split()
    ends = "s ing able aff ed er ffable le".split()
    out = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words + ["##" + e for e in ends]
    out += list(chars) + ["##" + c for c in chars]
    return [p for i, p in enumerate(out) if p not in out[:i]]


def old_name(k):
    return "bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def pairs_of(image, truth, folder):
    """IoU (true, found) and the texts of one image of golden/eval"""
    p = json.load(open(f"{folder}/predictions/{image}.json"))
    g, f = [masks.decode(a["segmentation"]) for a in truth if a["image_id"] == image], [masks.decode(m) for m in p["pred_masks"]]
    with np.errstate(all="ignore"):
        iou = np.array([[np.sum(a & b) / np.sum(a | b) for b in f] for a in g]).reshape(len(g), len(f))
    return iou, p["phrases"]


def released(iou, sim):
    """eval/gcg/evaluate.py find_best_matches, in an image that raises nothing"""
    iou, sim, n = iou.copy(), sim.copy(), 0
    while iou.size:
        t, f = np.unravel_index(np.argmax(iou), iou.shape)
        if iou[t, f] < .5 or sim[t, f] < .5:
            break
        n += 1
        iou[t, :] = iou[:, f] = sim[t, :] = sim[:, f] = 0
    return n


def paper(iou, sim):
    """every one-to-one assignment tried; a missing mask is one that overlaps nothing"""
    k = max(iou.shape)
    full = np.zeros((k, k))
    full[:iou.shape[0], :iou.shape[1]] = np.nan_to_num(iou)
    best = max(itertools.permutations(range(k)), key=lambda p: sum(full[t, f] for t, f in enumerate(p)))
    return sum(bool(full[t, f] > .5 and t < sim.shape[0] and f < sim.shape[1] and sim[t, f] > .5) for t, f in enumerate(best))


def recall(vector, folder="golden/eval"):
    caption = json.load(open(f"{folder}/val_gcg_coco_caption_gt.json"))
    truth = json.load(open(f"{folder}/val_gcg_coco_mask_gt.json"))["annotations"]
    found, wanted, each = [0, 0], [0, 0], {}
    for a in caption["annotations"]:
        iou, phrases = pairs_of(a["image_id"], truth, folder)
        with torch.no_grad():
            s = np.array([[torch.nn.functional.cosine_similarity(vector(x), vector(y), dim=0).item() for y in phrases] for x in a["labels"]])
        s = s.reshape(len(a["labels"]), len(phrases))
        try:
            n = [released(iou, s), paper(iou, s)]
        except IndexError:
            n = [0, paper(iou, s)]
        each[a["image_id"]] = n
        found = [x + y for x, y in zip(found, n)]
        wanted = [wanted[0] + len(a["labels"]), wanted[1] + iou.shape[0]]
    return dict(released=found[0] / wanted[0], paper=found[1] / wanted[1], each=each)


def main(out):
    torch.manual_seed(7)
    torch.set_num_threads(1)
    for d in ("model", "old"):
        os.makedirs(f"{out}/{d}", exist_ok=True)
        with open(f"{out}/{d}/vocab.txt", "w", encoding="utf8") as f:
            f.write("\n".join(pieces()) + "\n")
    config = BertConfig(vocab_size=len(pieces()), hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, max_position_embeddings=128)
    for d in ("model", "old"):
        with open(f"{out}/{d}/config.json", "w") as f:
            json.dump({k: v for k, v in config.to_dict().items() if k in config.to_diff_dict() or k in ("layer_norm_eps", "hidden_act")}, f, indent=1)
    m = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for k, p in m.named_parameters():
            p.copy_(torch.randn_like(p).mul(1. if p.dim() > 1 else .1).add(1. if k.endswith("LayerNorm.weight") else 0).half().float())
    state = {k: v.clone() for k, v in m.state_dict().items() if "position_ids" not in k}
    save_file(state, f"{out}/model/model.safetensors")
    torch.save({old_name(k): v.half() if "encoder" in k else v for k, v in state.items()} | {"cls.predictions.bias": torch.zeros(3)}, f"{out}/old/pytorch_model.bin")
    m = m.double()
    t = BertTokenizerFast(f"{out}/model/vocab.txt", do_lower_case=True)
    t.add_special_tokens({"additional_special_tokens": []})
    t._tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])     # as every published tokenizer.json has them
    ids = [t(x, max_length=128, truncation=True)["input_ids"] for x in TEXTS]
    with torch.no_grad():
        v = [m(torch.tensor([i])).last_hidden_state[0].mean(0) for i in ids]
    vector = lambda x: m(torch.tensor([t(x)["input_ids"]])).last_hidden_state[0].mean(0)
    r = recall(vector)
    cosine = [[float(torch.nn.functional.cosine_similarity(a, b, dim=0)) for b in v] for a in v]
    with open(f"{out}/expected.json", "w", encoding="utf8") as f:
        json.dump(dict(texts=TEXTS, ids=ids, vectors=[[float(f"{x:.9g}") for x in a] for a in v], cosine=[[float(f"{x:.9g}") for x in row] for row in cosine], recall=r), f,
                  separators=(",", ":"))
        f.write("\n")
    print(r)
    print(len(pieces()), "pieces;", [t.convert_ids_to_tokens(i)[:9] for i in ids[:8]])


main(sys.argv[1])
