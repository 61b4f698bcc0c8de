"""Cases of gradients of softmax and attention, and of losses.  See make_ops.py."""
import math

import torch
import torch.nn.functional as F

from ops_backward import autograd, some_only
from ops_input import FAINT, Input as I, case, gradients, seed_of
from ops_sums import depth, eps_of


def softmax():
    """dx = y (dy - sum of dy y); y is the forward pass's, rounded to float."""
    def f(dy, x, y):
        size = y * (dy.abs() + (dy * y).abs().sum(-1, keepdim=True)) + FAINT
        return {"dx": (autograd(lambda x: torch.softmax(x, -1), {"dx": "x"}, dy, x=x)["dx"], size)}

    def softmax_case(name, R, C, dy={}, **fill):
        gradients("softmax_backward", name, f, dict(R=R, C=C), dy=I(R, C, **dy), x=I(R, C, **fill),
                  y=I(R, C, fill="forward", values=lambda dy, x: torch.softmax(x, -1)))
    for R, C, scale in ((1, 1, 1), (3, 7, 4), (5, 33, 16), (2, 1024, 8), (4, 40, 128), (70, 1031, 8), (2, 32003, 4)):
        softmax_case(f"{R}x{C} in +-{scale:g}", R, C, scale=scale)
    softmax_case("a large mean of dy", 3, 19, dict(add=1000))
    softmax_case("-inf and nan", 4, 5, patch=[(2, "-inf"), (4, "-inf"), (11, "nan")])
    softmax_case("nan and inf in dy", 4, 5, dict(patch=[(2, "nan"), (6, "inf")]))


