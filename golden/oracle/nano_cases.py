"""golden/nano: what the authors' code makes of models/nano.  usage: GLAMM_SRC=... nano_cases.py MODEL OUT [SCENES]   (golden/make_nano.sh runs it)

MODEL: a folder as `glamm train` writes it, the CLIP tower inside; where its config.json says bfloat16, the authors' code rounds as a release does (rounding.py).
OUT/cases: CASES below as golden/README.md says, tensors over 4096 values thinned, and `generate.answer`, the decoded text.  OUT/model.json: how many values and tensors the file holds.
OUT/quality.json: the model by free generation on SCENES (60) scenes of set A (make_set_a.py).
An answer that hangs on less than 1e-3 between two tokens is no golden: then nothing is written for it, and CASES wants another scene."""
import copy, json, os, shutil, sys, tempfile
import numpy as np, torch
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import authors, goldens as g, nano_data as nd, rounding, tok as T
from safetensors.torch import load_file
from PIL import Image

SEED, LIMIT, PLAIN_RUNS = 4242, 60, 4
# Task and scene of SEED, which training never saw; scenes of one to four objects.
CASES = [("gcg", 187), ("gcg", 0), ("gcg", 2), ("gcg", 7), ("refer", 4), ("refer", 12), ("region", 6), ("region", 24), ("caption", 11), ("vqa", 16), ("phrase", 12)]
TAPS = ("lm_head", "model.mm_projector", "model.norm", "model.region_encoder.roi_align", "model.grounding_encoder.image_encoder.neck")
iou = lambda a, b: float((a & b).sum() / max(1, (a | b).sum()))


def load(folder):
    """The authors' model with the folder's weights, its tokenizer, and whether it rounds."""
    work = tempfile.mkdtemp()
    for f in os.listdir(folder):
        if "token" in f: shutil.copy(f"{folder}/{f}", work)
    tokz, ids = T.load(work)
    sizes = json.load(open(f"{folder}/sizes.json"))["sizes"]
    rounds = json.load(open(f"{folder}/config.json")).get("torch_dtype") == "bfloat16"
    if rounds: rounding.switch_on()
    model = authors.build(authors.Sizes(**{**sizes, "sam_global": tuple(sizes["sam_global"])}), work, ids)
    weights = load_file(f"{folder}/model.safetensors")
    found = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    buffers = [k for k in found.missing_keys if not k.endswith((".inv_freq", ".position_ids"))]
    assert not buffers and not found.unexpected_keys, (buffers, found.unexpected_keys)
    return model.eval(), tokz, rounds, dict(parameters=sum(p.numel() for p in weights.values()), tensors=len(weights))


def case(task, i, rounds):
    s = nd.sample(SEED, i, task)
    return dict(name=f"{task}{i}", task=task, image=Image.fromarray(s["image"]), turns=s["turns"], masks=[m.astype(np.uint8) for m in s["masks"]],
                boxes=rounding.boxes(s["boxes"]) if rounds else s["boxes"])


def generate(m, c, turns, tokz, limit):
    prompt, dt = torch.tensor([g.encode_prompt(turns, tokz)]), next(m.parameters()).dtype
    box = [torch.tensor(c["boxes"], dtype=torch.float32).to(dt)] if c["boxes"] else None
    sp, rs = g.sam_pre(c["image"])
    seq, masks = m.evaluate(g.clip_pre(c["image"])[None].to(dt), sp[None].to(dt), prompt, [rs], [c["image"].size[::-1]], max_tokens_new=limit, bboxes=box)
    return seq[0].tolist()[prompt.shape[1]:], masks[0], prompt[0].tolist()


def run(m, batch, dt):
    """Losses, the tapped modules' outputs, mask logits of a training pass."""
    m.train()
    taps, masks, plain = g.Taps(m), [], m._generate_and_postprocess_masks
    m._generate_and_postprocess_masks = lambda *a, **k: masks.append(plain(*a, **k)) or masks[-1]
    with torch.no_grad(), g.double_casts(): losses = m(**g.cast(batch, dt))
    m._generate_and_postprocess_masks = plain
    taps.close(); m.eval()
    out = {f"tap/{k}": taps.out[k] for k in TAPS if k in taps.out}
    out.update({f"mask_logits/{k}": v for k, v in enumerate(masks[0] if masks else [])})
    return {k: float(v) for k, v in losses.items()}, out


def moved(model, batch, k):
    """A float32 run with weights and pixels moved by about one ulp: a ReLU or a rounding that may flip belongs to the noise."""
    m, gen = copy.deepcopy(model), torch.Generator().manual_seed(k)
    for q in m.parameters(): q.data.mul_(1 + (torch.rand(q.shape, generator=gen) - .5) * 2.4e-7)
    b = g.cast(batch, torch.float32)
    for f in ("global_enc_images", "grounding_enc_images"):
        if b[f] is not None: b[f] = b[f] * (1 + (torch.rand(b[f].shape, generator=gen) - .5) * 1.2e-7)
    return run(m, b, torch.float32)[1]


