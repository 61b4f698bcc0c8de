"""Prefill and decoding of one model by glamm and by llama.cpp, side by side, one thread each.
usage: beside_llama_cpp.py GLAMM MODEL.gguf IMAGE [--activations q8] [--tokens 32] [--rounds 3]

MODEL.gguf is what `glamm convert` wrote (random weights will do: `glamm synth`); llama.cpp opens the same file.
Needs llama-cpp-python of PyPI.  The prompt has as many rows in both: ours are an image's 576 and the text's,
llama.cpp's are tokens.  Rounds alternate; the table has the medians."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import llama_cpp


def ours(a):
    """Seconds of prefill and of a token, and the prompt's rows."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([a.glamm, "run", a.model, a.image, "--no-masks", "--threads", "1", "--activations", a.activations,
                        "--max-tokens", str(a.tokens), "--out", out], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env=dict(os.environ, OMP_NUM_THREADS="1"))
        name = next(f for f in os.listdir(out) if f.endswith(".json"))
        answer = json.load(open(os.path.join(out, name)))
    n = len(answer["ids"])
    if n < 2:
        sys.exit("the model answered with %d tokens: no decoding to time" % n)
    return answer["seconds"]["prefill"], answer["seconds"]["generate"] / (n - 1), len(answer["prompt_ids"]) + 575


def theirs(model, rows, tokens):
    model.reset()
    start = time.perf_counter()
    model.eval([1] + [100 + i % 100 for i in range(rows - 1)])
    middle = time.perf_counter()
    for i in range(tokens):
        model.eval([100 + i])
    return middle - start, (time.perf_counter() - middle) / tokens


p = argparse.ArgumentParser()
p.add_argument("glamm")
p.add_argument("model")
p.add_argument("image")
p.add_argument("--activations", default="q8")
p.add_argument("--tokens", type=int, default=32)
p.add_argument("--rounds", type=int, default=3)
a = p.parse_args()
llama = llama_cpp.Llama(a.model, n_ctx=2048, n_batch=2048, n_ubatch=512, n_threads=1, n_threads_batch=1, verbose=False)
pairs = []
for _ in range(a.rounds):
    mine = ours(a)
    pairs.append((mine, theirs(llama, mine[2], a.tokens)))
rows = pairs[0][0][2]
print("| | glamm | llama.cpp | ratio |\n|---|---|---|---|")
for i, (name, count) in enumerate((("prefill of %d rows, tokens/s" % rows, rows), ("decoding, tokens/s", 1))):
    rates = [statistics.median(count / pair[k][i] for pair in pairs) for k in (0, 1)]
    print("| %s | %.1f | %.1f | %.2f |" % (name, *rates, statistics.median(pair[1][i] / pair[0][i] for pair in pairs)))