def attention_case(name, B, TQ, TK, NH, HD, NKV=None, KS=None, causal=0, past=0, keep=(), rel=None, scale=None,
                   wanted=None, thin=200, q_fill={}, k_fill={}, v_fill={}, dy_fill={}):
    NKV, KS, scale = NKV or NH, KS or TK, scale or eps_of(HD ** -0.5)
    GH, GW = rel or (0, 0)
    names = {"dq": "q", "dk": "k", "dv": "v", **({"drel_h": "rel_h", "drel_w": "rel_w"} if rel else {})}

    def pairs(q, k, v, keep=None, rel_h=None, rel_w=None):
        """For each image and query that sees a key: where its keys are, its rows of k and v, the rows of rel_h and
        rel_w, and P.  Only these are touched: NaN elsewhere is not carried."""
        q = q.reshape(B, TQ, NH, HD)
        k, v = (t[:, :TK].reshape(B, TK, NKV, HD).repeat_interleave(NH // NKV, 2) for t in (k, v))
        for b in range(B):
            for i in range(TQ):
                seen = torch.arange(TK) <= i + past if causal else torch.ones(TK, dtype=torch.bool)
                if keep is not None:
                    seen = seen & (keep[b] != 0)
                j = seen.nonzero()[:, 0]
                if len(j) == 0:
                    continue
                near, far = k[b, j], v[b, j]                                            # (n, NH, HD)
                score = scale * torch.einsum("hd,nhd->hn", q[b, i], near)
                at = (i // GW - j // GW + GH - 1, i % GW - j % GW + GW - 1) if rel else None
                if rel:
                    score = score + q[b, i] @ (rel_h[at[0]].T) + q[b, i] @ (rel_w[at[1]].T)
                yield b, i, j, near, far, at, score, torch.softmax(score, -1)

    def forward(**x):
        rows = torch.full((B, TQ, NH, HD), math.nan, dtype=x["q"].dtype)
        found = {(b, i): torch.einsum("hn,nhd->hd", p, far) for b, i, _, _, far, _, _, p in pairs(**x)}
        return torch.stack([torch.stack([found.get((b, i), rows[b, i]) for i in range(TQ)]) for b in range(B)]).reshape(
            B, TQ, NH * HD)

    def sizes(dy, q, k, v, **x):
        """dv: P |dy| (1 + d).  dS: P (|dy| |v| and its mean under P) (1 + d), times what dq, dk, drel multiply it by."""
        size = {n: torch.zeros(shape, dtype=torch.float64) for n, shape in (
            ("dq", (B, TQ, NH, HD)), ("dk", (B, KS, NKV, HD)), ("dv", (B, KS, NKV, HD)),
            ("drel_h", (2 * GH - 1, HD)), ("drel_w", (2 * GW - 1, HD))) if rel or "rel" not in n}
        heads, q_abs = torch.arange(NH) // (NH // NKV), q.reshape(B, TQ, NH, HD).abs()
        for b, i, j, near, far, at, score, p in pairs(q, k, v, **x):
            g = dy.reshape(B, TQ, NH, HD)[b, i].abs()
            deep = p * (1 + depth(score))
            product = torch.einsum("hd,nhd->hn", g, far.abs())
            s = deep * (product + (p * product).sum(-1, keepdim=True))                  # (NH, n)
            reach = scale * near.abs().transpose(0, 1)                                  # (NH, n, HD)
            if rel:
                reach = reach + x["rel_h"][at[0]].abs() + x["rel_w"][at[1]].abs()
                each = torch.einsum("hn,hd->nd", s, q_abs[b, i])
                size["drel_h"].index_add_(0, at[0], each + FAINT)
                size["drel_w"].index_add_(0, at[1], each + FAINT)
            size["dq"][b, i] += torch.einsum("hn,hnd->hd", s, reach) + FAINT
            rows, groups = j.repeat(NH), heads.repeat_interleave(len(j))
            size["dk"][b].index_put_((rows, groups), (scale * s[..., None] * q_abs[b, i][:, None] + FAINT).reshape(-1, HD),
                                     accumulate=True)
            size["dv"][b].index_put_((rows, groups), (deep[..., None] * g[:, None] + FAINT).reshape(-1, HD),
                                     accumulate=True)
        return size

    def f(dy, q, k, v, y, keep=None, rel_h=None, rel_w=None):
        x = dict(q=q, k=k, v=v, keep=keep, rel_h=rel_h, rel_w=rel_w)
        x = {n: t for n, t in x.items() if t is not None}
        found = autograd(forward, names, dy, **x)
        wide = {n: t.double() if t.is_floating_point() else t for n, t in x.items()}
        size = sizes(dy.double(), **wide)
        return {out: (g, size[out].reshape(g.shape)) for out, g in found.items()}

    unread = [((b * KS + t) * NKV * HD + c, "nan") for b in range(B) for t in range(TK, KS) for c in (0, 1)]
    k_patch, v_patch = (list(t.pop("patch", [])) + unread for t in (k_fill, v_fill))
    shape = dict(B=B, TQ=TQ, TK=TK, KS=KS, NH=NH, NKV=NKV, HD=HD, causal=causal, past=past, GH=GH, GW=GW)
    gradients("attention_backward", name, f, shape, scale, wanted=wanted, stored=thin, dy=I(B, TQ, NH * HD, **dy_fill),
              q=I(B, TQ, NH * HD, **{"scale": 2, **q_fill}), k=I(B, KS, NKV * HD, patch=k_patch, **{"scale": 2, **k_fill}),
              v=I(B, KS, NKV * HD, patch=v_patch, **v_fill),
              keep=I(B, TK, fill="list", type="u8", values=list(keep)) if keep else None,
              rel_h=I(2 * GH - 1, HD) if rel else None, rel_w=I(2 * GW - 1, HD) if rel else None,
              y=I(B, TQ, NH * HD, fill="forward",
                  values=lambda dy, **x: forward(**{n: t for n, t in x.items() if t is not None})))


def attention():
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
    attention_case("grouped heads", 2, 6, 10, 6, 4, NKV=2)
    attention_case("one key head", 1, 6, 10, 5, 4, NKV=1, causal=1, past=4)
    attention_case("another scale", 1, 6, 10, 2, 4, scale=0.75)
    attention_case("kept keys", 2, 4, 7, 2, 4, keep=[1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0])
    attention_case("kept keys, causal", 2, 6, 6, 2, 4, causal=1, keep=[1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0])
    attention_case("no key seen", 2, 4, 4, 1, 4, causal=1, keep=[1, 1, 1, 1, 0, 0, 1, 1])
    attention_case("relative positions", 1, 9, 9, 2, 5, rel=(3, 3))
    attention_case("relative positions, windows", 4, 16, 16, 2, 8, rel=(4, 4))
    attention_case("relative positions, not square", 1, 21, 21, 3, 4, rel=(3, 7))
    attention_case("relative positions, one row", 1, 5, 5, 1, 4, rel=(1, 5))
    attention_case("relative positions, many", 1, 196, 196, 1, 8, rel=(14, 14))
    attention_case("large", 1, 301, 277, 2, 16)
    attention_case("large, causal with past", 1, 230, 270, 4, 8, NKV=2, KS=300, causal=1, past=40)
    attention_case("large, kept keys", 2, 150, 145, 1, 8, keep=[int((i * i + i // 7) % 3 != 0) for i in range(290)])
    attention_case("sharp", 1, 7, 19, 2, 8, q_fill=dict(scale=16), k_fill=dict(scale=8))
    attention_case("large values", 1, 7, 19, 2, 8, v_fill=dict(scale=1e15), dy_fill=dict(scale=1e10))
    attention_case("a large mean of v", 1, 7, 19, 2, 8, v_fill=dict(add=100))
    some_only("kept keys and groups", lambda name, wanted: attention_case(
        name, 2, 5, 7, 4, 4, NKV=2, KS=9, wanted=wanted, keep=[1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0]),
        ("dq", "dk", "dv", "dq dk"))
    some_only("relative positions", lambda name, wanted: attention_case(name, 1, 12, 12, 2, 4, rel=(3, 4), wanted=wanted),
              ("dq", "dv", "drel_h", "drel_w"))
    attention_case("nan in keys that are left out", 2, 6, 7, 2, 4, keep=[1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0],
                   k_fill=dict(patch=[(8, "nan"), (33, "inf"), (105, "nan")]),
                   v_fill=dict(patch=[(9, "nan"), (34, "inf"), (106, "nan")]))
    attention_case("nan in later keys", 1, 6, 8, 2, 4, causal=1, past=2,
                   k_fill=dict(patch=[(41, "nan"), (60, "nan")]), v_fill=dict(patch=[(42, "nan"), (61, "nan")]))
    attention_case("nan in q", 2, 5, 7, 2, 4, q_fill=dict(patch=[(9, "nan")]))
    attention_case("nan in v", 2, 5, 7, 2, 4, v_fill=dict(patch=[(9, "nan")]))
    attention_case("nan in dy", 2, 5, 7, 2, 4, dy_fill=dict(patch=[(9, "nan")]))


def loss(op, name, f, size, dsize, sizes, dys=(1.0, -0.375), **x):
    """f: the loss; size and dsize: of the value, and of its derivative."""
    made = [v.make(seed_of(op, name, k)) for k, v in x.items()]
    case(op, name, lambda **x: (f(**x).reshape(1), size(**x).reshape(1)), sizes, alike=not f(*made).isfinite(), **x)
    for n, dy in enumerate(dys):
        gradients(op + "_backward", name + (f", dy {dy}" if n else ""), lambda dy, **x: {
            "dx": (autograd(lambda **x: f(**x).reshape(1), {"dx": "x"}, dy, **x)["dx"], dsize(**x) * dy.abs())}, sizes,
            stored=400, dy=I(1, fill="list", values=[dy]), **x)


def cross_entropy():
    def f(x, label):
        return F.cross_entropy(x[label >= 0], label[label >= 0])      # NaN in an ignored row is not carried

    def size(x, label):
        """Of max, log of the sum, x[label]; exp turns |x - max| into a relative error."""
        x, label = x[label >= 0], label[label >= 0]
        top = x.amax(-1)
        p, total = torch.softmax(x, -1), (x - top[:, None]).exp().sum(-1)
        gap = (p * (top[:, None] - x).nan_to_num(0)).sum(-1)
        return (top.abs() + x.gather(1, label[:, None])[:, 0].abs() + total.log().abs() + 1 + gap).mean()

    def dsize(x, label):
        picked = torch.zeros_like(x).scatter_(1, label.clamp(min=0)[:, None], 1.0)
        rows = (label >= 0)[:, None]
        return torch.where(rows, (torch.softmax(x, -1) * (1 + depth(x)) + picked) / rows.sum() + FAINT,
                           torch.zeros_like(x))

    def ce(name, R, C, ignored=(), label=None, **fill):
        loss("cross_entropy", name, f, size, dsize, dict(R=R, C=C), x=I(R, C, **{"scale": 4, **fill}),
             label=I(R, fill="list", values=label, type="i32") if label else
             I(R, fill="index", scale=C, type="i32", patch=[(r, -100) for r in ignored]))
    ce("1x1", 1, 1)
    ce("1x7", 1, 7)
    ce("5x33", 5, 33, scale=16)
    ce("some rows ignored", 13, 29, (0, 3, 4, 12))
    ce("all but one ignored", 4, 11, (0, 1, 3))
    ce("vocabulary", 9, 32007, (0, 1, 5), scale=8)
    ce("many rows", 301, 61, range(0, 301, 3))
    ce("first and last label", 3, 17, label=[0, 16, 8])
    ce("far from zero", 3, 11, add=30000)
    ce("far below zero", 3, 11, add=-30000)
    ce("sharp", 6, 13, scale=128)
    ce("a large x", 3, 19, scale=1e30)
    ce("-inf at another label", 3, 5, label=[1, 4, 0], patch=[(2, "-inf"), (5, "-inf")])
    ce("-inf at the label", 2, 5, label=[1, 4], patch=[(1, "-inf")])
    ce("nan in an ignored row", 4, 5, (1,), patch=[(6, "nan"), (8, "inf")])
    ce("nan", 3, 5, label=[2, 0, 1], patch=[(6, "nan")])
    unlabelled, rows = I(3, fill="list", values=[-100, -1, -100], type="i32"), dict(R=3, C=5)
    case("cross_entropy", "no label", lambda x, label: (f(x, label).reshape(1), torch.ones(1)), rows, alike=True, x=I(3, 5), label=unlabelled)
    gradients("cross_entropy_backward", "no label", lambda dy, x, label: {"dx": (torch.zeros_like(x),) * 2}, rows,
              dy=I(1, fill="list", values=[1.0]), x=I(3, 5), label=unlabelled)


def masks():
    def bce(x, t):              # groundingLMM model/GLaMM.py, compute_sigmoid_cross_entropy, not divided by masks
        return F.binary_cross_entropy_with_logits(x, t, reduction="none").mean(1).sum()

    def bce_size(x, t):
        return (x.abs() * (1 + t.abs()) + torch.log1p(torch.exp(-x.abs()))).mean(1).sum() + FAINT

    def bce_dsize(x, t):
        return (torch.sigmoid(x) + t.abs()) / x.shape[1] + FAINT

    def terms(x, t):            # calculate_dice_loss
        p = x.sigmoid()
        over = 2 * (p / 1000 * t).sum(-1) + 1e-6
        return p, over, (p / 1000).sum(-1) + (t / 1000).sum(-1) + 1e-6

    def dice(x, t):
        _, over, both = terms(x, t)
        return (1 - over / both).sum()

    def dice_size(x, t):
        _, over, both = terms(x, t)
        return (1 + over / both).sum()

    def dice_dsize(x, t):       # 1 - p cancels; both enters the first term twice
        p, over, both = terms(x, t)
        return (2 * (over / both)[:, None] + 2 * t.abs()) / (1000 * both[:, None]) * p + FAINT

    for op, f, size, dsize in (("bce", bce, bce_size, bce_dsize), ("dice", dice, dice_size, dice_dsize)):
        def mask(name, N, P, x={}, t={}, op=op, f=f, size=size, dsize=dsize):
            loss(op, name, f, size, dsize, dict(N=N, P=P), x=I(N, P, **{"scale": 8, **x}),
                 t=I(N, P, **{"fill": "flag", **t}))
        mask("1x1", 1, 1)
        mask("1x13", 1, 13)
        mask("3x50", 3, 50)
        mask("5x1009", 5, 1009)
        mask("a map of 97x83", 2, 97 * 83, x=dict(scale=16))
        mask("soft targets", 3, 37, t=dict(fill="uniform", scale=0.5, add=0.5))
        mask("an empty mask", 2, 40, x=dict(add=-9), t=dict(fill="list", values=[0.0] * 80))
        mask("a full mask", 2, 40, x=dict(add=9), t=dict(fill="list", values=[1.0] * 80))
        mask("large logits", 2, 33, x=dict(scale=200))
        mask("wrong and sure", 1, 21, x=dict(scale=4, add=8), t=dict(fill="list", values=[0.0] * 21))
        mask("zeros", 1, 8, x=dict(fill="list", values=[0.0] * 8))
        mask("nan", 2, 9, x=dict(patch=[(3, "nan")]))
        mask("inf", 1, 9, x=dict(patch=[(1, "inf"), (4, "-inf")]),
             t=dict(fill="list", values=[0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0]))
