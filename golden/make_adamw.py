"""AdamW, gradient clipping and cosine annealing by PyTorch.  usage: make_adamw.py OUT.json
runs: betas, eps, decay, clip, start [w of every tensor], steps [{lr, grads, norm (before clipping), after [w], m, v}]
(a gradient of null: the tensor was not reached, PyTorch passes it over); cosine: lr, floor, total, rates."""
import json, sys
import torch

torch.set_num_threads(1)
g = torch.Generator().manual_seed(5)
flat = lambda x: [float(v) for v in x.detach().flatten()]
runs = []
for betas, eps, decay, clip, sizes in (((.9, .95), 1e-8, 0., 1., [37, 1]), ((.9, .999), 1e-6, .1, 0., [16]), ((.8, .98), 1e-8, .02, .5, [5, 24])):
    p = [torch.nn.Parameter(torch.randn(n, generator=g)) for n in sizes]
    run = dict(betas=betas, eps=eps, decay=decay, clip=clip, start=[flat(x) for x in p], steps=[])
    opt = torch.optim.AdamW(p, lr=1., betas=betas, eps=eps, weight_decay=decay)
    for it in range(8):
        lr = 0. if it == 0 else 3e-2 / it
        for gr in opt.param_groups: gr["lr"] = lr
        for k, x in enumerate(p):
            x.grad = None if k == 1 and it % 2 else torch.randn(x.shape, generator=g) * 10. ** float(torch.randint(-3, 2, (1,), generator=g))
            if k == 0 and it == 3: x.grad[:4] = 0
        grads = [None if x.grad is None else flat(x.grad) for x in p]
        norm = float(torch.nn.utils.clip_grad_norm_(p, clip if clip else float("inf")))
        opt.step()
        run["steps"].append(dict(lr=lr, grads=grads, norm=norm, after=[flat(x) for x in p],
                                 m=[flat(opt.state[x]["exp_avg"]) for x in p], v=[flat(opt.state[x]["exp_avg_sq"]) for x in p]))
    runs.append(run)
q = torch.nn.Parameter(torch.zeros(1))
opt = torch.optim.SGD([q], lr=.02)
cos = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 20, eta_min=.02 * .1)
rates = []
for it in range(21):
    rates.append(opt.param_groups[0]["lr"]); opt.step(); cos.step()
json.dump(dict(runs=runs, cosine=dict(lr=.02, floor=.1, total=20, rates=rates)), open(sys.argv[1], "w"))
