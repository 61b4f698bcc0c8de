/* See refer.h. */
#include "refer.h"

#include <string.h>
#include "os.h"
#include "text.h"

char *gm_refer_pickle(const char *folder, gm_error *e)
{
    char **names = NULL, *path = NULL;
    int64_t n, all = 0, usual = -1, last = -1;
    size_t length = strlen(folder);
    while (length && folder[length - 1] == '/') length--;
    bool g = length >= 8 && strncmp(folder + length - 8, "refcocog", 8) == 0;
    if (gm_list_dir(folder, &names, &n, e) != 0) return NULL;
    for (int64_t i = 0; i < n; i++) {
        size_t l = strlen(names[i]);
        if (strncmp(names[i], "refs(", 5) != 0 || strcmp(names[i] + l - 2, ".p") != 0) continue;
        if (strcmp(names[i], g ? "refs(umd).p" : "refs(unc).p") == 0) usual = i;
        last = i;
        all++;
    }
    if (usual >= 0 || all == 1) path = gm_path_join(folder, names[usual >= 0 ? usual : last]);
    else gm_fail(e, "%s: wanted refs(unc).p, refs(umd).p or one other refs(...).p, found %lld",
                 folder, (long long)all);
    gm_free_list(names, n);
    return path;
}

bool gm_refer_in_split(const char *of, const char *wanted)
{
    bool letter = !strcmp(wanted, "testA") || !strcmp(wanted, "testB") || !strcmp(wanted, "testC");
    if (letter) return strchr(of, wanted[4]) != NULL;
    if (strcmp(wanted, "test") == 0) return strstr(of, "test") != NULL;
    return strcmp(of, wanted) == 0;
}

bool gm_refer_number(const gm_pickle_value *v, int64_t *i)
{
    if (v && v->kind == GM_P_INT) *i = v->u.i;
    if (!v || v->kind != GM_P_LONG) return v && v->kind == GM_P_INT;
    size_t n = v->u.text.n;
    uint64_t bits = n && (v->u.text.s[n - 1] & 0x80) ? UINT64_MAX : 0;
    for (size_t k = n; k-- > 0;) bits = bits << 8 | (uint8_t)v->u.text.s[k];
    *i = (int64_t)bits;
    return n <= 8;
}

char *gm_refer_text(const gm_pickle_value *v)
{
    gm_text out = { 0 };
    if (!v || (v->kind != GM_P_STR && v->kind != GM_P_BYTES)) return NULL;
    gm_text_add(&out, v->u.text.s, v->u.text.n);
    return gm_text_take(&out);
}
