"""Cases of sums, attention and decisions.  See make_ops.py."""
import math

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from ops_input import FAINT, TINY, Input as I, case, exactly, linear_in, strict
import ops_moves                                    # noqa: F401  (makes the authors' SAM package importable)
from sam.common import LayerNorm2d
from sam.image_encoder import add_decomposed_rel_pos

WEIGHTS = ("f32", "bf16", "f16")
QUANTISED = ("q8_0", "q4_0", "q4_1")
QUANTISED_K = ("q4_K", "q5_K", "q6_K")


def linear(x, w, b=None):
    return F.linear(x, w, b)


def products():
    for R, N, K in ((1, 1, 1), (1, 7, 13), (3, 5, 7), (1, 40, 64), (5, 33, 100), (64, 48, 80), (37, 1, 256)):
        for kind in WEIGHTS:
            case("linear", f"{kind} {R}x{N}x{K}", linear_in(linear), dict(R=R, N=N, K=K), x=I(R, K, add=0.25),
                 w=I(N, K, type=kind), b=I(N) if (R + N + K) % 2 else None)
    for kind in WEIGHTS:        # many rows, many outputs, few rows of many outputs
        for R, N, K in ((133, 1100, 24), (3, 1100, 70), (1, 70, 4099), (2, 5, 11008)):
            case("linear", f"{kind} large {R}x{N}x{K}", linear_in(linear), dict(R=R, N=N, K=K), stride=1 + R // 10,
                 x=I(R, K), w=I(N, K, type=kind), b=I(N))
    for kind in WEIGHTS:
        case("linear", f"{kind} integers", exactly(linear), dict(R=19, N=23, K=67), x=I(19, 67, fill="int", scale=9),
             w=I(23, 67, fill="int", scale=9, type=kind), b=I(23, fill="int", scale=99))
        case("linear", f"{kind} one row of integers", exactly(linear), dict(R=1, N=23, K=67),
             x=I(1, 67, fill="int", scale=9), w=I(23, 67, fill="int", scale=9, type=kind), b=None)
        case("linear", f"{kind} nan and inf", linear_in(linear), dict(R=5, N=9, K=11), b=I(9, patch=[(2, "nan")]),
             x=I(5, 11, patch=[(11, "nan"), (30, "inf"), (40, "-inf")]), w=I(9, 11, type=kind, patch=[(77, "inf")]))
    case("linear", "huge and small", linear_in(linear), dict(R=4, N=5, K=17), x=I(4, 17, scale=1e30),
         w=I(5, 17, scale=1e-28), b=None)
    case("linear", "denormal", linear_in(linear, 17), dict(R=4, N=5, K=17), x=I(4, 17, scale=2.0 ** -130), w=I(5, 17),
         b=None)

    def conv_case(name, B, CI, H, W, CO, k, stride, pad, bias=True, kind="f32", integer=False, thin=1, **special):
        KH, KW = k if isinstance(k, tuple) else (k, k)
        HO, WO = ((n + 2 * pad - taps) // stride + 1 for n, taps in ((H, KH), (W, KW)))
        sizes = dict(B=B, CI=CI, H=H, W=W, CO=CO, KH=KH, KW=KW, stride=stride, pad=pad, HO=HO, WO=WO)
        fill = dict(fill="int", scale=5) if integer else {}

        def f(x, w, b=None):
            return F.conv2d(x, w, b, stride, pad)
        case("conv2d", name, (exactly if integer else linear_in)(f), sizes, stride=thin,
             x=I(B, CI, H, W, **fill, **special), w=I(CO, CI, KH, KW, type=kind, **fill), b=I(CO, **fill) if bias else None)
    conv_case("one of all", 1, 1, 1, 1, 1, 1, 1, 0)
    conv_case("1x1", 2, 5, 3, 7, 11, 1, 1, 0)
    conv_case("1x1 no bias", 1, 26, 8, 8, 24, 1, 1, 0, bias=False)
    conv_case("3x3 on one pixel", 1, 3, 1, 1, 5, 3, 1, 1)
    conv_case("3x3 on one row", 1, 3, 1, 9, 5, 3, 1, 1)
    conv_case("3x3", 2, 16, 17, 19, 24, 3, 1, 1)
    conv_case("3x3 no bias", 1, 7, 13, 11, 5, 3, 1, 1, bias=False)
    conv_case("3x3 no padding", 1, 3, 6, 5, 4, 3, 1, 0)
    conv_case("5x2 taps", 1, 3, 9, 11, 4, (5, 2), 1, 1)
    conv_case("patches of 4", 1, 3, 24, 16, 8, 4, 4, 0)
    conv_case("patches of 14", 2, 3, 28, 42, 13, 14, 14, 0, bias=False)
    conv_case("patches with a remainder", 1, 3, 11, 14, 7, 4, 4, 0)
    conv_case("stride 2", 1, 4, 9, 10, 6, 3, 2, 1)
    for kind in WEIGHTS:
        conv_case(f"{kind} 3x3", 1, 5, 7, 6, 9, 3, 1, 1, kind=kind)
        conv_case(f"{kind} 1x1", 1, 5, 7, 6, 9, 1, 1, 0, kind=kind)
        conv_case(f"{kind} patches", 1, 3, 12, 8, 5, 4, 4, 0, kind=kind)
        conv_case(f"{kind} integers", 2, 6, 9, 7, 10, 3, 1, 1, kind=kind, integer=True)
        conv_case(f"{kind} 3x3 on a large map", 1, 5, 61, 83, 4, 3, 1, 1, kind=kind, thin=7)
        conv_case(f"{kind} 3x3 of many channels", 1, 231, 46, 47, 2, 3, 1, 1, bias=kind == "bf16", kind=kind, thin=3)
        conv_case(f"{kind} 1x1 of many channels", 2, 300, 30, 31, 5, 1, 1, 0, kind=kind, thin=7)
    conv_case("a row longer than a tile", 1, 2, 3, 2111, 3, 3, 1, 1, thin=11)
    conv_case("nan and inf", 1, 2, 9, 11, 3, 3, 1, 1, patch=[(12, "nan"), (140, "inf"), (62, "-inf")])
    conv_case("huge", 1, 2, 5, 4, 3, 3, 1, 1, scale=1e30)

    def transposed(x, w, b=None):
        return F.conv_transpose2d(x, w, b, 2)
    for B, CI, H, W, CO in ((1, 1, 1, 1, 1), (2, 7, 3, 5, 4), (1, 32, 8, 8, 16)):
        for kind in WEIGHTS:
            case("conv_transpose2x2", f"{kind} {B}x{CI}x{H}x{W} to {CO}", linear_in(transposed),
                 dict(B=B, CI=CI, H=H, W=W, CO=CO), x=I(B, CI, H, W), w=I(CI, CO, 2, 2, type=kind),
                 b=I(CO) if kind != "bf16" else None)
    for kind in WEIGHTS:
        case("conv_transpose2x2", f"{kind} large", linear_in(transposed), dict(B=2, CI=70, H=11, W=17, CO=19),
             stride=11, x=I(2, 70, 11, 17), w=I(70, 19, 2, 2, type=kind), b=I(19))
    case("conv_transpose2x2", "integers", exactly(transposed), dict(B=1, CI=6, H=4, W=3, CO=5),
         x=I(1, 6, 4, 3, fill="int", scale=9), w=I(6, 5, 2, 2, fill="int", scale=9), b=I(5, fill="int", scale=9))
    case("conv_transpose2x2", "nan and inf", linear_in(transposed), dict(B=1, CI=2, H=4, W=3, CO=3),
         x=I(1, 2, 4, 3, patch=[(4, "nan"), (20, "inf")]), w=I(2, 3, 2, 2), b=I(3))


def eps_of(x):
    return float(np.float32(x))


def norms():
    """The terms of (x - mean) / sqrt(var + eps) w + b: x, the mean's own terms, and b."""
    def size(x, dims, eps, w, b):
        mean = x.mean(dims, keepdim=True)
        sigma = ((x - mean) ** 2).mean(dims, keepdim=True).add(eps).sqrt()
        return (x.abs() + x.abs().mean(dims, keepdim=True)) / sigma * w.abs() + b.abs() + TINY

    kinds = {"plain": {}, "large mean": dict(add=1000), "small": dict(scale=1e-15), "large": dict(scale=1e15)}
    for R, C in ((1, 1), (3, 7), (5, 33), (2, 1024), (2, 8209)):
        for kind, fill in kinds.items():
            if (R, C) != (5, 33) and kind != "plain":
                continue
            for eps in map(eps_of, (1e-5, 1e-6)):
                def layernorm(x, w, b, C=C, eps=eps):
                    return F.layer_norm(x, (C,), w, b, eps), size(x, -1, eps, w, b)

                def rmsnorm(x, w, eps=eps):
                    y = w * (x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps))     # LlamaRMSNorm
                    return y, y.abs() + TINY
                name = f"{R}x{C} {kind} eps {eps:.0e}"
                given = dict(x=I(R, C, **fill), w=I(C, add=1))
                case("layernorm", name, layernorm, dict(R=R, C=C), eps, stride=1 + C // 1100, **given, b=I(C))
                case("rmsnorm", name, rmsnorm, dict(R=R, C=C), eps, stride=1 + C // 1100, **given)
    for add in (0, 3):
        eps = eps_of(1e-5)

        def layernorm_wide(x, w, b):
            return F.layer_norm(x, (1031,), w, b, eps), size(x, -1, eps, w, b)

        def rmsnorm_wide(x, w):
            y = w * (x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps))
            return y, y.abs() + TINY
        name = "large" + (" mean" if add else "")
        case("layernorm", name, layernorm_wide, dict(R=70, C=1031), eps, stride=13, x=I(70, 1031, add=add), w=I(1031),
             b=I(1031))
        case("rmsnorm", name, rmsnorm_wide, dict(R=70, C=1031), eps, stride=13, x=I(70, 1031, add=add), w=I(1031))
    bad = [(8, "nan"), (15, "inf"), (22, "-inf")]
    case("layernorm", "nan and inf", layernorm_7, dict(R=5, C=7), eps, x=I(5, 7, patch=bad), w=I(7), b=I(7))
    case("rmsnorm", "nan and inf", rmsnorm_7, dict(R=5, C=7), eps, x=I(5, 7, patch=bad), w=I(7))
    case("layernorm", "constant rows", layernorm_7, dict(R=2, C=7), eps, x=I(2, 7, fill="list", values=[3] * 14),
         w=I(7), b=I(7))

    eps = eps_of(1e-6)
    for B, C, HW, fill in ((1, 1, 1, {}), (2, 7, 13, {}), (1, 64, 40, {}), (1, 33, 1100, {}),
                           (1, 16, 9, kinds["large mean"]),
                           (1, 5, 6, dict(patch=[(2, "nan"), (10, "inf")]))):
        def layernorm2d(x, w, b, C=C):
            m = LayerNorm2d(C, eps).double()
            m.weight.data, m.bias.data = w, b
            x4 = x[..., None]
            return m(x4)[..., 0], size(x, 1, eps, w[:, None], b[:, None])
        case("layernorm2d", f"{B}x{C}x{HW}" + (" " + next(iter(fill)) if fill else ""), layernorm2d,
             dict(B=B, C=C, HW=HW), eps, stride=1 + HW // 100, x=I(B, C, HW, **fill), w=I(C, add=1), b=I(C))
    eps = eps_of(1e-5)
    for B, C, HW, G, fill in ((1, 1, 1, 1, {}), (2, 6, 13, 3, {}), (2, 32, 35, 4, {}), (1, 8, 9, 8, {}),
                              (1, 8, 121, 2, kinds["large mean"]),
                              (1, 32, 4901, 2, {}), (1, 32, 4901, 2, dict(add=3)),
                              (1, 6, 5, 3, dict(patch=[(2, "nan"), (14, "inf")]))):
        def groupnorm(x, w, b, G=G):
            g = x.reshape(x.shape[0], G, -1)
            wide = [v[None, :, None].expand_as(x).reshape(g.shape) for v in (w, b)]
            return torch.group_norm(x, G, w, b, eps), size(g, -1, eps, *wide)
        case("groupnorm", f"{B}x{C}x{HW} by {G}" + (" " + next(iter(fill)) if fill else ""), groupnorm,
             dict(B=B, C=C, HW=HW, G=G), eps, stride=1 + HW // 200, x=I(B, C, HW, **fill), w=I(C, add=1), b=I(C))


def layernorm_7(x, w, b):
    y = F.layer_norm(x, (7,), w, b, eps_of(1e-5))
    return y, y.abs() + b.abs() + 2 * w.abs() + TINY


def rmsnorm_7(x, w):
    y = w * (x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps_of(1e-5)))
    return y, y.abs() + TINY


def moved(x, pixels):
    """How far bilinear reads of x (..., H, W) may move when the position is a float: eps times `pixels`, times the
    range of the values around each pixel."""
    around = F.pad(torch.where(x.isfinite(), x, torch.zeros_like(x)), (1, 1, 1, 1), mode="replicate")
    return pixels * (F.max_pool2d(around, 3, 1) + F.max_pool2d(-around, 3, 1))


def space():
    for R, H, W, HO, WO in ((1, 1, 1, 1, 1), (2, 1, 1, 5, 3), (1, 5, 7, 1, 1), (3, 4, 5, 9, 13), (2, 13, 11, 7, 5),
                            (1, 8, 8, 32, 32), (1, 24, 24, 12, 12), (1, 64, 64, 255, 251), (3, 24, 24, 96, 96),
                            (1, 48, 40, 1000, 1011), (2, 6, 9, 6, 9), (1, 7, 3, 7, 10)):
        for align in (0, 1):
            def resize(x, a=align, size=(HO, WO)):
                y = F.interpolate(x[None], size, mode="bilinear", align_corners=bool(a))[0]
                z = x.abs()[None] + moved(x[None], max(x.shape[1:]) - 1)
                z = F.interpolate(z, size, mode="bilinear", align_corners=bool(a))[0]
                return y, z + TINY
            case("resize", f"{R}x{H}x{W} to {HO}x{WO}" + (" corners" if align else ""), resize,
                 dict(R=R, H=H, W=W, HO=HO, WO=WO, align=align), stride=1 + HO * HO // 500, x=I(R, H, W))
            if (H, WO) == (4, 13):
                case("resize", "huge" + (" corners" if align else ""), resize,
                     dict(R=R, H=H, W=W, HO=HO, WO=WO, align=align), x=I(R, H, W, scale=1e30))

    def seven(x):
        return [F.interpolate(v[None], (7, 7), mode="bilinear")[0] for v in (x, x.abs() + moved(x[None], 3)[0] + TINY)]
    case("resize", "nan and inf", seven, dict(R=2, H=4, W=4, HO=7, WO=7, align=0),
         x=I(2, 4, 4, patch=[(10, "nan"), (27, "inf")]))

    boxes = [[0, 0, 1, 1], [2.5, 3.25, 17.75, 12.5], [20, 15, 4, 3], [-9, -7, 8, 5], [12, 9, 60, 50], [90, 90, 99, 95],
             [-40, -30, -20, -25], [5, 5, 5, 5], [6, 2, 6, 30], [-3, -3, 41, 33], [0.3, 0.7, 36.9, 29.1]]
    for name, C, H, W, P, S, scale in (("one pixel", 2, 1, 1, 2, 2, 0.5), ("14 bins", 3, 16, 21, 14, 2, 8 / 14),
                                       ("many channels", 19, 24, 24, 14, 2, 8 / 14),
                                       ("prime", 2, 13, 11, 7, 2, 0.3), ("one sample", 2, 9, 12, 3, 1, 0.25),
                                       ("three samples", 1, 9, 12, 2, 3, 0.25), ("one bin", 1, 5, 6, 1, 2, 1 / 7)):
        def roi(x, box, image, C=C, P=P, S=S, scale=eps_of(scale)):
            rois = torch.cat([image[:, None].to(box.dtype), box], 1)
            return [torchvision.ops.roi_align(v, rois, P, scale, S, aligned=True) for v in (x, x.abs() + moved(x, max(x.shape[2:]) - 1) + TINY)]
        n = len(boxes)
        case("roi_align", name, roi, dict(N=n, B=2, C=C, H=H, W=W, P=P, S=S), scale, stride=1 + C // 4,
             x=I(2, C, H, W),
             box=I(n, 4, fill="list", values=[float(v) for box in boxes for v in box]),
             image=I(n, fill="iota", scale=2, type="i32"))
    case("roi_align", "nan and inf", lambda x, box, image: roi(x, box, image, 1, 4, 2, eps_of(0.3)),
         dict(N=2, B=1, C=1, H=8, W=9, P=4, S=2), 0.3, x=I(1, 1, 8, 9, patch=[(30, "nan"), (50, "inf")]),
         box=I(2, 4, fill="list", values=[1.0, 2.0, 25.0, 22.0, 14.0, 14.0, 29.0, 26.0]),
         image=I(2, fill="iota", scale=1, type="i32"))


def depth(score):
    """The largest |score - max| of each row that still counts: beyond 104 exp is 0 in float."""
    gap = score.amax(-1, keepdim=True) - score
    gap = torch.where(torch.isfinite(gap), gap, torch.zeros_like(gap))
    return gap.clamp(max=104).amax(-1, keepdim=True)


def attention_case(name, B, TQ, TK, NH, HD, NKV=None, KS=None, causal=0, past=0, keep=(), rel=None, scale=None,
                   thin=1, q_fill={}, k_fill={}, v_fill={}, op="attention", kind="f32"):
    """kind: the type of k and v."""
    NKV, KS, scale = NKV or NH, KS or TK, scale or eps_of(HD ** -0.5)
    GH, GW = rel or (0, 0)

    def f(q, k, v, keep=None, rel_h=None, rel_w=None):
        q = q.reshape(B, TQ, NH, HD).transpose(1, 2)
        k, v = (t[:, :TK].reshape(B, TK, NKV, HD).transpose(1, 2).repeat_interleave(NH // NKV, 1) for t in (k, v))
        score = scale * q @ k.transpose(-2, -1)
        if rel:
            score = add_decomposed_rel_pos(score.reshape(B * NH, TQ, TK), q.reshape(B * NH, TQ, HD), rel_h, rel_w,
                                           (GH, GW), (GH, GW)).reshape(B, NH, TQ, TK)
        y, size = torch.full((2, B, NH, TQ, HD), math.nan, dtype=torch.float64)
        for b in range(B):
            for i in range(TQ):         # only the keys that query i sees: NaN elsewhere is not carried
                seen = torch.arange(TK) <= i + past if causal else torch.ones(TK, dtype=torch.bool)
                if keep is not None:
                    seen = seen & (keep[b] != 0)
                if seen.any():
                    s, vs = score[b, :, i, seen], v[b][:, seen]
                    p = torch.softmax(s, -1)[:, None]
                    y[b, :, i] = (p @ vs)[:, 0]
                    size[b, :, i] = (p @ vs.abs())[:, 0] * (1 + depth(s)) + FAINT
        return [t.transpose(1, 2).reshape(B, TQ, NH * HD) for t in (y, size)]
    unread = [((b * KS + t) * NKV * HD + c, "nan") for b in range(B) for t in range(TK, KS) for c in (0, 1)]
    k_patch, v_patch = (list(t.pop("patch", [])) + unread for t in (k_fill, v_fill))
    sizes = dict(B=B, TQ=TQ, TK=TK, KS=KS, NH=NH, NKV=NKV, HD=HD, causal=causal, past=past, GH=GH, GW=GW)
    case(op, name, f, sizes, scale, stride=thin, q=I(B, TQ, NH * HD, **{"scale": 2, **q_fill}),
         k=I(B, KS, NKV * HD, type=kind, patch=k_patch, **{"scale": 2, **k_fill}),
         v=I(B, KS, NKV * HD, type=kind, patch=v_patch, **v_fill),
         keep=I(B, TK, fill="list", type="u8", values=list(keep)) if keep else None,
         rel_h=I(2 * GH - 1, HD) if rel else None, rel_w=I(2 * GW - 1, HD) if rel else None)


def attention():
    def softmax(x):
        y = torch.softmax(x, -1)
        return y, y * (1 + depth(x)) + FAINT
    for R, C, scale in ((1, 1, 1), (3, 7, 4), (5, 33, 16), (2, 1024, 8), (4, 40, 128), (3, 19, 1e30),
                        (2, 32003, 64)):
        case("softmax", f"{R}x{C} in +-{scale:g}", softmax, dict(R=R, C=C), stride=1 + C // 1100,
             x=I(R, C, scale=scale))
    case("softmax", "large", softmax, dict(R=70, C=1031), stride=13, x=I(70, 1031, scale=8))
    case("softmax", "-inf, inf and nan", softmax, dict(R=6, C=5), x=I(6, 5, patch=[
        (2, "-inf"), (4, "-inf"), *((i, "-inf") for i in range(5, 10)), (11, "nan"), (16, "inf"), (20, "-inf"),
        (21, "-inf"), (22, "-inf"), (23, "-inf")]))
    case("softmax", "far from zero", softmax, dict(R=3, C=11), x=I(3, 11, add=30000))
    case("softmax", "far below zero", softmax, dict(R=3, C=11), x=I(3, 11, add=-30000))

    attention_case("one of all", 1, 1, 1, 1, 2)
    attention_case("prime", 2, 5, 7, 3, 5)
    attention_case("plain", 2, 17, 17, 4, 16)
    attention_case("long", 1, 70, 131, 2, 8)
    attention_case("wide heads", 1, 9, 11, 2, 80)
    attention_case("few keys", 3, 20, 6, 8, 2)
    attention_case("one query", 2, 1, 37, 4, 8)
    attention_case("causal", 2, 13, 13, 2, 8, causal=1)
    attention_case("causal with past", 1, 5, 12, 2, 8, causal=1, past=7)
    attention_case("cache longer than the keys", 2, 3, 9, 2, 6, KS=14, causal=1, past=6)
    attention_case("one query of a cache", 1, 1, 9, 4, 6, NKV=2, KS=16, causal=1, past=8)
    attention_case("grouped heads", 2, 6, 10, 6, 4, NKV=2)
    attention_case("one key head", 1, 6, 10, 5, 4, NKV=1, causal=1, past=4)
    attention_case("kept keys", 2, 4, 7, 2, 4, keep=[1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0])
    attention_case("kept keys, causal", 2, 6, 6, 2, 4, causal=1, keep=[1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0])
    attention_case("no key seen", 2, 4, 4, 1, 4, causal=1, keep=[1, 1, 1, 1, 0, 0, 1, 1])
    attention_case("relative positions", 1, 9, 9, 2, 5, rel=(3, 3))
    attention_case("relative positions, windows", 4, 16, 16, 2, 8, rel=(4, 4))
    attention_case("relative positions, not square", 1, 21, 21, 3, 4, rel=(3, 7))
    attention_case("relative positions, one row", 1, 5, 5, 1, 4, rel=(1, 5))
    attention_case("relative positions, many", 1, 196, 196, 1, 8, rel=(14, 14))
    attention_case("large", 1, 601, 577, 2, 16, thin=7)
    attention_case("large, causal with past", 1, 530, 570, 4, 8, NKV=2, KS=600, causal=1, past=40, thin=7)
    attention_case("large, relative positions", 1, 576, 576, 2, 8, rel=(24, 24), thin=7)
    attention_case("large, kept keys", 2, 300, 290, 1, 8, thin=3,
                   keep=[int((i * i + i // 7) % 3 != 0) for i in range(580)])
    attention_case("one query of many keys", 1, 1, 1500, 4, 16, KS=1510, causal=1, past=1499)
    attention_case("one query of 2111 keys, heads of 128", 1, 1, 2111, 2, 128, causal=1, past=2110)
    attention_case("sharp", 1, 7, 19, 2, 8, q_fill=dict(scale=16), k_fill=dict(scale=8))
    attention_case("large values", 1, 7, 19, 2, 8, v_fill=dict(scale=1e30))
    attention_case("exact: all scores 0", 1, 3, 8, 2, 4, q_fill=dict(fill="list", values=[0.0] * 24),
                   v_fill=dict(fill="int", scale=9))
    attention_case("nan in keys that are left out", 2, 6, 7, 2, 4, keep=[1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0],
                   k_fill=dict(patch=[(8, "nan"), (33, "inf"), (105, "nan")]),
                   v_fill=dict(patch=[(9, "nan"), (34, "inf"), (106, "nan")]))
    attention_case("nan in later keys", 1, 6, 8, 2, 4, causal=1, past=2,
                   k_fill=dict(patch=[(41, "nan"), (60, "inf")]), v_fill=dict(patch=[(42, "nan"), (61, "-inf")]))
    attention_case("one query, nan in a key that is left out", 1, 1, 7, 2, 4, keep=[1, 0, 1, 1, 0, 1, 1],
                   k_fill=dict(patch=[(8, "nan"), (33, "inf")]), v_fill=dict(patch=[(9, "nan"), (34, "inf")]))
    attention_case("nan in q", 2, 5, 7, 2, 4, q_fill=dict(patch=[(9, "nan")]))
    attention_case("nan and inf in k", 2, 5, 7, 2, 4, causal=1, past=2,
                   k_fill=dict(patch=[(34, "nan"), (110, "inf")]))
    attention_case("nan and inf in v", 2, 5, 7, 2, 4, v_fill=dict(patch=[(9, "nan"), (62, "inf"), (110, "-inf")]))


def decisions():
    def argmax(x):
        return x.argmax(-1)
    for R, C in ((1, 1), (7, 13), (3, 1000), (3, 32003)):
        case("argmax", f"{R}x{C}", argmax, dict(R=R, C=C), compare="ints", x=I(R, C))
    case("argmax", "ties", argmax, dict(R=40, C=9), compare="ints", x=I(40, 9, fill="int", scale=2))
    case("argmax", "nan and inf", argmax, dict(R=6, C=5), compare="ints", x=I(6, 5, patch=[
        (2, "nan"), (4, "nan"), (6, "inf"), (7, "inf"), *((i, "-inf") for i in range(10, 15)), (16, "inf"),
        (18, "nan"), (20, "-inf"), (25, "nan")]))
    for name, N, patch in (("one", 1, []), ("all", 77, []), ("a nan", 77, [(0, "nan")]), ("an inf", 77, [(76, "inf")]),
                           ("a -inf", 77, [(40, "-inf")]), ("one nan", 1, [(0, "nan")]), ("many", 70001, []),
                           ("many and a nan", 70001, [(69999, "nan")]),
                           ("many and an inf", 70001, [(4096, "inf")])):
        case("finite", name, lambda x: torch.isfinite(x).all()[None], dict(N=N), compare="ints", x=I(N, patch=patch))
    case("finite", "huge", lambda x: torch.isfinite(x).all()[None], dict(N=33), compare="ints", x=I(33, scale=3e38))


def quantised():
    for kind in QUANTISED + QUANTISED_K:
        wide = 8 if kind in QUANTISED_K else 1
        for N, R, C in ((1, 1, 32 * wide), (7, 5, 96 * wide), (33, 40, 160 * wide)):
            case("gather", f"{kind} {N} of {R}x{C}", lambda x, rows: x[rows], dict(N=N, R=R, C=C), compare="bits",
                 stride=1 + N * wide // 10, x=I(R, C, type=kind, fill="blocks"),
                 rows=I(N, fill="index", scale=R, type="i32"))
        for R, N, K in ((1, 1, 32), (1, 7, 96), (1, 33, 4096), (1, 5, 11008), (2, 33, 32), (2, 7, 4096), (4, 7, 160), (5, 1, 32),
                        (5, 7, 96), (5, 33, 4096), (40, 7, 32), (40, 33, 96), (40, 1, 4096)):
            K = K if K >= 4096 else K * wide
            case("linear", f"{kind} {R}x{N}x{K}", linear_in(linear), dict(R=R, N=N, K=K), x=I(R, K, add=0.25),
                 w=I(N, K, type=kind, fill="blocks"), b=I(N) if (R + N) % 2 else None)
        for R in (1, 19):
            K = 256 if kind in QUANTISED_K else 96
            case("linear", f"{kind} integers {R}x23x{K}", exactly(linear), dict(R=R, N=23, K=K),
                 x=I(R, K, fill="int", scale=9), w=I(23, K, type=kind, fill="whole"), b=I(23, fill="int", scale=99))
        for R in (4, 7):
            K = 64 * wide
            case("linear", f"{kind} nan and inf {R}x9x{K}", strict(linear_in(linear)), dict(R=R, N=9, K=K),
                 x=I(R, K, patch=[(11 * wide, "nan"), (70 * wide, "inf"), (140 * wide, "-inf")]),
                 w=I(9, K, type=kind, fill="blocks"), b=I(9, patch=[(2, "nan")]))