def write_case(model, m64, tokz, c, out):
    b, store, meta, info = g.batch_of([c], tokz), {}, {}, dict(offset=[0, 1])
    for k in ("input_ids", "labels"): g.pack(store, meta, k, b[k].int())
    for k, v in enumerate(b["bboxes"] or []): g.pack(store, meta, f"boxes/{k}", v)
    g.pack(store, meta, "clip_pixels", b["global_enc_images"])
    if b["grounding_enc_images"] is not None: g.pack(store, meta, "sam_pixels", b["grounding_enc_images"])
    info["losses"], got = run(model, b, torch.float32)
    info["losses_f64"], want = run(m64, b, torch.float64)
    for k in got: g.pack(store, meta, k, got[k], want[k])
    for n in range(PLAIN_RUNS):
        for k, v in moved(model, b, n).items():
            if v.numel(): meta[k]["f64_gap"] = max(meta[k]["f64_gap"], float((v.double() - want[k]).abs().max()))
    margins = []
    h = model.lm_head.register_forward_hook(lambda m, i, o: margins.append(float((lambda v: v[0] - v[1])(o[0, -1].topk(2).values))))
    new, pm, prompt = generate(model, c, c["turns"], tokz, LIMIT); h.remove()
    with g.double_casts(): new64, pm64, _ = generate(m64, c, c["turns"], tokz, LIMIT)
    if new != new64 or min(margins) < 1e-3: sys.exit(f"{c['name']}: the answer hangs on {min(margins):g}: choose another scene")
    answer = tokz.decode(new)
    info["generate"] = dict(prompt_ids=prompt, sequence=prompt + new, margins=margins, max_new_tokens=LIMIT, answer=answer)
    g.pack(store, meta, "generate/mask_logits", pm, pm64)
    g.save(out, c["name"], store, meta, info, [c])
    truth, best = [m.astype(bool) for m in c["masks"]], []
    for t in truth: best.append(max([iou(p > 0, t) for p in pm.numpy()], default=0.))
    print(c["name"], "|", c["turns"][-1][1], "|", answer, "| margin %.3f" % min(margins), "| IoU", [round(x, 2) for x in best], flush=True)


def quality(model, tokz, rounds, n):
    """GCG: the mean over scenes of the IoU of greedy pairs, and the true masks found at IoU 0.5; the first expression, region and question of every scene."""
    answer = lambda new: tokz.decode([t for t in new if t != 2]).strip()
    norm = lambda s: " ".join(s.replace("[SEG]", " [SEG] ").replace("<p>", " ").replace("</p>", " ").replace(".", " . ").replace(",", " , ").split()).lower()
    mious, hit, total, inter, union, region, vqa = [], 0, 0, 0, 0, 0, 0
    for i in range(n):
        ask = lambda c, limit: generate(model, c, [(c["turns"][0][0], "")], tokz, limit)
        c = case("gcg", i, rounds)
        found, truth, got = [x > 0 for x in ask(c, 60)[1].numpy()], [m.astype(bool) for m in c["masks"]], []
        M = np.array([[iou(p, t) for t in truth] for p in found]).reshape(len(found), len(truth))
        while M.size and M.max() > 0:
            a = np.unravel_index(M.argmax(), M.shape)
            got.append(M[a])
            M = np.delete(np.delete(M, a[0], 0), a[1], 1)
        mious.append(np.mean(got) if got else 0.); hit += sum(x >= .5 for x in got); total += len(truth)
        c = case("refer", i, rounds)
        p, t = ask(c, 12)[1].numpy(), c["masks"][0].astype(bool)
        p = p[0] > 0 if len(p) else np.zeros_like(t)
        inter += (p & t).sum(); union += (p | t).sum()
        c = case("region", i, rounds); c["boxes"] = c["boxes"][:1]
        region += norm(answer(ask(c, 12)[0])) == norm(c["turns"][0][1])
        c = case("vqa", i, rounds)
        vqa += norm(answer(ask(c, 16)[0])) == norm(c["turns"][0][1])
    return dict(scenes=n, seed=SEED, gcg_miou=float(np.mean(mious)), gcg_masks_matched=hit / total, refer_ciou=float(inter / union), region_exact=region / n, vqa_exact=vqa / n)


def main(folder, out, scenes=60):
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    model, tokz, rounds, counts = load(folder)
    m64 = copy.deepcopy(model).double()
    g.FULL = 4096
    shutil.rmtree(f"{out}/cases", ignore_errors=True)
    for task, i in CASES: write_case(model, m64, tokz, case(task, i, rounds), out)
    write = lambda name, o: json.dump(o, open(f"{out}/{name}.json", "w"), indent=1)
    write("model", counts)
    q = quality(model, tokz, rounds, scenes)
    write("quality", q)
    print(q)


if __name__ == "__main__":
    # shapeworld.py goes through a set of strings while it draws, whose order Python shuffles anew in every process: as make_set_a.py has it.
    if os.environ.get("PYTHONHASHSEED") != "0": os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, PYTHONHASHSEED="0"))
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
