"""Captions cut and scored by pycocoevalcap 1.2 (its jar and its Python).
usage: make_eval_captions.py OUT.json            needs java; reads eval_captions.txt beside itself
       make_eval_captions.py --captions SEED N   only prints N random captions, one a line
tokens: [caption, its tokens] in the order in which the tokeniser saw them; sets: captions of images (found, truth,
already tokens) with the scores of all and of each image.  The grammar of random captions is here: words with
apostrophes, hyphens, numbers, abbreviations, addresses, accents, other scripts and emoji, punctuation between."""
import json, os, random, sys, unicodedata as u

r = random.Random(7)
V="a the man's woman dog dogs' it's don't can't won't isn't they're I'm he'd she'll we've red blue left of in with on street building colour grey cannot gonna wanna gotta lemme gimme y'all o'clock rock'n'roll ma'am 'til 'tis ol' Mr. Mrs. Dr. St. U.S. e.g. i.e. p.m. a.m. etc. vs. Inc. Co. No. Ave. T-shirt black-and-white 5-year-old x-ray e-mail and/or w/ w/o 24/7 R&B AT&T café naïve Zürich señor Ångström façade 東京 日本語 テスト 한국어 привет мир γειά العربية שלום हिन्दी ไทย 😀 👍🏽 🏳️‍🌈 ❤️ ☀ ★ → ° © ™ 10 3.5 1,000 1/2 3/4 50% $5 $3.99 €10 £20 ¥5 #1 2nd 1990s '90s 10:30 5'10\" 6\" 10x10 2012-05-06 5/6/2012 555-1234 www.foo.com http://a.b/c foo@bar.com @user #tag ½ ¼ m² 5°C The It A He This In Some Two There O'Neil d'Art l'eau naïve's Mary's James' 'quoted' \"word\" (paren) [brack] {brace} <b> </p> <p> img_1.jpg 12.png 001.txt C++ F# one two three".split()
S=['"',"'",'“','”','‘','’','`','``',"''",'«','»','.',',',';',':','!','?','...','…','-','--','---','–','—','(',')','[',']','{','}','<','>','&','&amp;','%','$','#','@','*','/','\\','|','~','^','_','+','=','°','·','•','、','。','，','\u00a0','\u200b','\u00ad','\u3000','\t']
def word():
    k=r.random()
    if k<.75: w=r.choice(V)
    elif k<.85: w=''.join(r.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(r.randint(1,8)))
    elif k<.93: w=str(r.randint(0,3000))
    else:
        while 1:
            c=chr(r.choice([r.randint(0xa1,0x24f),r.randint(0x370,0x5ff),r.randint(0x900,0xdff),r.randint(0x2010,0x27bf),r.randint(0x3040,0x9fff),r.randint(0x1f300,0x1f9ff)]))
            if u.category(c)[0] not in 'CZ': break
        w=c+r.choice(['','a','b c'])
    if r.random()<.1: w=w.upper()
    elif r.random()<.15: w=w.capitalize()
    return w
def cap():
    if r.random()<.01: return ''
    o=''
    for i in range(r.randint(1,16)):
        o+=word()
        k=r.random()
        if k<.12: o+=r.choice(S)+r.choice([' ','',' '])
        elif k<.15: o+=' '+r.choice(S)+r.choice([' ',''])
        elif k<.17: o+=r.choice(S)+r.choice(S)+' '
        else: o+=' '
    if r.random()<.7:o=o.rstrip()+r.choice(['.','.','.','!','?',''])
    return o

def rounded(x): return [float(v) for v in x]


def scored(n, refs):
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.cider.cider import Cider
    words = "a the man woman dog red \u00e9t\u00e9 on of street building two".split()
    text = lambda: " ".join(r.choice(words) for _ in range(r.choice([0, 1, 2, 3, 5, 8, 13])))
    gts = {i: [text() for _ in range(r.randint(1, refs))] for i in range(n)}
    res = {i: [r.choice(gts[i]) if r.random() < .3 else text()] for i in range(n)}
    if n > 4: res[1] = ["a\u00a0dog on"]; gts[2] = ["", "the dog"]; res[3] = [""]
    b, be = Bleu(4).compute_score(gts, res, verbose=0)
    g, ge = Rouge().compute_score(gts, res)
    c, ce = Cider().compute_score(gts, res)
    return dict(found=[res[i][0] for i in range(n)], truth=[gts[i] for i in range(n)], bleu=rounded(b), rouge=float(g), cider=float(c),
                each=[dict(bleu=rounded(x[i] for x in be), rouge=float(ge[i]), cider=float(ce[i])) for i in range(n)])


if sys.argv[1] == "--captions":
    sys.stdout.reconfigure(encoding="utf8"); r.seed(int(sys.argv[2]))
    for _ in range(int(sys.argv[3])): print(cap())
    sys.exit()
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
lines = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "eval_captions.txt"), encoding="utf8").read().split("\n")[:-1]
lines += [cap() for _ in range(300)]
tokens = PTBTokenizer().tokenize({i: [dict(caption=t)] for i, t in enumerate(lines)})
json.dump(dict(tokens=[[t, tokens[i][0]] for i, t in enumerate(lines)], sets=[scored(1, 1), scored(3, 2), scored(40, 5), scored(25, 1)]),
          open(sys.argv[1], "w"), indent=0)
