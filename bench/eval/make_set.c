/* A set of grounded captions at GranD_f's sizes, drawn from a seed: truth and predictions as the
 * authors' files.  usage: make_set OUT IMAGES SEED */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../io/os.h"
#include "../../io/rle.h"

enum { HEIGHT = 1500, WIDTH = 2250, MASKS = 4, RUNS = 2 * WIDTH + 2 };

static uint64_t state;

/* splitmix64; 0..1. */
static double draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

typedef struct { double x, y, w, h; } blob;

/* An ellipse with a rough edge, run by run. */
static char *outline(const blob *b, int64_t *area)
{
    static uint32_t count[RUNS];
    gm_rle r = { HEIGHT, WIDTH, 0, count };
    int64_t at = 0, from = (int64_t)fmax(0, b->x - b->w), to = (int64_t)fmin(WIDTH, b->x + b->w);
    *area = 0;
    for (int64_t x = from; x < to; x++) {
        double dx = ((double)x + 0.5 - b->x) / b->w, half = b->h * sqrt(fmax(0, 1 - dx * dx));
        int64_t top = (int64_t)fmax(0, b->y - half + 6 * draw() - 3);
        int64_t end = (int64_t)fmin(HEIGHT, b->y + half + 6 * draw() - 3);
        if (end <= top) continue;
        if (x * HEIGHT + top > at || r.n == 0) {
            count[r.n++] = (uint32_t)(x * HEIGHT + top - at);
            count[r.n++] = 0;
        }
        count[r.n - 1] += (uint32_t)(end - top);
        at = x * HEIGHT + end;
        *area += end - top;
    }
    count[r.n++] = (uint32_t)((int64_t)HEIGHT * WIDTH - at);
    return gm_rle_text(&r, NULL);
}

/* A text as JSON. */
static void put(FILE *f, const char *s)
{
    putc('"', f);
    for (; *s; s++) {
        if (*s == '\\' || *s == '"') putc('\\', f);
        putc(*s, f);
    }
    putc('"', f);
}

static const char *word(void)
{
    static const char *const all[] = { "a", "the", "red", "blue", "tall", "old", "man", "woman",
        "dog", "table", "tree", "river", "house", "with", "near", "under", "holding", "and", "car",
        "standing", "of", "two", "people", "sky", "green", "small", "bench", "window", "on", "in" };
    return all[(int)(draw() * (double)(sizeof all / sizeof *all))];
}

static void sentence(char text[600], int words)
{
    *text = 0;
    for (int i = 0; i < words; i++) snprintf(text + strlen(text), 600 - strlen(text), "%s%s",
                                             i ? " " : "", word());
}

typedef struct { FILE *captions, *masks; const char *out; int64_t mask_id; } files;

static int one_image(files *f, int64_t i)
{
    char id[40], text[600], path[600], phrase[MASKS][600];
    snprintf(id, sizeof id, "im_%06lld", (long long)i);
    snprintf(path, sizeof path, "%s/predictions/%s.json", f->out, id);
    FILE *p = fopen(path, "wb");
    if (!p) return -1;
    sentence(text, 18);
    fprintf(f->captions, "%s{\"id\":%lld,\"image_id\":\"%s\",\"caption\":\"%s\",\"labels\":[",
            i ? ",\n" : "", (long long)i + 1, id, text);
    for (int k = 0; k < MASKS; k++) {
        sentence(phrase[k], 3);
        fprintf(f->captions, "%s\"%s\"", k ? "," : "", phrase[k]);
    }
    fprintf(f->captions, "]}");
    text[strlen(text) / 2] = 0;
    fprintf(p, "{\"image_id\":\"%s\",\"caption\":\"%s\",\"phrases\":[\"%s\",\"%s\",\"%s\",\"%s\"],"
               "\"pred_masks\":[", id, text, phrase[0], phrase[1], phrase[2], phrase[3]);
    for (int k = 0; k < MASKS; k++) {
        int64_t area;
        blob b = { WIDTH * draw(), HEIGHT * draw(), 100 + 500 * draw(), 80 + 400 * draw() };
        char *truth = outline(&b, &area);
        fprintf(f->masks, "%s{\"id\":%lld,\"image_id\":\"%s\",\"category_id\":1,\"iscrowd\":0,"
                "\"area\":%lld,\"bbox\":[0,0,1,1],\"segmentation\":{\"size\":[%d,%d],\"counts\":",
                f->mask_id ? ",\n" : "", (long long)f->mask_id + 1, id, (long long)area, HEIGHT,
                WIDTH);
        put(f->masks, truth);
        fprintf(f->masks, "}}");
        f->mask_id++;
        b.x += 200 * draw() * draw();
        b.w *= 0.7 + 0.6 * draw();
        char *found = outline(&b, &area);
        fprintf(p, "%s{\"size\":[%d,%d],\"counts\":", k ? "," : "", HEIGHT, WIDTH);
        put(p, found);
        fprintf(p, "}");
        free(truth);
        free(found);
    }
    fprintf(p, "]}\n");
    return fclose(p);
}

int main(int argc, char **argv)
{
    gm_error e = { "" };
    char path[2][600], folder[600];
    files f = { .out = argc == 4 ? argv[1] : "" };
    if (argc != 4) {
        fprintf(stderr, "usage: make_set OUT IMAGES SEED\n");
        return 2;
    }
    int64_t n = atoll(argv[2]);
    state = (uint64_t)atoll(argv[3]);
    snprintf(folder, sizeof folder, "%s/predictions", f.out);
    snprintf(path[0], sizeof path[0], "%s/val_gcg_coco_caption_gt.json", f.out);
    snprintf(path[1], sizeof path[1], "%s/val_gcg_coco_mask_gt.json", f.out);
    if (gm_make_dir(folder, &e) != 0) {
        fprintf(stderr, "make_set: %s\n", e.text);
        return 1;
    }
    f.captions = fopen(path[0], "wb");
    f.masks = fopen(path[1], "wb");
    int bad = !f.captions || !f.masks;
    for (int k = 0; k < 2 && !bad; k++) {
        FILE *to = k ? f.masks : f.captions;
        fprintf(to, "{\"info\":{},%s\"images\":[",
                k ? "\"categories\":[{\"id\":1,\"name\":\"object\"}]," : "");
        for (int64_t i = 0; i < n; i++)
            fprintf(to, "%s{\"id\":\"im_%06lld\",\"height\":%d,\"width\":%d}", i ? "," : "",
                    (long long)i, HEIGHT, WIDTH);
        fprintf(to, "],\n\"annotations\":[");
    }
    for (int64_t i = 0; i < n && !bad; i++) bad = one_image(&f, i);
    for (int k = 0; k < 2 && !bad; k++) bad = fputs("]}\n", k ? f.masks : f.captions) < 0;
    if (f.captions) bad |= fclose(f.captions);
    if (f.masks) bad |= fclose(f.masks);
    if (bad) perror("make_set");
    return bad ? 1 : 0;
}
