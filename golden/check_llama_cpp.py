"""A text model's logits against llama.cpp's, on answers that llama.cpp itself wrote.
usage: check_llama_cpp.py PROGRAM MODEL.gguf [--activations f32|q8] [--kv f32|bf16|f16] [--itself] [--layers N] [--tokens 200] [--prompts 20] [--save FILE.npz]

Needs numpy, gguf and llama-cpp-python of PyPI; PROGRAM is build/logits.  Each prompt, in the model's conversation, is answered greedily by llama.cpp,
one token at a time, past the answer's end, too; prompt and answer are then fed to our model at once.  Prints, over the positions that predict a
token of the answer: how often the likeliest token is the same, the margins (of llama.cpp's two likeliest logits) where it is not, mean KL divergence,
relative distance of logits.
  --kv        ours keeps keys and values in this type, and reads them back
  --itself    in place of ours: llama.cpp, fed the whole at once instead of token by token
  --layers N  both read the file without all but its first N layers, at once, llama.cpp with its cache in f32: rounding has no depth to grow in
  --save      keeps what llama.cpp said, and takes it from there when the file exists
"""
import argparse
import os
import subprocess
import sys
import gguf
import llama_cpp
import numpy as np
from llama_cpp import Llama

PROMPTS = [
    "What is the capital of France?", "Write a short poem about the sea.", "Explain photosynthesis to a child.",
    "List three uses of copper.", "Translate 'good morning' into Spanish and German.", "Who wrote Hamlet, and when?",
    "Give me a recipe for pancakes.", "What is 17 plus 25?", "Describe a sunset in two sentences.", "Why is the sky blue?",
    "Write a Python function that reverses a string.", "What are the planets of the solar system?", "Tell me a joke about cats.",
    "How do bees make honey?", "Summarise the story of Cinderella.", "What is a prime number?", "Name five animals that live in Africa.",
    "How does a refrigerator work?", "Write an email that asks for a day off.", "What is the difference between weather and climate?",
]


def chatml(prompt):
    return ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n"
            + prompt + "<|im_end|>\n<|im_start|>assistant\n")


def open_llama(path, cache, every):
    return Llama(path, n_ctx=1024, logits_all=every, verbose=False, n_threads=1, n_threads_batch=1, type_k=cache, type_v=cache)


def answers(a):
    """Of each prompt: ids of prompt and answer, where the answer starts, the logits that chose each of its tokens."""
    model, out = open_llama(a.model, llama_cpp.GGML_TYPE_F16, False), []
    for prompt in PROMPTS[:a.prompts]:
        ids = model.tokenize(chatml(prompt).encode(), add_bos=False, special=True)
        start, rows = len(ids), []
        model.reset()
        model.eval(ids)
        for _ in range(a.tokens):
            rows.append(np.ctypeslib.as_array(llama_cpp.llama_get_logits(model.ctx), (model.n_vocab(),)).copy())
            ids.append(int(rows[-1].argmax()))
            model.eval(ids[-1:])
        out.append((np.array(ids[:-1], np.int32), start, np.array(rows, np.float32)))
        print("%d of %d" % (len(out), a.prompts), file=sys.stderr)
    return out


def stored(a):
    if a.save and os.path.exists(a.save):
        f = np.load(a.save)
        return [(f["ids%d" % i], int(f["start%d" % i]), f["logits%d" % i]) for i in range(a.prompts)]
    said = answers(a)
    if a.save:
        np.savez(a.save, **{k + str(i): v for i, s in enumerate(said) for k, v in zip(("ids", "start", "logits"), s)})
    return said


def cut(source, out, layers):
    r, w = gguf.GGUFReader(source), gguf.GGUFWriter(out, "llama")
    for key, field in r.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        value = layers if key == "llama.block_count" else field.contents()
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            w.add_array(key, value)
        else:
            w.add_key_value(key, value, field.types[0])
    for t in r.tensors:
        if not t.name.startswith("blk.") or int(t.name.split(".")[1]) < layers:
            w.add_tensor(t.name, t.data, raw_dtype=t.tensor_type)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()


def ours(a, path, ids, vocab):
    line = (" ".join(map(str, ids)) + "\n").encode()
    run = subprocess.run([a.program, path, a.activations] + [a.kv] * bool(a.kv), input=line, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(run.stdout, np.float32).reshape(len(ids), vocab)


def at_once(model, ids):
    model.reset()
    model.eval([int(i) for i in ids])
    return np.array(model.scores[:len(ids)], np.float32)


def log_softmax(x):
    x = x.astype(np.float64) - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("--activations", default="f32"), p.add_argument("--kv"), p.add_argument("--save")
    p.add_argument("--itself", action="store_true"), p.add_argument("--layers", type=int, default=0)
    p.add_argument("--tokens", type=int, default=200), p.add_argument("--prompts", type=int, default=20)
    a = p.parse_args()
    said, path, model = stored(a), a.model, None
    if a.layers:
        path = a.model + ".cut.gguf"
        cut(a.model, path, a.layers)
    if a.layers or a.itself:
        model = open_llama(path, llama_cpp.GGML_TYPE_F32 if a.layers else llama_cpp.GGML_TYPE_F16, True)
    total, wrong, kl, apart = 0, [], [], []
    for ids, start, want in said:
        got = at_once(model, ids) if a.itself else ours(a, path, ids, want.shape[1])
        if a.layers:
            want = at_once(model, ids)[start - 1:]
        got, order = got[start - 1:], np.sort(want, 1)
        wrong += list((order[:, -1] - order[:, -2])[got.argmax(1) != want.argmax(1)])
        lw, lg = log_softmax(want), log_softmax(got)
        kl += list((np.exp(lw) * (lw - lg)).sum(1))
        apart += list(np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1))
        total += len(want)
    print("%s%s: %d of %d likeliest tokens alike; margins where not: %d above 0.02, %d above 0.1, %d above 0.3, largest %.3f; mean KL %.2e; "
          "logits apart by %.1e (median), %.1e (mean), %.1e (largest)"
          % ("llama.cpp at once" if a.itself else "activations " + a.activations + ", kv " * bool(a.kv) + (a.kv or ""), ", %d layers" % a.layers if a.layers else "", total - len(wrong),
             total, *(sum(m > t for m in wrong) for t in (0.02, 0.1, 0.3)), max(wrong, default=0), np.mean(kl), np.median(apart), np.mean(apart),
             np.max(apart)))
    if a.layers:
        os.remove(path)


main()
