"""Writes tokenizer vectors with the slow LlamaTokenizer of transformers 4.28.1.
usage: make_tokenizer_vectors.py MODEL_DIR OUT.json

encode: text -> ids, <image> cut as model/llava/mm_utils.py, tokenizer_image_token does (-200);
decode: ids -> text, skip_special_tokens=False, U+0000 written as U+FFFD;
raw: bytes that are not UTF-8 (hex) -> ids, straight from SentencePiece, a BOS in front."""
import json, random, sys
import transformers
from transformers import LlamaTokenizer

SPECIAL = ["<im_start>", "<im_end>", "<bbox>", "<point>", "[SEG]", "<p>", "</p>", "<s>", "</s>", "<unk>", "<image>"]
WORDS = ("the a image region1 person man's ... don't 1234 \u2581 \u2581\u2581 na\u00efve caf\u00e9 \u2615 "
         "\U0001F469\u200d\U0001F467 \u65e5\u672c\u8a9e \u0627\u0644\u0639 \u0939\u093f \u00df \u0130 \u03a3 e\u0301 "
         "<0x0A> <0xE2> < > [ SEG ] [SEG </ p> <im_ <s </s <unk <<p>> [[SEG]] </p</p> <image <imag e>").split(" ")
SPACES = [" ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2028", "\u200b", "\x0b", "\x1c", "\x85", "\u1680", "\u2003"]
FIXED = [
    "", " ", "  ", "   ", "\n", "\n\n", "a", " a", "  a", "a ", "a  ", "a   b", "\ta\t", "The", "the The THE",
    "The <im_start><image><im_end> provides an overview of the picture.\nWhere is the circle?",
    "<im_start><image><im_end>\nWhat is the color?", "<image>", "<image><image>", " <image> ", "a<image>b",
    "[SEG]", "[SEG].", "[SEG] .", " [SEG] ", "\n[SEG]\n", "[SEG][SEG]", "[SEG] [SEG]", "[SEG]\n\u3000[SEG]",
    "<p> A man </p> [SEG] rides <p> a horse </p> [SEG].", "<p></p>", "<p> </p>", "<p>\u00a0a\u00a0</p>",
    "<s>", "</s>", "<unk>", "a</s>b", "a </s> b", " </s> ", "</s>\n[SEG]", "[SEG]\n</s>", "<s><s>", "x</s>USER: y",
    "region1 <bbox>,region2 <bbox>,", "region1 <bbox>?", "<bbox>", "<point>", "\u2581", "a\u2581b", " \u2581 ",
    "caf\u00e9 \u2615 ?", "\U0001F469\u200d\U0001F469\u200d\U0001F467", "\ufffd", "\u0000".replace("\u0000", "\u0001"),
    "\u00a0[SEG]\u00a0", "\u200b[SEG]\u200b", "\x1c[SEG]\x1f", "<0x0A>", "<0x41><0x42>", "a" * 50, " " * 33, "ab" * 40,
]


def text(r):
    out = []
    for _ in range(r.randint(1, r.choice([3, 8, 20]))):
        k = r.random()
        if k < .3: out.append(r.choice(WORDS))
        elif k < .5: out.append(r.choice(SPECIAL))
        elif k < .7: out.append(r.choice(SPACES) * r.choice([1, 1, 2, 5]))
        elif k < .8: out.append("".join(chr(r.randint(33, 126)) for _ in range(r.randint(1, 8))))
        elif k < .9: out.append("".join(chr(c) for c in [r.randrange(1, 0x110000), r.randrange(1, 0x3000)]
                                        if not 0xD800 <= c < 0xE000))
        else: out.append(r.choice([" red circle", " is to the left of ", ".", ","]))
        if r.random() < .4: out.append(" ")
    return "".join(out)


def encode(tok, s):
    chunks = [tok(c).input_ids for c in s.split("<image>")]
    ids = [tok.bos_token_id]
    for i, c in enumerate(chunks): ids += ([-200] if i else []) + c[1:]
    return ids


def random_ids(r, n):
    kinds = [lambda: r.randrange(n), lambda: r.randrange(3), lambda: r.randrange(3, 259), lambda: r.randrange(n - 7, n),
             lambda: r.choice([259, 260, 261]), lambda: 3 + r.choice("\u00e9\u20ac\U0001F469".encode())]
    return [r.choice(kinds)() for _ in range(r.randint(1, 20))]


def main(model, path):
    tok = LlamaTokenizer.from_pretrained(model, use_fast=False, model_max_length=10**9)
    tok.pad_token = tok.unk_token
    r = random.Random(1)
    texts = FIXED + [text(r) for _ in range(250)]
    out = dict(source="transformers %s, slow LlamaTokenizer" % transformers.__version__, encode=[], decode=[], raw=[])
    for s in texts: out["encode"].append(dict(text=s, ids=encode(tok, s)))
    ids = [[i for i in encode(tok, s) if i >= 0] for s in texts[::3]] + [random_ids(r, len(tok)) for _ in range(150)]
    ids += [[], [3], [3, 300, 3, 2], [2], [300, 2, 300], [2, 300, 2], [259], [259, 259]]
    for x in ids:
        out["decode"].append(dict(ids=x, text=tok.decode(x, skip_special_tokens=False).replace("\0", "\ufffd")))
    while len(out["raw"]) < 60:
        b = bytes(r.choice([r.randrange(1, 256), r.randrange(128, 256), 0xE2, 0x96, 0x81, 0x20, 0xED, 0xA0, 0xF0])
                  for _ in range(r.randint(1, 12)))
        if b"<" not in b and b"[" not in b:
            out["raw"].append(dict(bytes=b.hex(), ids=[tok.bos_token_id] + tok.sp_model.encode(b)))
    with open(path, "w") as f:
        rows = lambda k: ",\n".join("  " + json.dumps(x) for x in out[k])
        f.write('{\n "source": %s,\n' % json.dumps(out["source"]))
        f.write(",\n".join(' "%s": [\n%s\n ]' % (k, rows(k)) for k in ("encode", "decode", "raw")) + "\n}\n")


main(*sys.argv[1:])
