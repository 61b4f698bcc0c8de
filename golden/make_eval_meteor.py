"""METEOR by the original classes (pycocoevalcap 1.2, meteor-1.5.jar) on small word lists of our own, so that every matcher
is tested without the original's lists.  usage: make_eval_meteor.py OUTDIR        needs java and pycocoevalcap
Writes OUTDIR/meteor-1.5.jar (a zip with our lists alone), OUTDIR/data/paraphrase-en.gz, OUTDIR/expected.json: captions found
and true with each score and the corpus's, with the lists ("full") and without any, exact and stem alone ("es")."""
import gzip, json, os, random, subprocess, sys, tempfile, zipfile

import pycocoevalcap.meteor.meteor as original

FUNCTION = "the a an of in on and is are was with to . , ' \" 's -lrb- -rrb- - -- 't two".split()
PREFIXES = "# our own list\nv\nvs\nMr\nmr\ni.e\n\nno #NUMERIC_ONLY#\npp #NUMERIC_ONLY# more\nfig  #NUMERIC_ONLY#\n"
EXCEPTIONS = {"man": "men", "woman": "women", "child": "children childs", "go": "went gone goes", "take": "took taken",
              "lie": "lay lain lying", "lay": "laid", "good": "better best", "foot": "feet", "ox": "oxen", "lie_down": "lay"}
SYNSETS = {"man": "1 2", "guy": "2", "woman": "3", "lady": "3 4", "child": "5", "kid": "5 6", "goat": "6 7", "go": "10", "walk": "10 11",
           "lay": "12", "put": "12", "lie": "13 14", "rest": "14", "sofa": "20", "couch": "20", "seat": "20 21", "chair": "21",
           "big": "30", "large": "30 31", "great": "31", "box": "40", "case": "40", "dish": "41", "plate": "41", "glass": "42", "cup": "42",
           "bus": "43", "coach": "43", "city": "44", "town": "44", "take": "50", "bring": "50", "close": "51", "near": "51", "fast": "52",
           "quick": "52", "église": "60", "church": "60", "policeman": "70", "officer": "70", "twice": "1", "fur": "80", "hair": "80",
           "hopeful": "90", "hope": "91", "cheerful": "90"}
PHRASES = [("in front of", "before"), ("in front of", "ahead of"), ("before", "in front of"), ("a lot of", "many"), ("many", "a lot of"),
           ("many", "lots of"), ("next to", "near"), ("next to", "by the side of"), ("the man", "the guy"), ("man", "guy"), ("is on", "on"),
           ("on top of", "on"), ("on top of", "over"), ("on", "on top of"), ("of", "of the"), ("of the", "of"), ("two men", "two guys"),
           ("ice cream", "ice"), ("motor bike", "motorcycle"), ("motorcycle", "motor bike"), ("a", "an"), ("an", "a"), ("a", "the"),
           ("walks", "is walking"), ("is walking", "walks"), ("is walking", "strolls"), ("that is", "which is"), ("u", "you"),
           ("as well as", "and"), ("and", "as well as"), ("and", "plus"), ("a b", "b a"), ("a b c", "c a"), ("b c", "a"), ("unknownword", "x")]
WORDS = ("the a an of in on and is are two man men woman women child kids guy goats lady went goes walking walks walked walk sofa couches seat chairs big large "
         "great boxes cases dishes plates glasses cups buses coach cities towns took bringing nearer closest faster quickest église church furs hairs policemen "
         "officers hopeful cheerful lay laid lying rests resting feet foot oxen u you ice cream ice motor bike motorcycle many lots a b c before ahead top front "
         "next side red blue dog dogs running runs run black-and-white t-shirt man's dogs' don't o'clock 90's mr. vs. i.e. no. 5 fig. u.s. a.b. end. ... .. . , "
         "; 3,000 5.5 3,a -lrb- x -rrb- “x” ''y'' – -- é😀 東京 c0 an relational conditional happily hopping skies dying generous ||| |").split()


