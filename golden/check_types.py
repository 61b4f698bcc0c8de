"""Every type that `glamm convert` writes against the packages gguf and llama-cpp-python.
usage: check_types.py GLAMM LOGITS MODEL [--sequences 20] [--length 64]

Needs numpy, gguf and llama-cpp-python; GLAMM is the program, LOGITS build/logits, MODEL a model folder (golden/wide/model).  For each type:
- gguf reads both files; what it unpacks of the language model's is held against what `glamm convert --type f32` unpacks, bit for bit;
- the file's tensors are held against those that llama.cpp quantises from the f32 file itself (llama_model_quantize), byte for byte;
- logits of random token sequences: ours against llama.cpp's on the same file.  Printed: how often the likeliest token is the same, mean KL
  divergence, largest difference as a share of the logits' range.  llama.cpp rounds activations to 8 bits; with LOGITS .. q8 ours does, too.
Exit status 1 when a bit or byte differs.
"""
import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np

FILE_TYPE = {"q4_0": 2, "q4_1": 3, "q8_0": 7, "q4_K": 14, "q4_K_M": 15, "q5_K": 16, "q5_K_M": 17, "q6_K": 18}     # enum llama_ftype


def tensors(path):
    return {t.name: t for t in gguf.GGUFReader(path).tensors}


def floats(t):
    return gguf.dequantize(t.data, t.tensor_type).astype(np.float32).reshape(-1)


def quantise(source, out, name):
    p = llama_cpp.llama_model_quantize_default_params()
    p.ftype, p.nthread, p.pure = FILE_TYPE[name], 1, not name.endswith("_M")
    assert llama_cpp.llama_model_quantize(source.encode(), out.encode(), ctypes.byref(p)) == 0


def log_softmax(x):
    x = x.astype(np.float64) - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def ours(a, path, sequences, activations):
    text = "".join(" ".join(map(str, s)) + "\n" for s in sequences).encode()
    out = subprocess.run([a.logits, path, activations], input=text, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(out, np.float32)


def theirs(path, sequences):
    kind = llama_cpp.GGML_TYPE_F32
    model = llama_cpp.Llama(path, n_ctx=256, logits_all=True, verbose=False, n_threads=1, n_threads_batch=1, type_k=kind, type_v=kind)
    rows = []
    for s in sequences:
        model.reset()
        model.eval(s.tolist())
        rows.append(model.scores[:len(s)].copy())
    return np.concatenate(rows)


def compare(got, want):
    p, q = log_softmax(want), log_softmax(got)
    kl = (np.exp(p) * (p - q)).sum(1).mean()
    return (got.argmax(1) == want.argmax(1)).mean(), kl, np.abs(got - want).max() / (want.max() - want.min())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("glamm"), parser.add_argument("logits"), parser.add_argument("model")
    parser.add_argument("--sequences", type=int, default=20), parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--types", default="f32 bf16 f16 q8_0 q6_K q5_K q5_K_M q4_K q4_K_M q4_1 q4_0")
    a = parser.parse_args()
    folder, bad = tempfile.mkdtemp(), 0

    def convert(source, name, kind):
        out = os.path.join(folder, name + ".gguf")
        subprocess.run([a.glamm, "convert", source, "--out", out, "--type", kind, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        return out
    f32 = convert(a.model, "f32", "f32")
    V = tensors(f32)["token_embd.weight"].shape[1]
    rng = np.random.default_rng(3)
    sequences = rng.integers(3, V, (a.sequences, a.length)).astype(np.int32)
    print("%-8s %9s %9s   %-28s %-28s" % ("type", "unpacked", "llama.cpp", "activations f32: top-1, KL, max", "8 bits: top-1, KL, max"))
    for kind in a.types.split():
        path = convert(a.model, "typed", kind)
        mine, floating = tensors(path), tensors(convert(path, "floats", "f32"))
        gguf.GGUFReader(path[:-5] + ".vision.gguf")
        differ = sum(not np.array_equal(floats(t).view(np.int32), floats(floating[n]).view(np.int32)) for n, t in mine.items())
        line = "%-8s %9s " % (kind, "equal" if not differ else "%d DIFFER" % differ)
        if kind in FILE_TYPE:
            quantise(f32, os.path.join(folder, "llama.gguf"), kind)
            other = tensors(os.path.join(folder, "llama.gguf"))
            wrong = [n for n, t in mine.items() if t.tensor_type != other[n].tensor_type or not np.array_equal(t.data, other[n].data)]
            line += "%9s   " % ("equal" if not wrong else "%d DIFFER" % len(wrong))
            differ += len(wrong)
        else:
            line += "%9s   " % "-"
        bad += differ
        want = theirs(path, sequences)
        for activations in ("f32", "q8"):
            line += "%6.2f %% %9.2e %9.2e   " % ((100 * (r := compare(ours(a, path, sequences, activations).reshape(-1, V), want))[0],) + r[1:])
        print(line, flush=True)
    shutil.rmtree(folder)
    return bad != 0


sys.exit(main())
