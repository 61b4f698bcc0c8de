"""Cases of moves and maps.  See make_ops.py."""
import os
import sys
import types

import torch
import torch.nn.functional as F
from transformers.activations import QuickGELUActivation
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from ops_input import FAINT, TINY, Input as I, case

package = types.ModuleType("sam")
package.__path__ = [os.path.join(os.environ["GLAMM_SRC"], "model", "SAM", "modeling")]
sys.modules["sam"] = package
from sam.image_encoder import window_partition, window_unpartition          # noqa: E402


def moves():
    def gather(x, rows):
        return x[rows]
    for kind in ("f32", "bf16", "f16"):
        for N, R, C in ((1, 1, 1), (7, 5, 13), (40, 33, 24)):
            case("gather", f"{kind} {N} of {R}x{C}", gather, dict(N=N, R=R, C=C), compare="bits",
                 x=I(R, C, type=kind) if R * C > 1 else I(R, C, type=kind, fill="list", values=[0.75]),
                 rows=I(N, fill="index", scale=R, type="i32"))
    case("gather", "large", gather, dict(N=301, R=50, C=211), compare="bits", stride=7, x=I(50, 211, type="bf16"),
         rows=I(301, fill="index", scale=50, type="i32"))
    for kind in ("bf16", "f16"):        # every fifth of the 65536 bit patterns
        case("gather", f"{kind} bit patterns", gather, dict(N=13107, R=13107, C=1), compare="bits",
             x=I(13107, 1, type=kind, fill="bits", scale=5), rows=I(13107, fill="iota", scale=13107, type="i32"))
    case("gather", "nan and inf", gather, dict(N=9, R=4, C=3), compare="bits",
         x=I(4, 3, patch=[(0, "nan"), (4, "inf"), (8, "-inf")]), rows=I(9, fill="iota", scale=4, type="i32"))

    for B, R, C in ((1, 1, 1), (1, 7, 13), (3, 33, 17), (2, 64, 40), (2, 4111, 8209)):
        if R < 1000:
            case("transpose", f"{B}x{R}x{C}", lambda x: x.transpose(1, 2).contiguous(), dict(B=B, R=R, C=C),
                 compare="bits", x=I(B, R, C, fill="bits") if B * R * C > 1 else I(1, 1, 1))
        case("concat", f"{B}x({R}, {C})", lambda a, b: torch.cat([a, b], 1), dict(B=B, N=R, M=C),
             compare="bits", a=I(B, R, fill="bits"), b=I(B, C), stride=1 + R // 1000)
    case("transpose", "large", lambda x: x.transpose(1, 2).contiguous(), dict(B=2, R=203, C=301), compare="bits",
         stride=11, x=I(2, 203, 301))
    for B, N, first, M in ((1, 1, 0, 1), (3, 13, 0, 5), (5, 13, 6, 7), (4, 40, 8, 24), (3, 13001, 4103, 8501)):
        part = f"{M} of {N} at {first}"
        case("slice", part, lambda x, f=first, m=M: x[:, f:f + m], dict(B=B, N=N, at=first, M=M), compare="bits",
             x=I(B, N), stride=1 + M // 1000)

        def place(y, x, f=first, m=M):
            y = y.clone()
            y[:, f:f + m] = x
            return y
        case("place", part, place, dict(B=B, N=N, at=first, M=M), compare="bits", y=I(B, N), x=I(B, M),
             stride=1 + M // 1000)
    for B, N in ((1, 1), (7, 13), (5, 40), (3, 9001)):
        case("repeat", f"{B} times {N}", lambda x, b=B: x.expand(b, -1), dict(B=B, N=N), compare="bits", x=I(N),
             stride=1 + N // 1000)
    for B, H, W, C, S in ((1, 1, 1, 1, 1), (1, 1, 1, 3, 2), (2, 7, 5, 3, 3), (1, 8, 8, 4, 4), (2, 10, 9, 5, 14)):
        n = -(-H // S) * -(-W // S) * B
        sizes = dict(B=B, H=H, W=W, C=C, S=S)
        case("window", f"{B}x{H}x{W}x{C} by {S}", lambda x, s=S: window_partition(x, s)[0].contiguous(), sizes,
             compare="bits", x=I(B, H, W, C))
        case("unwindow", f"{B}x{H}x{W}x{C} by {S}",
             lambda x, s=S, h=H, w=W: window_unpartition(x, s, (-(-h // s) * s, -(-w // s) * s), (h, w)).contiguous(),
             sizes, compare="bits", x=I(n, S, S, C))
    case("window", "large", lambda x: window_partition(x, 14)[0].contiguous(), dict(B=2, H=33, W=30, C=37, S=14),
         compare="bits", stride=29, x=I(2, 33, 30, 37))
    case("unwindow", "large", lambda x: window_unpartition(x, 14, (42, 42), (33, 30)).contiguous(),
         dict(B=2, H=33, W=30, C=37, S=14), compare="bits", stride=29, x=I(18, 14, 14, 37))
    case("round_bf16", "bit patterns", lambda x: x.float().bfloat16().float(), dict(N=9973), compare="bits",
         x=I(9973, fill="bits"))
    case("round_bf16", "ties and edges", lambda x: x.float().bfloat16().float(), dict(N=13), compare="bits",
         x=I(13, fill="list", values=[1.00390625, 1.01171875, 1.00390637, -1.00390625, 3.4e38, 3.3895314e38, 1e-40,
                                      -0.0, 0.0, "nan", "inf", "-inf", 224.5]))
    case("round_bf16", "one", lambda x: x.float().bfloat16().float(), dict(N=1), compare="bits", x=I(1))

    for N, value in ((1, 0.0), (1, 0.75), (77, -2.5), (70001, 0.0)):
        case("fill", f"{N} times {value}", lambda n=N, v=value: torch.full((n,), v), dict(N=N), value, compare="bits",
             stride=1 + N // 1000, alike=N > 1)


EDGES = [0.0, -0.0, 1.0, -1.0, 1e-40, -1e-40, 1e-20, 1e10, 1e30, -1e30, 20.0, -20.0, 88.5, -88.5, 200.0, -200.0, 5.5,
         -5.5, 0.5, -0.5, "nan", "inf", "-inf"]


def maps():
    def pairs(op, f):
        for N, M in ((1, 1), (13, 13), (91, 13), (256, 8), (33, 1)):
            case(op, f"{N} and {M}", lambda a, b: (f(a, b), f(a, b).abs() + TINY), dict(N=N, M=M),
                 a=I(N, scale=3), b=I(M, scale=2))
        case(op, "large", lambda a, b: (f(a, b), f(a, b).abs() + TINY), dict(N=70070, M=1001), stride=13,
             a=I(70070), b=I(1001))
        n = len(EDGES)
        case(op, "edges", lambda a, b: (f(a, b), f(a, b).abs() + TINY), dict(N=5 * n, M=n),
             a=I(5 * n, patch=[(3, "nan"), (n + 22, "inf"), (2 * n + 22, "nan")]), b=I(n, fill="list", values=EDGES))

    def widened(f):     # b repeats along a
        return lambda a, b: f(a, b.repeat(a.numel() // b.numel()))
    pairs("add", widened(torch.add))
    pairs("mul", widened(torch.mul))
    for N in (1, 13, 100):
        case("scale", str(N), lambda x: (x * -0.375, (x * 0.375).abs() + TINY), dict(N=N), -0.375, x=I(N))
    case("scale", "edges", lambda x: (x * 0.25, (x * 0.25).abs() + TINY), dict(N=len(EDGES)), 0.25,
         x=I(len(EDGES), fill="list", values=EDGES))

    def single(op, f, floor, a=torch.zeros_like):
        def both(x):
            return f(x), f(x).abs() + a(x).abs() + floor
        case(op, "large", both, dict(N=70001), stride=13, x=I(70001, scale=16))
        for N, scale in ((1, 1), (13, 4), (1009, 8), (64, 64)):
            case(op, f"{N} in +-{scale}", both, dict(N=N), x=I(N, scale=scale))
        case(op, "edges", both, dict(N=len(EDGES)), x=I(len(EDGES), fill="list", values=EDGES))
    single("relu", F.relu, TINY)
    single("gelu", F.gelu, FAINT, lambda x: x)
    single("quick_gelu", QuickGELUActivation(), FAINT,      # 1.702 x is rounded before exp
           lambda x: QuickGELUActivation()(x) * 1.702 * x * torch.sigmoid(-1.702 * x))
    single("silu", F.silu, FAINT)
    single("sin", torch.sin, TINY, torch.ones_like)
    single("cos", torch.cos, TINY, torch.ones_like)

    def rope(x, angle):
        cos, sin = (f(angle).repeat(1, 2)[None, None] for f in (torch.cos, torch.sin))
        at = torch.arange(x.shape[0])[None]
        y = apply_rotary_pos_emb(x.transpose(0, 1)[None], x.transpose(0, 1)[None], cos, sin, at)[0]
        a, b = x.abs().chunk(2, -1)
        return y[0].transpose(0, 1).contiguous(), torch.cat([a + b, a + b], -1) + TINY
    for R, NH, HD in ((1, 1, 2), (7, 3, 10), (5, 2, 128), (5, 1, 262), (13, 4, 16)):
        case("rope", f"{R}x{NH}x{HD}", rope, dict(R=R, NH=NH, HD=HD), x=I(R, NH, HD),
             angle=I(R, HD // 2, scale=512, add=512))
    case("rope", "large", rope, dict(R=301, NH=4, HD=64), stride=13, x=I(301, 4, 64), angle=I(301, 32, scale=256))
    case("rope", "extremes", rope, dict(R=3, NH=2, HD=6), angle=I(3, 3, scale=4, patch=[(8, "nan")]),
         x=I(3, 2, 6, patch=[(0, 1e30), (3, -1e30), (14, "nan"), (20, "inf"), (7, 1e-40), (10, 1e-40)]))
