"""Muon by PyTorch in float64, with the formulas of torch.optim.Muon (torch/optim/_muon.py at 098e03f: nesterov, adjust_lr_fn
"match_rms_adamw"), but for its bfloat16, which would hide mistakes.  usage: make_muon.py OUT.json
runs: rows, cols, mu, decay, start [w], steps [{lr, grad, after [w], m, gap_w, gap_m}]; gap: the most that the same run in float32 differs."""
import json, math, sys
import torch

torch.set_num_threads(1)
g = torch.Generator().manual_seed(11)
flat = lambda x: [float(v) for v in x.flatten()]
single = lambda *size: torch.randn(size, generator=g)

def orthogonal(x, a=3.4445, b=-4.7750, c=2.0315, eps=1e-7):
    tall = x.size(0) > x.size(1)
    if tall: x = x.T
    x = x / x.norm().clamp(min=eps)
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x

def run(dtype, start, steps, mu, decay):
    w, m, out = start.to(dtype), torch.zeros_like(start, dtype=dtype), []
    for lr, grad in steps:
        d = grad.to(dtype)
        m = m.lerp(d, 1 - mu)
        update = orthogonal(d.lerp(m, mu))
        w = w * (1 - lr * decay) - lr * .2 * math.sqrt(max(w.shape)) * update
        out.append((w, m))
    return out

runs = []
for rows, cols, mu, decay in ((8, 8, .95, .1), (4, 11, .95, 0.), (13, 5, .8, .3), (1, 6, .9, .02), (7, 1, 0., 0.)):
    start = single(rows, cols)
    steps = [(lr, single(rows, cols) * scale) for lr, scale in ((.02, 1.), (.05, 1e-3), (0., 3.), (.01, 40.), (.03, 1.), (.02, 1e-9))]
    exact, short = run(torch.float64, start, steps, mu, decay), run(torch.float32, start, steps, mu, decay)
    gap = lambda i, k: float((exact[i][k] - short[i][k]).abs().max())
    runs.append(dict(rows=rows, cols=cols, mu=mu, decay=decay, start=flat(start), steps=[
        dict(lr=lr, grad=flat(d), after=flat(exact[i][0]), m=flat(exact[i][1]), gap_w=gap(i, 0), gap_m=gap(i, 1)) for i, (lr, d) in enumerate(steps)]))
json.dump(dict(runs=runs), open(sys.argv[1], "w"))
