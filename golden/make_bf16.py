"""golden/bf16: the mini model run as a bfloat16 release runs it at the places that matter (oracle/rounding.py).
usage: GLAMM_SRC=... NANO_DIR=golden/mini/model make_bf16.py OUT [SEED]   (needs what golden/oracle/README.md lists)

config.json says bfloat16, and weights are stored in it.  Cases gcg, refer, region; no gradients.
"""
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import goldens, rounding


def make_case(*a, **k):
    c = plain_case(*a, **k)
    c["boxes"] = rounding.boxes(c["boxes"])
    return c


rounding.switch_on()
plain_case, goldens.make_case = goldens.make_case, make_case
goldens.WIDE = goldens.MINI
sys.argv = [sys.argv[0], sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "11", "wide"]
goldens.main()
path = f"{sys.argv[1]}/model/config.json"
config = dict(json.load(open(path)), torch_dtype="bfloat16")
json.dump(config, open(path, "w"), indent=2)
