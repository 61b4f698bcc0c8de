"""Cases of gradients: moves, maps, sums.  See make_ops.py."""
import torch
import torch.nn.functional as F
import torchvision
from torch.nn.utils.stateless import functional_call
from transformers.activations import QuickGELUActivation

from ops_input import FAINT, TINY, Input as I, gradients, sizes_of
import ops_moves                                    # noqa: F401  (makes the authors' SAM package importable)
from ops_sums import QUANTISED, QUANTISED_K, WEIGHTS, eps_of
from sam.common import LayerNorm2d
from sam.image_encoder import window_partition, window_unpartition


def autograd(forward, outputs, dy, **x):
    """outputs: dx -> x.  What PyTorch's autograd gives for them, 0 where y does not depend on one."""
    leaves = {k: v.detach().clone().requires_grad_() if k in outputs.values() else v for k, v in x.items()}
    found = torch.autograd.grad(forward(**leaves), [leaves[k] for k in outputs.values()], dy, allow_unused=True)
    return {out: torch.zeros_like(x[k]) if g is None else g for (out, k), g in zip(outputs.items(), found)}


def floored(size, floor=TINY):
    """Where no term enters nothing may change: there the size is 0."""
    return torch.where(size == 0, size, size + floor)


def linear_in(forward, outputs, terms=1):
    """For a product of its inputs: a gradient's terms are products of dy and the other inputs."""
    def f(dy, **x):
        sizes = autograd(forward, outputs, dy.abs(), **sizes_of(x))
        return {k: (g, floored(sizes[k], terms * TINY)) for k, g in autograd(forward, outputs, dy, **x).items()}
    return f


def exactly(forward, outputs):
    """Integers small enough that every order of summing gives the same float: no tolerance."""
    def f(dy, **x):
        return {k: (g, torch.zeros_like(g)) for k, g in autograd(forward, outputs, dy, **x).items()}
    return f


BAD = [(0, "nan"), (2, "inf"), (5, "-inf")]


