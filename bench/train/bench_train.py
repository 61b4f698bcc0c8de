"""make bench-train: an update of a model of models/nano's sizes by `glamm train` beside the authors' PyTorch, on the same batches, in one run.
usage: bench_train.py STEP WORK_DIR [--model DIR] [--task gcg]... [--updates N] [--batch N] [--threads N] [--processes N]
STEP: bench/train/step.c.  $GLAMM_SRC: a checkout of mbzuai-oryx/groundingLMM at e74865f.  Both start from the model's weights, train all of them
(forward pass, losses, backward pass, clipping, AdamW) and take turns; each update's losses are compared, so both did the same work.
Ours includes drawing the scenes; PyTorch gets the batch ready-made.  Medians over the updates after the first.
--processes N: ours in N processes of threads / N each, an update in N micro-batches; PyTorch does the same micro-batches (whose losses are compared), and in
a model of its own all samples at once; the faster counts."""
import argparse, json, os, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__)); ORACLE = os.path.join(HERE, "../../golden/oracle")
COMMIT = "e74865f"
p = argparse.ArgumentParser()
for k in ("step", "work"): p.add_argument(k)
p.add_argument("--model", default="models/nano")
p.add_argument("--task", action="append")
p.add_argument("--updates", type=int, default=6)
p.add_argument("--batch", type=int, default=16)
p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
p.add_argument("--processes", type=int, default=1)
a = p.parse_args()
missing = []
src = os.environ.get("GLAMM_SRC", "")
if not os.path.exists(f"{src}/model/GLaMM.py"): missing.append(f"GLAMM_SRC = a checkout of mbzuai-oryx/groundingLMM at {COMMIT} (found '{src}')")
elif subprocess.run(["git", "-C", src, "rev-parse", "HEAD"], capture_output=True, text=True).stdout[:7] not in (COMMIT, ""):
    missing.append(f"GLAMM_SRC at {COMMIT}, found another commit in {src}")
for f in (a.step, f"{a.model}/model.safetensors", f"{a.model}/sizes.json"):
    if not os.path.exists(f): missing.append(f)
try:
    import torch, torchvision, numpy, PIL, transformers
    from safetensors.torch import load_file
    if transformers.__version__ != "4.28.1": missing.append(f"transformers 4.28.1, found {transformers.__version__}")
except ImportError as e: missing.append(f"{e} in {sys.executable} (golden/README.md, golden/oracle/README.md: how the venv is made)")
if missing:
    print("bench-train: missing:\n  " + "\n  ".join(missing), file=sys.stderr); sys.exit(1)
if "authors" not in sys.modules: sys.path.insert(0, ORACLE)
import authors
torch.set_num_threads(a.threads)
os.makedirs(a.work, exist_ok=True)
LR, DECAY, BETAS = 1e-4, .02, (.9, .98)


def config(task):
    path = f"{a.work}/{task}.conf"
    open(path, "w").write(f"""model = {a.model}
freeze = full
lora_rank = 0
batch = {a.batch // a.processes}
accumulate = {a.processes}
processes = {a.processes}
max_ids = 0
lr = {LR}
beta1 = {BETAS[0]}
beta2 = {BETAS[1]}
weight_decay = {DECAY}
schedule = constant
warmup = 0
updates = {a.updates}
threads = {max(1, a.threads // a.processes)}
data = shapes:task={task},world=a,seed=2,objects=2
""")
    return path


class Ours:
    def __init__(self, task):
        self.file = f"{a.work}/batch.safetensors"
        self.p = subprocess.Popen([a.step, config(task), self.file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ, OMP_NUM_THREADS=str(a.threads)))
    def ask(self, word):
        try:
            self.p.stdin.write(word + "\n"); self.p.stdin.flush()
        except BrokenPipeError: pass
        return self.p.stdout.readline().split() or sys.exit("bench-train: our side failed (see above)")
    def batch(self):
        self.ask("batch")
        return load_file(self.file)
    def step(self):
        loss, norm, wall, work, data = map(float, self.ask("step"))
        return dict(loss=loss, norm=norm, wall=wall, work=work, data=data)
    def close(self): self.p.stdin.close(); self.p.wait()


