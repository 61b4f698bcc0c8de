"""Writes conversations as the authors' Conversation class renders them, and answers cleaned as their
eval/gcg/infer.py does.  usage: GLAMM_SRC=checkout of groundingLMM (e74865f) make_answer_vectors.py OUT_DIR

answers.json: text -> caption, phrases (stripped, as written), masks: for each phrase the number of the [SEG]
that follows its </p> before the next <p>, found here by splitting the text, -1 for none; spans: for each phrase
the bytes of the caption that came from between its tags, without white space at the ends."""
import json, os, random, re, sys
sys.path.insert(0, os.environ["GLAMM_SRC"])
from model.llava.conversation import conv_templates

TURNS = [
    ["What is this?"], ["What is this?", "A dog."], ["What is this?", "A dog.", "And that?"],
    ["a", "b", "c", "d", "e"], ["a", "b", "c", "d"], ["q", "", "r"], ["{} {system} {x} {", "{} </s> }", "{}"],
    ["The <im_start><image><im_end> provides an overview of the picture.\nIs it red?"], ["<s>ss</s>", " s "],
    ["caf\u00e9 \u2615\n\n", "\n \u65e5\u672c", "  two  spaces  "],
]
PARTS = ["<p>", "</p>", "[SEG]", "<p> a man </p> [SEG]", "<p>a dog</p>", "<p> ", " </p>", "[SEG] ", " ", "  ", "   ",
         "\n", " \n ", "'", "'s", "\"", ".", " .", ",", "</s>", "<s>", "<unk>", "<x y>", "<", ">", "<<", ">>", "[", "SEG]",
         "[S<p>EG]", "[[SEG]]", "ASSISTANT: ", "ASSISTANT:", "USER: q ", "on the left", "a", "of", "caf\u00e9", "\u65e5\u672c",
         "\u00a0", "\u3000", "\t", "\u2615", "<p></p>", "<p> </p> [SEG]", "<P> b </P>", "</ p>", "< p>"]
FIXED = [
    "", " ", "'", "''", "[SEG]", "</s>", "No masks here.</s>", "<p> A man </p> [SEG] rides <p> a horse </p> [SEG] .</s>",
    "<p> A man </p> rides <p> a horse </p> [SEG]", "<p> A man </p> [SEG] [SEG] rides", "[SEG] <p> A man </p> [SEG]",
    "<p> A man [SEG] rides", "<p> a <p> b </p> c </p> [SEG]", "</p> [SEG] <p> a </p>", "<p> 'A man' </p> [SEG]",
    "'<p> A man </p> [SEG]'", "' a '", "'' a b''' </s>", "<p>\u00e9t\u00e9 \u2615</p>[SEG] caf\u00e9 <p>\u65e5\u672c\u3000\u8a9e</p>[SEG]",
    "<s> SYS USER: <p> x </p> ASSISTANT: <p> y </p> [SEG] z</s>", "[SEG] USER: q ASSISTANT: <p> y </p> [SEG]",
    "<p> a  lot   of    space </p>   [SEG]   .", "a < b and c > d", "a < b", "<p> a </p><p> b </p>[SEG]",
    "<p>a</p>\n[SEG]\n<p>b\nc</p>", "<p> [SEG] </p> [SEG]", "ASSISTANT: ASSISTANT: a", "x</p>y<p>z</p>[SEG]",
]


def clean(text_output):                         # eval/gcg/infer.py, inference, from "Post-processing" on
    text_output = text_output.replace("\n", "").replace("  ", " ")
    whole = text_output
    text_output = text_output.split("ASSISTANT: ")[-1]
    cleaned_str = re.sub(r'<.*?>', '', text_output)
    phrases = [p.strip() for p in re.compile(r'<p>(.*?)<\/p>').findall(text_output)]
    cleaned_str = cleaned_str.replace('[SEG]', '')
    cleaned_str = ' '.join(cleaned_str.split()).strip("'")
    cleaned_str = cleaned_str.strip()
    seen, masks = whole[:len(whole) - len(text_output)].count("[SEG]"), []
    parts = re.split(r'<p>.*?</p>', text_output)
    inside = re.findall(r'<p>.*?</p>', text_output)
    for k, part in enumerate(parts):
        if k:
            seen += inside[k - 1].count("[SEG]")
            masks.append(seen if "[SEG]" in part.split("<p>")[0] else -1)
        seen += part.count("[SEG]")
    return dict(caption=cleaned_str, phrases=phrases, masks=masks, spans=spans(text_output, cleaned_str))


def spans(text, caption):
    """The same cleaning on (character, place) pairs."""
    def cut(pairs, pattern):
        gone = {i for m in re.finditer(pattern, "".join(c for c, _ in pairs)) for i in range(*m.span())}
        return [x for i, x in enumerate(pairs) if i not in gone]

    kept = cut(cut([(c, i) for i, c in enumerate(text)], "<.*?>"), re.escape("[SEG]"))
    words = [m.span() for m in re.finditer(r"\S+", "".join(c for c, _ in kept))]
    pairs = [x for k, (a, b) in enumerate(words) for x in ([(" ", kept[a - 1][1])] if k else []) + kept[a:b]]
    for ends in ("'", " "):
        while pairs and pairs[-1][0] in ends: pairs.pop()
        while pairs and pairs[0][0] in ends: pairs.pop(0)
    assert "".join(c for c, _ in pairs) == caption, (text, caption)
    size = lambda n: len("".join(c for c, _ in pairs[:n]).encode())
    found = []
    for m in re.finditer(r"<p>(.*?)</p>", text):
        a, b = (sum(i < edge for _, i in pairs) for edge in m.span(1))
        while a < b and pairs[a][0] == " ": a += 1
        while a < b and pairs[b - 1][0] == " ": b -= 1
        found.append([size(a), size(b)])
    return found


def conversations():
    for name in ("llava_v1", "llava_llama_2"):
        for turns in TURNS:
            conv = conv_templates[name].copy()
            conv.messages = []
            for i, t in enumerate(turns): conv.append_message(conv.roles[i % 2], t)
            if len(turns) % 2: conv.append_message(conv.roles[1], "")
            yield dict(name=name, turns=turns, text=conv.get_prompt())


def write(path, rows):
    with open(path, "w") as f: f.write("[\n" + ",\n".join(json.dumps(x) for x in rows) + "\n]\n")


r = random.Random(2)
texts = FIXED + ["".join(r.choice(PARTS) + r.choice(["", " "]) for _ in range(r.randint(1, 14))) for _ in range(400)]
write(os.path.join(sys.argv[1], "conversations.json"), list(conversations()))
write(os.path.join(sys.argv[1], "answers.json"), [dict(text=t, **clean(t)) for t in texts])
