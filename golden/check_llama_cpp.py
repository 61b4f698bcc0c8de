"""A text model's logits against llama.cpp's, on answers that llama.cpp itself wrote.
usage: check_llama_cpp.py PROGRAM MODEL.gguf [--tokens 200] [--prompts 20] [--activations f32|q8] [--kv f16|f32] [--save FILE.npz]

Needs numpy and the PyPI package llama-cpp-python; PROGRAM is build/logits.  Each prompt, in the model's conversation, is answered greedily by
llama.cpp (one token at a time, its defaults but for --kv, the type of its KV cache); prompt and answer are then fed to our model at once.
Prints, over the positions that predict an answer token: how often the likeliest token is the same, the largest margin (of llama.cpp's two
likeliest logits) where it is not, mean KL divergence, largest and mean difference of logits.  --save keeps what llama.cpp said, and
takes it from there when the file exists.
"""
import argparse
import os
import subprocess
import sys
import numpy as np
import llama_cpp
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


def answers(a):
    kind = llama_cpp.GGML_TYPE_F32 if a.kv == "f32" else llama_cpp.GGML_TYPE_F16
    model = Llama(a.model, n_ctx=1024, logits_all=False, verbose=False, n_threads=1, n_threads_batch=1, type_k=kind, type_v=kind)
    out = []
    for prompt in PROMPTS[:a.prompts]:
        ids = model.tokenize(chatml(prompt).encode(), add_bos=False, special=True)
        start, rows = len(ids), []
        model.reset()
        model.eval(ids)
        for _ in range(a.tokens):                               # past the end, too: 200 tokens each
            row = np.ctypeslib.as_array(llama_cpp.llama_get_logits(model.ctx), (model.n_vocab(),)).copy()
            rows.append(row)
            ids.append(int(row.argmax()))
            model.eval(ids[-1:])
        out.append((np.array(ids[:-1], np.int32), start, np.array(rows, np.float32)))
        print("%d of %d" % (len(out), a.prompts), file=sys.stderr)
    return out


def log_softmax(x):
    x = x.astype(np.float64) - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def ours(a, ids, vocab):
    line = (" ".join(map(str, ids)) + "\n").encode()
    run = subprocess.run([a.program, a.model, a.activations], input=line, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(run.stdout, np.float32).reshape(len(ids), vocab)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model")
    p.add_argument("--tokens", type=int, default=200), p.add_argument("--prompts", type=int, default=20)
    p.add_argument("--activations", default="f32"), p.add_argument("--kv", default="f16"), p.add_argument("--save")
    a = p.parse_args()
    if a.save and os.path.exists(a.save):
        stored = np.load(a.save)
        said = [(stored["ids%d" % i], int(stored["start%d" % i]), stored["logits%d" % i]) for i in range(a.prompts)]
    else:
        said = answers(a)
        if a.save:
            np.savez(a.save, **{k + str(i): v for i, s in enumerate(said) for k, v in zip(("ids", "start", "logits"), s)})
    same = total = 0
    wrong, kl, most, mean = [], [], 0.0, []
    for ids, start, want in said:
        got = ours(a, ids, want.shape[1])[start - 1:]
        order = np.sort(want, 1)
        margin = order[:, -1] - order[:, -2]
        differs = got.argmax(1) != want.argmax(1)
        same, total = same + int((~differs).sum()), total + len(want)
        wrong += [float(m) for m in margin[differs]]
        lw, lg = log_softmax(want), log_softmax(got)
        kl.append((np.exp(lw) * (lw - lg)).sum(1).mean())
        most, mean = max(most, float(np.abs(got - want).max())), mean + [float(np.abs(got - want).mean())]
    print("activations %s, llama.cpp's cache %s: %d of %d likeliest tokens alike; largest margin where not %.4f; mean KL %.3g; "
          "logits differ by %.4f at most, %.4f on average" % (a.activations, a.kv, same, total, max(wrong, default=0), np.mean(kl), most,
                                                             np.mean(mean)))
    print("margins where not: " + " ".join("%.4f" % m for m in sorted(wrong)))


main()