def moves():
    """A move's gradient needs the shape of x alone."""
    def move(op, name, forward, shape, dy, sizes, **more):
        def f(dy, **x):
            def grad(dy):
                zero = torch.zeros(shape, dtype=dy.dtype).requires_grad_()
                return torch.autograd.grad(forward(x=zero, **x), zero, dy)[0]
            return {"dx": (grad(dy), floored(grad(dy.abs())))}
        gradients(op, name, f, sizes, dy=dy, **more)

    for N, R, C in ((1, 1, 1), (7, 5, 13), (40, 33, 24), (301, 50, 211), (300, 3, 7)):
        move("gather_backward", f"{N} of {R}x{C}", lambda x, rows: x[rows], (R, C), I(N, C), dict(N=N, R=R, C=C),
             rows=I(N, fill="index", scale=R, type="i32"))
    move("gather_backward", "one row alone", lambda x, rows: x[rows], (9, 5), I(13, 5), dict(N=13, R=9, C=5),
         rows=I(13, fill="list", values=[6] * 13, type="i32"))
    move("gather_backward", "nan and inf", lambda x, rows: x[rows], (4, 3), I(9, 3, patch=BAD), dict(N=9, R=4, C=3),
         rows=I(9, fill="iota", scale=4, type="i32"))
    gradients("gather_backward", "integers", lambda dy, rows: {"dx": (
        torch.zeros(11, 6, dtype=dy.dtype).index_add(0, rows, dy), torch.zeros(11, 6))}, dict(N=64, R=11, C=6),
        start="int", dy=I(64, 6, fill="int", scale=99), rows=I(64, fill="index", scale=11, type="i32"))

    for B, R, C in ((1, 1, 1), (1, 7, 13), (3, 33, 17), (2, 64, 40), (2, 203, 301)):
        move("transpose_backward", f"{B}x{R}x{C}", lambda x: x.transpose(1, 2), (B, R, C), I(B, C, R),
             dict(B=B, R=R, C=C))
        for wanted in (["da", "db"], ["da"], ["db"]):
            if len(wanted) < 2 and R != 33:
                continue

            def concat(dy, R=R):
                return {k: (g, floored(g.abs())) for k, g in zip(("da", "db"), dy.split([R, dy.shape[1] - R], 1))}
            only = f", {wanted[0]} only" if len(wanted) < 2 else ""
            gradients("concat_backward", f"{B}x({R}, {C}){only}", concat, dict(B=B, N=R, M=C), wanted=wanted,
                      dy=I(B, R + C))
    for B, N, first, M in ((1, 1, 0, 1), (3, 13, 0, 5), (5, 13, 6, 7), (4, 40, 8, 24), (3, 13001, 4103, 8501)):
        move("slice_backward", f"{M} of {N} at {first}", lambda x, f=first, m=M: x[:, f:f + m], (B, N), I(B, M),
             dict(B=B, N=N, at=first, M=M))
    for B, N in ((1, 1), (7, 13), (5, 40), (3, 9001), (4099, 3)):
        move("repeat_backward", f"{B} times {N}", lambda x, b=B: x.expand(b, -1), (N,), I(B, N), dict(B=B, N=N))
    gradients("repeat_backward", "integers", lambda dy: {"dx": (dy.sum(0), torch.zeros(7))}, dict(B=67, N=7),
              start="int", dy=I(67, 7, fill="int", scale=99))
    for B, H, W, C, S in ((1, 1, 1, 1, 1), (1, 1, 1, 3, 2), (2, 7, 5, 3, 3), (1, 8, 8, 4, 4), (2, 10, 9, 5, 14),
                          (2, 33, 30, 7, 14)):
        nh, nw = -(-H // S), -(-W // S)
        sizes = dict(B=B, H=H, W=W, C=C, S=S)
        name = f"{B}x{H}x{W}x{C} by {S}"
        move("window_backward", name, lambda x, s=S: window_partition(x, s)[0], (B, H, W, C),
             I(B * nh * nw, S, S, C), sizes)
        move("unwindow_backward", name,
             lambda x, s=S, p=(nh * S, nw * S), h=(H, W): window_unpartition(x, s, p, h), (B * nh * nw, S, S, C),
             I(B, H, W, C), sizes)
    for op, sizes, shape in (("transpose", dict(B=1, R=3, C=4), (1, 4, 3)),
                             ("slice", dict(B=2, N=7, at=2, M=4), (2, 4))):
        forward = (lambda x: x.transpose(1, 2)) if op == "transpose" else lambda x: x[:, 2:6]
        move(op + "_backward", "nan and inf", forward, (1, 3, 4) if op == "transpose" else (2, 7),
             I(*shape, patch=BAD), sizes)

    def rounded(dy):
        x = torch.zeros_like(dy, dtype=torch.float32).requires_grad_()
        g = torch.autograd.grad(x.bfloat16().float(), x, dy.float())[0].to(dy.dtype)
        return {"dx": (g, floored(dy.abs()))}
    ties = [1.00390625, 1.01171875, 1.00390637, -1.00390625, 3.4e38, 3.3895314e38, 1e-40, -0.0, 0.0, "nan", "inf",
            "-inf", 224.5]
    gradients("round_bf16_backward", "one", rounded, dict(N=1), dy=I(1))
    gradients("round_bf16_backward", "1009", rounded, dict(N=1009), dy=I(1009))
    gradients("round_bf16_backward", "ties and edges", rounded, dict(N=13), start=1, dy=I(13, fill="list", values=ties))


EDGES = ops_moves.EDGES


def maps():
    def widened(f):     # b repeats along a
        return lambda a, b: f(a, b.repeat(a.numel() // b.numel()))
    for op, forward in (("add", widened(torch.add)), ("mul", widened(torch.mul))):
        f, both = linear_in(forward, {"da": "a", "db": "b"}), ["da", "db"]

        def dy_only(dy, N, M):
            return f(dy, a=torch.ones(N, dtype=dy.dtype), b=torch.ones(M, dtype=dy.dtype))
        for N, M, wanted in ((1, 1, both), (13, 13, both), (91, 13, both), (256, 8, both), (33, 1, both),
                             (70070, 1001, both), (9000, 3, both), (91, 13, ["da"]), (91, 13, ["db"])):
            name = f"{N} and {M}" + (f", {wanted[0]} only" if len(wanted) < 2 else "")
            if op == "add":
                gradients("add_backward", name, lambda dy, n=N, m=M: dy_only(dy, n, m), dict(N=N, M=M), wanted=wanted,
                          dy=I(N))
            else:
                gradients("mul_backward", name, f, dict(N=N, M=M), wanted=wanted, dy=I(N), a=I(N, scale=3),
                          b=I(M, scale=2))
        N, M = 5 * len(EDGES), len(EDGES)
        edges = I(N, patch=[(3, "nan"), (M + 22, "inf"), (2 * M + 22, "nan")])
        if op == "add":
            gradients("add_backward", "nan and inf", lambda dy: dy_only(dy, N, M), dict(N=N, M=M), dy=edges)
        else:
            gradients("mul_backward", "edges", f, dict(N=N, M=M), dy=I(N, add=2), a=edges,
                      b=I(M, fill="list", values=EDGES))
            gradients("mul_backward", "integers", exactly(forward, {"da": "a", "db": "b"}), dict(N=91, M=7),
                      start="int", dy=I(91, fill="int", scale=9), a=I(91, fill="int", scale=9),
                      b=I(7, fill="int", scale=9))
    for N in (1, 13, 100):
        gradients("scale_backward", str(N), lambda dy: {"dx": (dy * -0.375, dy.abs() * 0.375 + TINY)}, dict(N=N),
                  -0.375, dy=I(N))
    gradients("scale_backward", "edges", lambda dy: {"dx": (dy * 0.25, dy.abs() * 0.25 + TINY)}, dict(N=len(EDGES)),
              0.25, dy=I(len(EDGES), fill="list", values=EDGES))

    def single(op, forward, size, floor):
        """size(x): of the derivative."""
        def f(dy, x):
            g = autograd(lambda x: forward(x), {"dx": "x"}, dy, x=x)["dx"]
            derivative = size(x)
            return {"dx": (g, floored(torch.where(derivative == 0, derivative, dy.abs() * derivative), floor))}
        op += "_backward"
        for N, scale in ((1, 1), (13, 4), (1009, 8), (64, 64), (70001, 16)):
            gradients(op, f"{N} in +-{scale}", f, dict(N=N), stored=1000, dy=I(N), x=I(N, scale=scale))
        n = len(EDGES)
        gradients(op, "edges", f, dict(N=n), dy=I(n), x=I(n, fill="list", values=EDGES))
        # An infinite dy in a sum of two products of it is Inf or NaN, as the formula is written: only where PyTorch has one.
        bad = BAD[:1] if op == "quick_gelu_backward" else BAD
        gradients(op, "nan and inf in dy", f, dict(N=13), dy=I(13, patch=bad), x=I(13, scale=2))

    def sigmoid_size(x):
        u = x.abs()                 # 1 - sigmoid cancels: |x| sigmoid
        return torch.sigmoid(x) * (1 + u)

    def gelu_size(x):               # erf near -1 cancels; x^2 / 2 is rounded before exp
        return 1 + (x.abs() * (1 + x * x) * torch.exp(-x * x / 2)).nan_to_num(0)

    def quick_gelu_size(x):         # and 1.702 x is rounded before exp
        u, s = (1.702 * x).abs(), torch.sigmoid(1.702 * x)
        return s * (1 + u) + (s * (1 - s) * u * (1 + u)).nan_to_num(0)
    single("relu", torch.relu, lambda x: (~(x <= 0)).to(x.dtype), TINY)
    single("gelu", F.gelu, gelu_size, FAINT)
    single("quick_gelu", QuickGELUActivation(), quick_gelu_size, FAINT)
    single("silu", F.silu, sigmoid_size, FAINT)
    single("sin", torch.sin, lambda x: x.cos().abs() + 1, TINY)
    single("cos", torch.cos, lambda x: x.sin().abs() + 1, TINY)

    def rope(dy, angle):
        (a, b), cos, sin = dy.chunk(2, -1), angle.cos()[:, None], angle.sin()[:, None]
        x = torch.zeros_like(dy).requires_grad_()
        u, v = x.chunk(2, -1)
        y = torch.cat([u * cos - v * sin, v * cos + u * sin], -1)
        size = a.abs() + b.abs() + TINY
        return {"dx": (torch.autograd.grad(y, x, dy)[0], torch.cat([size, size], -1))}
    for R, NH, HD in ((1, 1, 2), (7, 3, 10), (5, 2, 128), (5, 1, 262), (13, 4, 16), (301, 4, 64)):
        gradients("rope_backward", f"{R}x{NH}x{HD}", rope, dict(R=R, NH=NH, HD=HD), dy=I(R, NH, HD),
                  angle=I(R, HD // 2, scale=512, add=512))
    gradients("rope_backward", "extremes", rope, dict(R=3, NH=2, HD=6), angle=I(3, 3, scale=4, patch=[(8, "nan")]),
              dy=I(3, 2, 6, patch=[(0, 1e30), (3, -1e30), (14, "nan"), (20, "inf"), (7, 1e-40), (10, 1e-40)]))


THREE = {"dx": "x", "dw": "w", "db": "b"}


def some_only(name, f, cases=("dx", "dw", "db", "dw db")):
    for wanted in cases:
        f(f"{name}, {wanted.replace(' ', ' and ')} only", wanted.split())


def quantised():
    """Frozen weights pass gradients on to their input."""
    f = linear_in(lambda x, w: F.linear(x, w), {"dx": "x"})
    for kind in QUANTISED + QUANTISED_K:
        for R, N, K in ((1, 7, 256), (3, 70, 1280), (7, 9, 768)) if kind in QUANTISED_K else ((1, 7, 32), (3, 70, 544), (7, 9, 96)):
            gradients("linear_backward", f"{kind} {R}x{N}x{K}", f, dict(R=R, N=N, K=K), dy=I(R, N), x=I(R, K),
                      w=I(N, K, type=kind, fill="blocks"))


def products():
    """b enters no gradient; the forward pass is given one of zeros."""
    def with_bias(forward, channels):
        def f(dy, x, w):
            b = torch.zeros(channels, dtype=dy.dtype)
            return forward(dy=dy, x=x, w=w, b=b)
        return f

    def linear_case(name, R, N, K, kind="f32", wanted=None, integer=False, dy={}, x={}, w={}, terms=1):
        f = exactly(F_linear, THREE) if integer else linear_in(F_linear, THREE, terms)
        fill = dict(fill="int", scale=9) if integer else {}
        gradients("linear_backward", name, with_bias(f, N), dict(R=R, N=N, K=K), wanted=wanted,
                  start="int" if integer else "uniform", dy=I(R, N, **{**fill, **dy}),
                  x=I(R, K, **{**fill, **x}), w=I(N, K, type=kind, **{**fill, **w}))

    def F_linear(x, w, b):
        return F.linear(x, w, b)
    for kind in WEIGHTS:
        for R, N, K in ((1, 1, 1), (1, 7, 13), (3, 5, 7), (1, 40, 64), (5, 33, 100), (64, 48, 80), (37, 1, 256)):
            if kind == "f32" or N in (7, 33, 48):
                linear_case(f"{kind} {R}x{N}x{K}", R, N, K, kind)
        for R, N, K in ((133, 1100, 24), (3, 1100, 70), (1, 70, 4099)):
            linear_case(f"{kind} large {R}x{N}x{K}", R, N, K, kind)
        linear_case(f"{kind} integers", 19, 23, 67, kind, integer=True)
        linear_case(f"{kind} one row of integers", 1, 23, 67, kind, integer=True)
    linear_case("adapter, down", 70, 8, 128)
    linear_case("adapter, up", 70, 128, 8)
    linear_case("many rows", 1031, 3, 5)
    some_only("5x33x100", lambda name, wanted: linear_case(name, 5, 33, 100, "bf16", wanted))
    some_only("large", lambda name, wanted: linear_case(name, 133, 61, 90, "f32", wanted))
    linear_case("nan and inf", 5, 9, 11, dy=dict(patch=BAD), x=dict(patch=[(11, "nan"), (30, "inf")]),
                w=dict(patch=[(77, "inf")]))
    linear_case("huge and small", 4, 5, 17, dy=dict(scale=1e-28), x=dict(scale=1e30), w=dict(scale=1e30))
    linear_case("denormal", 4, 5, 17, dy=dict(scale=2.0 ** -130), terms=17)

    def conv_case(name, B, CI, H, W, CO, k, stride, pad, kind="f32", integer=False, wanted=None, dy={}, x={}):
        KH, KW = k if isinstance(k, tuple) else (k, k)
        HO, WO = ((n + 2 * pad - taps) // stride + 1 for n, taps in ((H, KH), (W, KW)))
        sizes = dict(B=B, CI=CI, H=H, W=W, CO=CO, KH=KH, KW=KW, stride=stride, pad=pad, HO=HO, WO=WO)
        fill = dict(fill="int", scale=5) if integer else {}

        def forward(x, w, b):
            return F.conv2d(x, w, b, stride, pad)
        f = (exactly if integer else linear_in)(forward, THREE)
        gradients("conv2d_backward", name, with_bias(f, CO), sizes, wanted=wanted,
                  start="int" if integer else "uniform", dy=I(B, CO, HO, WO, **{**fill, **dy}),
                  x=I(B, CI, H, W, **{**fill, **x}), w=I(CO, CI, KH, KW, type=kind, **fill))
    conv_case("one of all", 1, 1, 1, 1, 1, 1, 1, 0)
    conv_case("1x1", 2, 5, 3, 7, 11, 1, 1, 0)
    conv_case("3x3 on one pixel", 1, 3, 1, 1, 5, 3, 1, 1)
    conv_case("3x3 on one row", 1, 3, 1, 9, 5, 3, 1, 1)
    conv_case("3x3", 2, 16, 17, 19, 24, 3, 1, 1)
    conv_case("3x3 no padding", 1, 3, 6, 5, 4, 3, 1, 0)
    conv_case("5x2 taps", 1, 3, 9, 11, 4, (5, 2), 1, 1)
    conv_case("patches of 4", 1, 3, 24, 16, 8, 4, 4, 0)
    conv_case("patches of 14", 2, 3, 28, 42, 13, 14, 14, 0)
    conv_case("patches with a remainder", 1, 3, 11, 14, 7, 4, 4, 0)
    conv_case("stride 2", 1, 4, 9, 10, 6, 3, 2, 1)
    conv_case("stride 3, wide padding", 1, 2, 8, 7, 3, 2, 3, 2)
    for kind in WEIGHTS:
        conv_case(f"{kind} 3x3", 1, 5, 7, 6, 9, 3, 1, 1, kind)
        conv_case(f"{kind} 1x1 of many channels", 2, 70, 13, 11, 5, 1, 1, 0, kind)
        conv_case(f"{kind} integers", 2, 6, 9, 7, 10, 3, 1, 1, kind, True)
        conv_case(f"{kind} 3x3 on a large map", 1, 5, 61, 83, 4, 3, 1, 1, kind)
    conv_case("a row longer than a tile", 1, 2, 3, 2111, 3, 3, 1, 1)
    some_only("3x3", lambda name, wanted: conv_case(name, 2, 5, 7, 6, 9, 3, 1, 1, "f16", wanted=wanted))
    conv_case("nan and inf", 1, 2, 9, 11, 3, 3, 1, 1, dy=dict(patch=[(40, "nan"), (60, "inf")]),
              x=dict(patch=[(112, "nan"), (140, "inf"), (162, "-inf")]))
    conv_case("huge", 1, 2, 5, 4, 3, 3, 1, 1, dy=dict(scale=1e15), x=dict(scale=1e15))

    def transposed(x, w, b):
        return F.conv_transpose2d(x, w, b, 2)

    def transposed_case(name, B, CI, H, W, CO, kind="f32", integer=False, wanted=None, dy={}, x={}):
        fill = dict(fill="int", scale=9) if integer else {}
        f = (exactly if integer else linear_in)(transposed, THREE)
        gradients("conv_transpose2x2_backward", name, with_bias(f, CO), dict(B=B, CI=CI, H=H, W=W, CO=CO),
                  wanted=wanted, start="int" if integer else "uniform", dy=I(B, CO, 2 * H, 2 * W, **{**fill, **dy}),
                  x=I(B, CI, H, W, **{**fill, **x}), w=I(CI, CO, 2, 2, type=kind, **fill))
    for kind in WEIGHTS:
        transposed_case(f"{kind} 2x7x3x5 to 4", 2, 7, 3, 5, 4, kind)
    transposed_case("one of all", 1, 1, 1, 1, 1)
    transposed_case("1x32x8x8 to 16", 1, 32, 8, 8, 16)
    transposed_case("large", 2, 70, 11, 17, 19)
    transposed_case("integers", 1, 6, 4, 3, 5, integer=True)
    some_only("2x7x3x5 to 4", lambda name, wanted: transposed_case(name, 2, 7, 3, 5, 4, "bf16", wanted=wanted))
    transposed_case("nan and inf", 1, 2, 4, 3, 3, dy=dict(patch=BAD), x=dict(patch=[(4, "nan"), (7, "inf")]))


def norm_sizes(dy, x, w, dims, eps, over):
    """dx = (g - mean(g) - xhat mean(g xhat)) / sigma with g = w dy, dw = sum of dy xhat over `over`.  xhat's own
    error is eps X, X = (|x| + mean |x|) / sigma, as in the forward pass: it enters once in each factor."""
    mean = x.mean(dims, keepdim=True)
    sigma = ((x - mean) ** 2).mean(dims, keepdim=True).add(eps).sqrt()
    xhat, g, X = (x - mean) / sigma, (w * dy).abs(), (x.abs() + x.abs().mean(dims, keepdim=True)) / sigma

    def m(v):
        return v.mean(dims, keepdim=True)
    dx = (g + m(g) + X * m(g * xhat.abs()) + xhat.abs() * m(g * X)) / sigma + TINY
    return dx, (dy.abs() * X).sum(over) + TINY, dy.abs().sum(over) + TINY


def norms():
    kinds = {"plain": {}, "large mean": dict(add=1000), "small": dict(scale=1e-15), "large": dict(scale=1e15)}
    bad = [(8, "nan"), (15, "inf"), (22, "-inf")]

    def layernorm(eps):
        def f(dy, x, w):
            b = torch.zeros_like(w)
            found = autograd(lambda x, w, b: F.layer_norm(x, (x.shape[1],), w, b, eps), THREE, dy, x=x, w=w, b=b)
            return dict(zip(THREE, zip(found.values(), norm_sizes(dy, x, w, -1, eps, 0))))
        return f

    def rmsnorm(eps):
        def f(dy, x, w):
            def forward(x, w):                                          # LlamaRMSNorm
                return w * (x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps))
            found = autograd(forward, {"dx": "x", "dw": "w"}, dy, x=x, w=w)
            norm = torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps)
            g, xhat = (w * dy).abs(), (x / norm).abs()
            return {"dx": (found["dx"], (g + xhat * (g * xhat).mean(-1, keepdim=True)) / norm + TINY),
                    "dw": (found["dw"], (dy.abs() * xhat).sum(0) + TINY)}
        return f

    def both(name, R, C, eps, dy={}, wanted=None, **x):
        sizes, given = dict(R=R, C=C), dict(dy=I(R, C, **dy), x=I(R, C, **x), w=I(C, add=1))
        gradients("layernorm_backward", name, layernorm(eps), sizes, eps, wanted=wanted, **given)
        if wanted is None or "db" not in wanted:
            gradients("rmsnorm_backward", name, rmsnorm(eps), sizes, eps, wanted=wanted, **given)
    for R, C in ((1, 1), (3, 7), (5, 33), (2, 1024), (2, 8209), (67, 129), (300, 5)):
        for kind, fill in kinds.items():
            if (R, C) != (5, 33) and kind != "plain":
                continue
            for eps in map(eps_of, (1e-5, 1e-6) if C == 33 else (1e-5,)):
                both(f"{R}x{C} {kind} eps {eps:.0e}", R, C, eps, **fill)
    eps = eps_of(1e-5)
    both("large", 70, 1031, eps)
    both("large mean", 70, 1031, eps, add=3)
    both("nan and inf", 5, 7, eps, patch=bad)
    both("nan in dy", 5, 7, eps, dict(patch=[(8, "nan")]))
    both("constant rows", 2, 7, eps, fill="list", values=[3] * 14)
    some_only("5x33", lambda name, wanted: both(name, 5, 33, eps, wanted=wanted))

    def layernorm2d(dy, x, w, eps=eps_of(1e-6)):
        module = LayerNorm2d(x.shape[1], eps)

        def forward(x, w, b):
            return functional_call(module, {"weight": w, "bias": b}, (x[..., None],))[..., 0]
        found = autograd(forward, THREE, dy, x=x, w=w, b=torch.zeros_like(w))
        return dict(zip(THREE, zip(found.values(), norm_sizes(dy, x, w[:, None], 1, eps, (0, 2)))))

    def case_2d(name, B, C, HW, dy={}, wanted=None, **fill):
        gradients("layernorm2d_backward", name, layernorm2d, dict(B=B, C=C, HW=HW), eps_of(1e-6), wanted=wanted,
                  dy=I(B, C, HW, **dy), x=I(B, C, HW, **fill), w=I(C, add=1))
    for B, C, HW in ((1, 1, 1), (2, 7, 13), (1, 64, 40), (1, 33, 1100), (2, 129, 9)):
        case_2d(f"{B}x{C}x{HW}", B, C, HW)
    case_2d("large mean", 1, 16, 9, add=1000)
    case_2d("nan and inf", 1, 5, 6, patch=[(2, "nan"), (10, "inf")])
    some_only("2x7x13", lambda name, wanted: case_2d(name, 2, 7, 13, wanted=wanted))

    def group_case(name, B, C, HW, G, wanted=None, **fill):
        def groupnorm(dy, x, w):
            found = autograd(lambda x, w, b: torch.group_norm(x, G, w, b, eps), THREE, dy, x=x, w=w,
                             b=torch.zeros_like(w))
            grouped = [v.reshape(B, G, -1) for v in (dy, x, w[None, :, None].expand_as(x))]
            mean = grouped[1].abs().mean(-1, keepdim=True)
            sigma = (grouped[1].var(-1, unbiased=False, keepdim=True) + eps).sqrt()
            X = ((grouped[1].abs() + mean) / sigma).reshape(x.shape)
            dx = norm_sizes(*grouped, -1, eps, 0)[0].reshape(x.shape)
            sizes = dx, (dy.abs() * X).sum((0, 2)) + TINY, dy.abs().sum((0, 2)) + TINY
            return dict(zip(THREE, zip(found.values(), sizes)))
        gradients("groupnorm_backward", name, groupnorm, dict(B=B, C=C, HW=HW, G=G), eps, wanted=wanted,
                  dy=I(B, C, HW), x=I(B, C, HW, **fill), w=I(C, add=1))
    for B, C, HW, G in ((1, 1, 1, 1), (2, 6, 13, 3), (2, 32, 35, 4), (1, 8, 9, 8), (1, 32, 1901, 2)):
        group_case(f"{B}x{C}x{HW} by {G}", B, C, HW, G)
    group_case("large mean", 1, 8, 121, 2, add=1000)
    group_case("nan and inf", 1, 6, 5, 3, patch=[(2, "nan"), (14, "inf")])
    some_only("2x6x13 by 3", lambda name, wanted: group_case(name, 2, 6, 13, 3, wanted))


def moved(size):
    """When the position is a float a read may move by eps times the map's side: over to the next pixel of an axis
    goes that share of what both had.  size (..., H, W): the gradient of |dy|."""
    H, W = size.shape[-2:]
    flat = torch.where(size.isfinite(), size, torch.zeros_like(size)).reshape(-1, 1, H, W)
    ones = torch.ones(1, 1, 3, 1, dtype=size.dtype)
    down = F.conv2d(F.pad(flat, (0, 0, 1, 1)), ones)
    right = F.conv2d(F.pad(flat, (1, 1, 0, 0)), ones.transpose(2, 3))
    return size + ((H - 1) * down + (W - 1) * right).reshape(size.shape)


def space():
    def resize_case(name, R, H, W, HO, WO, align, **fill):
        def f(dy):
            def grad(dy):
                x = torch.zeros(1, R, H, W, dtype=dy.dtype).requires_grad_()
                y = F.interpolate(x, (HO, WO), mode="bilinear", align_corners=bool(align))
                return torch.autograd.grad(y, x, dy[None])[0][0]
            return {"dx": (grad(dy), floored(moved(grad(dy.abs()))))}
        gradients("resize_backward", name, f, dict(R=R, H=H, W=W, HO=HO, WO=WO, align=align), stored=300,
                  dy=I(R, HO, WO, **fill))
    for R, H, W, HO, WO in ((1, 1, 1, 1, 1), (2, 1, 1, 5, 3), (1, 5, 7, 1, 1), (3, 4, 5, 9, 13), (2, 13, 11, 7, 5),
                            (1, 8, 8, 32, 32), (1, 24, 24, 12, 12), (3, 24, 24, 96, 96), (1, 20, 17, 255, 251),
                            (2, 6, 9, 6, 9), (1, 7, 3, 7, 10)):
        for align in (0, 1):
            corners = " corners" if align else ""
            resize_case(f"{R}x{H}x{W} to {HO}x{WO}{corners}", R, H, W, HO, WO, align)
    resize_case("huge", 3, 4, 5, 9, 13, 0, scale=1e30)
    resize_case("nan and inf", 2, 4, 4, 7, 7, 0, patch=[(10, "nan"), (67, "inf")])

    boxes = [[0, 0, 1, 1], [2.5, 3.25, 17.75, 12.5], [20, 15, 4, 3], [-9, -7, 8, 5], [12, 9, 60, 50], [90, 90, 99, 95],
             [-40, -30, -20, -25], [5, 5, 5, 5], [6, 2, 6, 30], [-3, -3, 41, 33], [0.3, 0.7, 36.9, 29.1]]

    def roi_case(name, B, C, H, W, P, S, scale, boxes=boxes, **fill):
        scale, n = eps_of(scale), len(boxes)

        def f(dy, box, image):
            rois = torch.cat([image[:, None].to(box.dtype), box], 1)

            def grad(dy):
                x = torch.zeros(B, C, H, W, dtype=dy.dtype).requires_grad_()
                return torch.autograd.grad(torchvision.ops.roi_align(x, rois, P, scale, S, aligned=True), x, dy)[0]
            return {"dx": (grad(dy), floored(moved(grad(dy.abs()))))}
        gradients("roi_align_backward", name, f, dict(N=n, B=B, C=C, H=H, W=W, P=P, S=S), scale, stored=300,
                  dy=I(n, C, P, P, **fill), box=I(n, 4, fill="list", values=[float(v) for b in boxes for v in b]),
                  image=I(n, fill="iota", scale=B, type="i32"))
    for name, C, H, W, P, S, scale in (("one pixel", 2, 1, 1, 2, 2, 0.5), ("14 bins", 3, 16, 21, 14, 2, 8 / 14),
                                       ("many channels", 19, 24, 24, 14, 2, 8 / 14),
                                       ("prime", 2, 13, 11, 7, 2, 0.3), ("one sample", 2, 9, 12, 3, 1, 0.25),
                                       ("three samples", 1, 9, 12, 2, 3, 0.25), ("one bin", 1, 5, 6, 1, 2, 1 / 7)):
        roi_case(name, 2, C, H, W, P, S, scale)
    roi_case("nan and inf", 1, 1, 8, 9, 4, 2, 0.3, [[1, 2, 25, 22], [14, 14, 29, 26]],
             patch=[(5, "nan"), (20, "inf")])
