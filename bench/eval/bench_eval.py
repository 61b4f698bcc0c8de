"""make bench-eval: `glamm eval gcg` beside pycocotools and pycocoevalcap on the same files, in one run.
usage: bench_eval.py GLAMM MAKE_SET WORK_DIR [--images N] [--originals N] [--python PYTHON]
The originals score the first set (N images, default 400: they take seconds an image), ours both; seconds, peak memory, ratio, and the
largest difference of the numbers.  Without a python that has pycocotools and pycocoevalcap only ours runs."""
import argparse, json, os, resource, subprocess, sys, time

a = argparse.ArgumentParser()
for k in ("glamm", "make_set", "work"): a.add_argument(k)
a.add_argument("--images", type=int, default=5000)
a.add_argument("--originals", type=int, default=400)
a.add_argument("--python", default=sys.executable)
a = a.parse_args()


def run(argv):
    """Output, seconds, peak resident MB of the program alone (its own wait4)."""
    start = time.monotonic()
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = p.stdout.read()
    _, status, use = os.wait4(p.pid, 0)
    if status: sys.exit(f"{' '.join(argv)}: failed")
    return text, time.monotonic() - start, use.ru_maxrss / 1024


def ours(folder, more=()):
    text, s, mb = run([a.glamm, "eval", "gcg", "--truth", folder, "--pred", f"{folder}/predictions", "--json", *more])
    return json.loads(text), s, mb


def has_packages():
    try:
        return subprocess.run([a.python, "-c", "import pycocotools, pycocoevalcap; print(pycocoevalcap.__path__[0])"],
                              capture_output=True, text=True).stdout.strip()
    except OSError: return ""


small, large = f"{a.work}/small", f"{a.work}/large"
for folder, n in ((small, a.originals), (large, a.images)): run([a.make_set, folder, str(n), "7"])
package = has_packages()
meteor = ["--meteor-data", f"{package}/meteor"] if package else []
got, s, mb = ours(small, meteor)
print(f"{a.originals} images, {4 * a.originals} true masks of 2250 x 1500")
print(f"  glamm eval gcg                 {s:8.2f} s   {mb:7.0f} MB")
if package:
    text, s2, mb2 = run([a.python, os.path.join(os.path.dirname(__file__), "originals.py"), small, f"{small}/predictions"])
    want = json.loads(text)
    print(f"  pycocotools, pycocoevalcap     {s2:8.2f} s   {mb2:7.0f} MB   (its Java processes not counted)")
    off = [abs(x - y) for x, y in zip(got["coco_stats"], want["coco_stats"])] + [abs(got["miou"] - want["miou"])]
    off += [abs(got["caption"][k] - v) for k, v in want["caption"].items()]
    print(f"  {s2 / s:.0f} times as fast; numbers differ by at most {max(off):.1e}")
else:
    print(f"  originals: {a.python} has no pycocotools and pycocoevalcap: left out (--python, EVAL_PYTHON)")
_, s, mb = ours(large, meteor)
print(f"{a.images} images, {4 * a.images} true masks\n  glamm eval gcg                 {s:8.2f} s   {mb:7.0f} MB")
