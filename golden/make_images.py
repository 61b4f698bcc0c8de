"""Tiny image files of every kind that is read, and what the authors' reader makes of them.
usage: make_images.py FOLDER OUT.json      FOLDER: the files, tests/fuzz/corpus/image
OUT.json: for every file its size and the SHA-256 of the RGB bytes of cv2.imread (BGR turned round), and of
the float32 pixels of both encoders: transformers' CLIPImageProcessor at side 56, groundingLMM's
grounding_image_ecoder_preprocess ($GLAMM_SRC/eval/utils.py) at 128.
Needs numpy, Pillow, OpenCV with libjpeg-turbo, torch, transformers 4.28.1."""
import hashlib, io, json, os, struct, sys, zlib
import cv2, numpy as np, torch, torch.nn.functional as F
from PIL import Image
from transformers import CLIPImageProcessor

folder, out = sys.argv[1], sys.argv[2]
os.makedirs(folder, exist_ok=True)
W, H = 23, 18
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 255 // (W - 1), y * 255 // (H - 1), (x * y * 7 + 40 * (x // 5 % 2)) % 256], 2).astype(np.uint8)
grey, alpha, im = rgb[..., 0], rgb[..., 2], Image.fromarray(rgb)


def put(name, data):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def saved(image, kind, **options):
    b = io.BytesIO()
    image.save(b, kind, **options)
    return b.getvalue()


def png(depth, colour, rows, interlace=0, extra=b""):
    """A PNG by hand: rows(x0, dx, y0, dy) gives the packed rows of one pass."""
    def chunk(t, d):
        return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
    raw = b"".join(b"\0" + r for p in (passes if interlace else [(0, 1, 0, 1)]) for r in rows(*p))
    head = struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def packed(a, depth):
    def rows(x0, dx, y0, dy):
        for r in a[y0::dy, x0::dx]:
            bits = np.unpackbits(r.astype(np.uint8)[:, None], 1)[:, 8 - depth:]
            yield np.packbits(bits.reshape(-1)).tobytes()
    return rows


def whole(a):
    return lambda x0, dx, y0, dy: (r.tobytes() for r in a[y0::dy, x0::dx] if a[y0::dy, x0::dx].size)


def chunk(t, d):
    return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))


palette = chunk(b"PLTE", np.random.default_rng(1).integers(0, 256, (16, 3)).astype(np.uint8).tobytes())
clear = chunk(b"tRNS", bytes([0, 128, 255]))
wide = np.dstack([rgb.astype(">u2") * 257 - (rgb > 128)] * 1).astype(">u2")
put("rgb.png", saved(im, "PNG"))
put("rgb_interlaced.png", png(8, 2, whole(rgb), 1))
put("rgba.png", saved(Image.fromarray(np.dstack([rgb, alpha])), "PNG"))
put("grey_alpha.png", saved(Image.fromarray(np.dstack([grey, alpha])), "PNG"))
put("rgb16.png", png(16, 2, whole(wide)))
put("rgba16_interlaced.png", png(16, 6, whole(np.dstack([wide, wide[..., :1]])), 1))
put("grey16.png", png(16, 0, whole(wide[..., 0])))
put("grey1.png", png(1, 0, packed(grey >> 7, 1)))
put("grey2.png", png(2, 0, packed(grey >> 6, 2)))
put("grey4_interlaced.png", png(4, 0, packed(grey >> 4, 4), 1))
put("palette4.png", png(4, 3, packed(grey >> 4, 4), 0, palette))
put("palette_clear.png", png(4, 3, packed(grey >> 4, 4), 0, palette + clear))
put("rgb_clear.png", png(8, 2, whole(rgb), 0, chunk(b"tRNS", rgb[3, 4].astype(">u2").tobytes())))
put("one.png", saved(Image.fromarray(rgb[5:6, 7:8]), "PNG"))
exif = Image.Exif()
exif[0x0112] = 6
put("exif6.png", saved(im, "PNG", exif=exif))
put("rgb.bmp", saved(im, "BMP"))
put("rgba.bmp", saved(Image.fromarray(np.dstack([rgb, alpha])), "BMP"))
put("grey.bmp", saved(Image.fromarray(grey), "BMP"))
put("palette.bmp", saved(im.quantize(40), "BMP"))
put("bits1.bmp", saved(Image.fromarray(grey > 99), "BMP"))
down = bytearray(saved(im, "BMP"))
down[22:26] = struct.pack("<i", -H)
put("downwards.bmp", bytes(down))
put("rgb.ppm", saved(im, "PPM"))
put("grey.pgm", b"P5 # a comment\n# another\n%d\n%d 255\n" % (W, H) + grey.tobytes())
put("rgb16.ppm", b"P6\n%d %d\n65535\n" % (W, H) + wide.tobytes())
put("rgb.jpg", saved(im, "JPEG", quality=90))
put("rgb444.jpg", saved(im, "JPEG", quality=75, subsampling=0))
put("rgb422_progressive.jpg", saved(im, "JPEG", quality=60, subsampling=1, progressive=True))
put("grey.jpg", saved(Image.fromarray(grey), "JPEG"))
put("cmyk.jpg", saved(im.convert("CMYK"), "JPEG", quality=90))
ok, restart = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])
put("restart.jpg", restart.tobytes())
for o in range(1, 9):
    exif[0x0112] = o
    put(f"exif{o}.jpg", saved(im, "JPEG", quality=80, exif=exif))

text = open(os.path.join(os.environ["GLAMM_SRC"], "eval/utils.py")).read()
start = text.index("def grounding_image_ecoder_preprocess")
space = {"torch": torch, "F": F}
exec(text[start:text.index("\ndef ", start + 5)], space)
clip = CLIPImageProcessor(size={"shortest_edge": 56}, crop_size=56)
sha = lambda a: hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()
files = {}
for name in sorted(os.listdir(folder)):
    a = cv2.imread(os.path.join(folder, name))
    if a is None:
        continue
    a = np.ascontiguousarray(a[..., ::-1])
    h, w = a.shape[:2]
    s = 128 / max(h, w)
    small = np.array(Image.fromarray(a).resize((int(w * s + .5), int(h * s + .5)), Image.BILINEAR))
    sam = space["grounding_image_ecoder_preprocess"](torch.from_numpy(small).permute(2, 0, 1).contiguous(), img_size=128)
    pixels = clip.preprocess(a, return_tensors="pt")["pixel_values"][0] if h not in (1, 3) else None
    files[name] = dict(width=w, height=h, rgb=sha(a), clip_pixels=sha(pixels.numpy()) if pixels is not None else None,
                       sam_pixels=sha(sam.numpy()))
json.dump(dict(reader=f"cv2.imread, OpenCV {cv2.__version__}", clip_side=56, sam_side=128, files=files), open(out, "w"), indent=1)
print(len(files), "files")