def line(r):
    words = []
    while r.random() < .93 and len(words) < 24:
        k = r.random()
        words += r.choice(r.choice(PHRASES)).split() if k < .3 else [r.choice(WORDS)]
    return " ".join(words)


def changed(r, t):
    for a, b in r.sample(PHRASES, len(PHRASES)):
        if f" {a} " in f" {t} " and r.random() < .5:
            t = f" {t} ".replace(f" {a} ", f" {b} ", 1).strip()
    w = t.split(" ")
    for _ in range(r.randint(0, 4)):
        i = r.randrange(len(w) + 1)
        k = r.random()
        if k < .3:
            w[i:i + 1] = []
        elif k < .6:
            w.insert(i, r.choice(WORDS))
        elif w:
            j, i = r.randrange(len(w)), i % len(w)
            w[i], w[j] = w[j], w[i]
    if r.random() < .2:
        w = w[len(w) // 2:] + w[:len(w) // 2]
    return " ".join(w)


def sets(seed, n):
    r = random.Random(seed)
    out = []
    for _ in range(n):
        t = line(r)
        out.append((changed(r, t) if r.random() < .9 else line(r), [changed(r, t) for _ in range(r.choice([1, 1, 2, 4]))]))
    out += [("", ["a man"]), ("a man", [""]), ("", [""]), ("a man", ["a man"]), ("the the the the", ["the the the"]),
            ("a a a a a a a a", ["a b a b a b a b c a"]), ("an", ["c0"])]
    return out


def jar(path, function, prefixes, exceptions, synsets):
    with zipfile.ZipFile(path, "w") as z:
        def put(name, text, method=zipfile.ZIP_DEFLATED):
            i = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
            i.compress_type = method
            z.writestr(i, text)
        for folder in ("function/", "nonbreaking/", "synonym/"):
            put(folder, "", zipfile.ZIP_STORED)
        put("function/english.words", "".join(w + "\n" for w in function))
        put("nonbreaking/english.prefixes", prefixes, zipfile.ZIP_STORED)
        put("synonym/english.exceptions", "".join(f"{a}\n{b}\n" for a, b in exceptions.items()))
        put("synonym/english.synsets", "".join(f"{a}\n{b}\n" for a, b in synsets.items()))
        put("synonym/english.relations", "")


def scores(data, ours, table, extra=()):
    """pycocoevalcap's own protocol (meteor.py) on the original classes; our lists come first in the class path"""
    theirs = os.path.join(os.path.dirname(original.__file__), original.METEOR_JAR)
    m = original.Meteor.__new__(original.Meteor)
    import threading
    m.lock = threading.Lock()
    m.meteor_p = subprocess.Popen(["java", "-Xmx2G", "-cp", f"{ours}:{theirs}", "Meteor", "-", "-", "-stdio", "-l", "en", "-norm", "-a", table, *extra],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    total, each = m.compute_score(dict(enumerate(t for _, t in data)), dict(enumerate([f] for f, _ in data)))
    return dict(corpus=total, each=each)


def main(out):
    os.makedirs(f"{out}/data", exist_ok=True)
    ours, table = os.path.abspath(f"{out}/meteor-1.5.jar"), os.path.abspath(f"{out}/data/paraphrase-en.gz")
    jar(ours, FUNCTION, PREFIXES, EXCEPTIONS, SYNSETS)
    with open(table, "wb") as f, gzip.GzipFile("", "wb", fileobj=f, mtime=0) as z:
        z.write("".join(f"0.5\n{a}\n{b}\n" for a, b in PHRASES).encode())
    data = sets(3, 250)
    with tempfile.TemporaryDirectory() as t:
        jar(f"{t}/empty.jar", [], "", {}, {})
        es = scores(data, f"{t}/empty.jar", table, ("-m", "exact stem"))
    res = dict(captions=data, full=scores(data, ours, table), es=es)
    with open(f"{out}/expected.json", "w") as f:
        json.dump(res, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    print({k: (v["corpus"], sum(v["each"]) / len(v["each"])) for k, v in res.items() if k != "captions"})


if __name__ == "__main__":
    main(sys.argv[1])