class Theirs:
    """The authors' modules as golden/oracle/train_nano.py trains them."""
    def __init__(self):
        j = json.load(open(f"{a.model}/sizes.json")); authors.TRAIN_ENCODERS = True
        sizes = authors.Sizes(**{k: tuple(v) if isinstance(v, list) else v for k, v in j["sizes"].items()})
        self.model = authors.build(sizes, a.work, j["special"])
        had = self.model.load_state_dict({k: v.float() for k, v in load_file(f"{a.model}/model.safetensors").items()}, strict=False)
        assert not had.unexpected_keys and all("position_ids" in k or "inv_freq" in k for k in had.missing_keys), had
        self.model.train()
        groups = {}
        for q in self.model.parameters():
            q.requires_grad_(True)
            groups.setdefault(DECAY if q.ndim >= 2 else 0., []).append(q)
        self.opt = torch.optim.AdamW([dict(params=v, weight_decay=k) for k, v in groups.items()], lr=LR, betas=BETAS)

    def inputs(self, b, own):
        n = len(own); at = b["boxes_of"].tolist(); masks = "sam" in b; some = slice(own[0], own[-1] + 1)
        ids = b["ids"][some].long(); used = int(ids.ne(0).sum(1).max())
        size = [tuple(b["original"][i].tolist()) for i in own]
        return dict(global_enc_images=b["clip"][some], grounding_enc_images=b["sam"][some] if masks else None,
                    bboxes=[b["box"][at[i]:at[i + 1]] for i in own] if "box" in b else None,
                    input_ids=ids[:, :used], labels=b["labels"][some, :used].long(), attention_masks=ids[:, :used].ne(0), offset=torch.arange(n + 1),
                    masks_list=[b[f"target.{i:02}"] for i in own] if masks else None,
                    label_list=[torch.zeros(s) for s in size], resize_list=[tuple(b["resized"][i].tolist()) for i in own] if masks else size)

    def step(self, b, parts=1):
        n = len(b["ids"]) // parts; loss = 0
        some = [self.inputs(b, range(i * n, i * n + n)) for i in range(parts)]; wall, work = time.perf_counter(), time.process_time()
        self.opt.zero_grad(set_to_none=True)
        for x in some:
            r = self.model(**x); (r["loss"] / parts).backward(); loss += float(r["loss"]) / parts
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.opt.step()
        return dict(loss=loss, norm=float(norm), wall=time.perf_counter() - wall, work=time.process_time() - work)


print(f"{f'glamm in {a.processes} processes; ' if a.processes > 1 else ''}PyTorch {torch.__version__}, {a.threads} thread{'s' if a.threads > 1 else ''}, {a.batch} samples an update, {a.updates} updates a task, medians without the first of each")
print(f"{'task':8} {'':10} {'wall s':>8} {'processor s':>12} {'samples/s':>10}   (ours with drawing the scenes)")
worst, apart = 9e9, 0
for task in a.task or ["gcg", "caption"]:
    ours, theirs, whole, rows = Ours(task), Theirs(), Theirs() if a.processes > 1 else None, []
    for i in range(a.updates):
        b = ours.batch()
        pair = [ours.step(), theirs.step(b, a.processes)] if i % 2 else [theirs.step(b, a.processes), ours.step()][::-1]
        if whole: pair.append(whole.step(b))
        rows.append(pair)
        apart = max([apart] + [abs(pair[0][k] - pair[1][k]) / abs(pair[1][k]) for k in ("loss", "norm") if i == 0 or k == "loss"])
    ours.close()
    m = [{k: statistics.median(r[s][k] for r in rows[1:]) for k in rows[0][s]} for s in range(len(rows[0]))]
    best = min(range(1, len(m)), key=lambda s: m[s]["wall"])
    for s, name in zip(range(len(m)), ("glamm", "PyTorch", "at once")): print(f"{task:8} {name:10} {m[s]['wall']:8.3f} {m[s]['work']:12.3f} {a.batch / m[s]['wall']:10.1f}")
    ratio = {k: statistics.median(r[best][k] / r[0][k] for r in rows[1:]) for k in ("wall", "work")}
    worst = min(worst, ratio["wall"])
    print(f"{task:8} {'ratio':10} {ratio['wall']:8.2f} {ratio['work']:12.2f}   drawing the scenes: {m[0]['data']:.3f} s of ours; losses {rows[0][0]['loss']:.6f} and {rows[0][1]['loss']:.6f} at first, "
          f"{rows[-1][0]['loss']:.6f} and {rows[-1][1]['loss']:.6f} at last", flush=True)
print(f"least ratio {worst:.2f} by wall time (wanted: 2); losses and first gradient norms differ by at most {apart:.1e} of their size")
if not apart < 1e-3: sys.exit("bench-train: the two do not compute the same")
