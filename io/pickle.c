/* A pickle machine without execution.  Source: CPython Lib/pickletools.py (opcode table) and
 * pickle.py. */
#include "pickle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "pickle_text.h"

typedef gm_pickle_value value;

typedef struct block { struct block *next; } block;

struct gm_pickle {
    const uint8_t *b;
    size_t n, at, op_at;                /* op_at: offset of the opcode at work */
    const gm_pickle_global *known;
    int64_t nknown;
    const char *name;
    gm_error *e;
    block *blocks;                      /* arena of values, lists and unescaped texts */
    char *free;
    size_t left;
    value **stack; int64_t sp, stack_room;
    value **memo;  int64_t nmemo, memo_room;
    value **persid; int64_t npersids, persid_room;
    value *root;
};

static int broken(gm_pickle *p, const char *what)
{
    return gm_fail(p->e, "%s: pickle offset %zu: %s", p->name, p->op_at, what);
}

static void *arena(gm_pickle *p, size_t size)
{
    size = (size + 15) / 16 * 16;
    if (size > p->left) {
        size_t room = size > 32768 ? size : 65536;
        block *k = malloc(sizeof *k + 16 + room);
        if (!k) {
            broken(p, "out of memory");
            return NULL;
        }
        k->next = p->blocks;
        p->blocks = k;
        p->free = (char *)k + 16;
        p->left = room;
    }
    void *out = p->free;
    p->free += size;
    p->left -= size;
    return out;
}

static value *new_value(gm_pickle *p, gm_pickle_kind kind)
{
    value *v = arena(p, sizeof *v);
    if (v) {
        memset(v, 0, sizeof *v);
        v->kind = kind;
    }
    return v;
}

/* Makes room for index n in a malloc'ed list. */
static int grow(gm_pickle *p, value ***list, int64_t *room, int64_t n)
{
    if (n < *room) return 0;
    int64_t r = *room ? 2 * *room : 64;
    if (r <= n) r = n + 1;
    value **more = realloc(*list, (size_t)r * sizeof *more);
    if (!more) return broken(p, "out of memory");
    memset(more + *room, 0, (size_t)(r - *room) * sizeof *more);
    *list = more;
    *room = r;
    return 0;
}

static int push(gm_pickle *p, value *v)
{
    if (!v || grow(p, &p->stack, &p->stack_room, p->sp) != 0) return -1;
    p->stack[p->sp++] = v;
    return 1;
}

/* The top of the stack, removed; NULL with an error when there is none or it is a mark. */
static value *pop(gm_pickle *p)
{
    if (p->sp == 0 || p->stack[p->sp - 1]->kind == GM_P_MARK) {
        broken(p, "the stack is empty");
        return NULL;
    }
    return p->stack[--p->sp];
}

static const uint8_t *take(gm_pickle *p, uint64_t n)
{
    if (n > p->n - p->at) {
        broken(p, "it ends in the middle");
        return NULL;
    }
    const uint8_t *out = p->b + p->at;
    p->at += (size_t)n;
    return out;
}

/* An unsigned little-endian number of n bytes. */
static int number(gm_pickle *p, int n, uint64_t *v)
{
    const uint8_t *b = take(p, (uint64_t)n);
    *v = 0;
    if (!b) return -1;
    while (n--) *v = *v << 8 | b[n];
    return 0;
}

/* A line without its newline. */
static int line(gm_pickle *p, const char **s, size_t *n)
{
    const uint8_t *from = p->b + p->at, *end = memchr(from, '\n', p->n - p->at);
    if (!end) return broken(p, "it ends in the middle of a line");
    *s = (const char *)from;
    *n = (size_t)(end - from);
    p->at += *n + 1;
    return 0;
}

static int list_add(gm_pickle *p, value *list, value *v)
{
    if (list->u.list.n == list->u.list.room) {
        int64_t room = list->u.list.room ? 2 * list->u.list.room : 4;
        value **more = arena(p, (size_t)room * sizeof *more);
        if (!more) return -1;
        if (list->u.list.n) memcpy(more, list->u.list.item, (size_t)list->u.list.n * sizeof *more);
        list->u.list.item = more;
        list->u.list.room = room;
    }
    list->u.list.item[list->u.list.n++] = v;
    return 0;
}

/* ---- opcode groups: 1 done, 0 not of this group, -1 error ---- */

static int push_int(gm_pickle *p, gm_pickle_kind kind, int64_t i)
{
    value *v = new_value(p, kind);
    if (v) v->u.i = i;
    return push(p, v);
}

/* Two's complement of n little-endian bytes: INT when it fits, else LONG. */
static int push_long(gm_pickle *p, uint64_t n)
{
    const uint8_t *b = take(p, n);
    if (!b) return -1;
    if (n > 8) {
        value *v = new_value(p, GM_P_LONG);
        if (v) v->u.text.s = (const char *)b, v->u.text.n = (size_t)n;
        return push(p, v);
    }
    uint64_t u = n && b[n - 1] & 0x80 ? UINT64_MAX : 0;
    while (n--) u = u << 8 | b[n];
    return push_int(p, GM_P_INT, (int64_t)u);
}

static int push_float(gm_pickle *p, double f)
{
    value *v = new_value(p, GM_P_FLOAT);
    if (v) v->u.f = f;
    return push(p, v);
}

static int number_line(gm_pickle *p, uint8_t op)
{
    const char *s;
    size_t n;
    int64_t i;
    double f;
    if (line(p, &s, &n) != 0) return -1;
    if (op == 'F') return gm_pickle_float(s, n, &f) ? push_float(p, f) : broken(p, "not a number");
    if (op == 'I' && n == 2 && s[0] == '0' && (s[1] == '0' || s[1] == '1'))
        return push_int(p, GM_P_BOOL, s[1] - '0');
    if (op == 'L' && n && s[n - 1] == 'L') n--;
    return gm_pickle_int(s, n, &i) ? push_int(p, GM_P_INT, i)
                                   : broken(p, "not a 64-bit whole number");
}

static int numbers(gm_pickle *p, uint8_t op)
{
    uint64_t u;
    switch (op) {
    case 'N':  return push(p, new_value(p, GM_P_NONE));
    case 0x88: return push_int(p, GM_P_BOOL, 1);
    case 0x89: return push_int(p, GM_P_BOOL, 0);
    case 'J':  return number(p, 4, &u) ? -1 : push_int(p, GM_P_INT, (int32_t)(uint32_t)u);
    case 'K':  return number(p, 1, &u) ? -1 : push_int(p, GM_P_INT, (int64_t)u);
    case 'M':  return number(p, 2, &u) ? -1 : push_int(p, GM_P_INT, (int64_t)u);
    case 0x8a: return number(p, 1, &u) ? -1 : push_long(p, u);
    case 0x8b: return number(p, 4, &u) ? -1 : push_long(p, u);
    case 'I': case 'L': case 'F': return number_line(p, op);
    case 'G': {                                                 /* big-endian double */
        const uint8_t *b = take(p, 8);
        double f;
        if (!b) return -1;
        u = 0;
        for (int i = 0; i < 8; i++) u = u << 8 | b[i];
        memcpy(&f, &u, 8);
        return push_float(p, f);
    }
    default: return 0;
    }
}

static int push_text(gm_pickle *p, gm_pickle_kind kind, int length_bytes)
{
    uint64_t n;
    if (number(p, length_bytes, &n) != 0) return -1;
    const uint8_t *s = take(p, n);
    value *v = s ? new_value(p, kind) : NULL;
    if (v) v->u.text.s = (const char *)s, v->u.text.n = (size_t)n;
    return push(p, v);
}

/* Protocol 0: a quoted line with escapes ('S') or raw-unicode-escape ('V'). */
static int text_line(gm_pickle *p, uint8_t op)
{
    const char *s;
    size_t n;
    if (line(p, &s, &n) != 0) return -1;
    char *out = arena(p, 2 * n + 1);
    value *v = out ? new_value(p, GM_P_STR) : NULL;
    if (!v) return -1;
    v->u.text.s = out;
    if (!(op == 'S' ? gm_pickle_unquote : gm_pickle_unescape)(s, n, out, &v->u.text.n))
        return broken(p, "a broken escape in a text");
    return push(p, v);
}

static int texts(gm_pickle *p, uint8_t op)
{
    switch (op) {
    case 'S': case 'V': return text_line(p, op);
    case 'T':  return push_text(p, GM_P_STR, 4);
    case 'U':  return push_text(p, GM_P_STR, 1);
    case 'X':  return push_text(p, GM_P_STR, 4);
    case 0x8c: return push_text(p, GM_P_STR, 1);
    case 0x8d: return push_text(p, GM_P_STR, 8);
    case 'B':  return push_text(p, GM_P_BYTES, 4);
    case 'C':  return push_text(p, GM_P_BYTES, 1);
    case 0x8e: return push_text(p, GM_P_BYTES, 8);
    default:   return 0;
    }
}

/* Appends the `n` values on top of the stack (in order) to the container and removes them. */
static int move_top(gm_pickle *p, value *to, int64_t n)
{
    for (int64_t i = p->sp - n; i < p->sp; i++) {
        if (list_add(p, to, p->stack[i]) != 0) return -1;
    }
    p->sp -= n;
    return 0;
}

/* How many values lie above the last mark; -1 with an error when there is none. */
static int64_t above_mark(gm_pickle *p)
{
    int64_t i = p->sp;
    while (i > 0 && p->stack[i - 1]->kind != GM_P_MARK) i--;
    return i > 0 ? p->sp - i : broken(p, "no mark on the stack");
}

static int make(gm_pickle *p, gm_pickle_kind kind, int64_t n, bool mark)
{
    if (n < 0) return -1;
    if (n > p->sp) return broken(p, "the stack is empty");
    for (int64_t i = p->sp - n; i < p->sp; i++) {
        if (p->stack[i]->kind == GM_P_MARK) return broken(p, "a mark inside a tuple");
    }
    if (kind == GM_P_DICT && n % 2) return broken(p, "a key without a value");
    value *v = new_value(p, kind);
    if (!v || move_top(p, v, n) != 0) return -1;
    p->sp -= mark;
    return push(p, v);
}

/* APPEND(S), SETITEM(S): n values on top go into the container below them. */
static int extend(gm_pickle *p, gm_pickle_kind kind, int64_t n, bool mark)
{
    if (n < 0) return -1;
    int64_t below = p->sp - n - mark - 1;
    if (below < 0) return broken(p, "the stack is empty");
    value *to = p->stack[below];
    if (to->kind != kind)
        return broken(p, kind == GM_P_LIST ? "appends to what is no list"
                                           : "sets items of what is no dict");
    for (int64_t i = p->sp - n; i < p->sp; i++) {
        if (p->stack[i]->kind == GM_P_MARK) return broken(p, "the stack is empty");
    }
    if (kind == GM_P_DICT && n % 2) return broken(p, "a key without a value");
    if (move_top(p, to, n) != 0) return -1;
    p->sp -= mark;
    return 1;
}

static int containers(gm_pickle *p, uint8_t op)
{
    switch (op) {
    case ')':  return push(p, new_value(p, GM_P_TUPLE));
    case ']':  return push(p, new_value(p, GM_P_LIST));
    case '}':  return push(p, new_value(p, GM_P_DICT));
    case 0x85: return make(p, GM_P_TUPLE, 1, false);
    case 0x86: return make(p, GM_P_TUPLE, 2, false);
    case 0x87: return make(p, GM_P_TUPLE, 3, false);
    case 't':  return make(p, GM_P_TUPLE, above_mark(p), true);
    case 'l':  return make(p, GM_P_LIST, above_mark(p), true);
    case 'd':  return make(p, GM_P_DICT, above_mark(p), true);
    case 'a':  return extend(p, GM_P_LIST, 1, false);
    case 'e':  return extend(p, GM_P_LIST, above_mark(p), true);
    case 's':  return extend(p, GM_P_DICT, 2, false);
    case 'u':  return extend(p, GM_P_DICT, above_mark(p), true);
    default:   return 0;
    }
}

/* Every memo entry has cost a byte, so an index past the bytes read is a lie. */
static int memo_put(gm_pickle *p, uint64_t i)
{
    if (p->sp == 0) return broken(p, "the stack is empty");
    if (i > p->at) return broken(p, "a memo number that cannot be");
    if (grow(p, &p->memo, &p->memo_room, (int64_t)i) != 0) return -1;
    p->memo[i] = p->stack[p->sp - 1];
    if ((int64_t)i >= p->nmemo) p->nmemo = (int64_t)i + 1;
    return 1;
}

static int memo_get(gm_pickle *p, uint64_t i)
{
    if (i >= (uint64_t)p->nmemo || !p->memo[i])
        return broken(p, "asks for a memo that was not put");
    return push(p, p->memo[i]);
}

static int memos(gm_pickle *p, uint8_t op)
{
    uint64_t u;
    const char *s;
    size_t n;
    int64_t i;
    switch (op) {
    case 'q':  return number(p, 1, &u) ? -1 : memo_put(p, u);
    case 'r':  return number(p, 4, &u) ? -1 : memo_put(p, u);
    case 0x94: return memo_put(p, (uint64_t)p->nmemo);
    case 'h':  return number(p, 1, &u) ? -1 : memo_get(p, u);
    case 'j':  return number(p, 4, &u) ? -1 : memo_get(p, u);
    case 'p': case 'g':
        if (line(p, &s, &n) != 0) return -1;
        if (!gm_pickle_int(s, n, &i) || i < 0) return broken(p, "not a memo number");
        return op == 'p' ? memo_put(p, (uint64_t)i) : memo_get(p, (uint64_t)i);
    default:
        return 0;
    }
}

static int push_global(gm_pickle *p, const char *module, size_t m, const char *name, size_t n)
{
    for (int64_t i = 0; i < p->nknown; i++) {
        const gm_pickle_global *k = &p->known[i];
        if (strlen(k->module) == m && memcmp(k->module, module, m) == 0 && strlen(k->name) == n &&
            memcmp(k->name, name, n) == 0)
            return push_int(p, GM_P_GLOBAL, i);
    }
    return gm_fail(p->e, "%s: pickle offset %zu: refuses the global %.*s.%.*s", p->name, p->op_at,
                   m < 100 ? (int)m : 100, module, n < 100 ? (int)n : 100, name);
}

static int call(gm_pickle *p)
{
    value *arg = pop(p), *f = arg ? pop(p) : NULL;
    if (!f) return -1;
    if (f->kind != GM_P_GLOBAL || arg->kind != GM_P_TUPLE)
        return broken(p, "calls what is no known global");
    if (p->known[f->u.i].dict) {
        if (arg->u.list.n) return broken(p, "makes a dict from arguments, which is not read");
        return push(p, new_value(p, GM_P_DICT));
    }
    value *v = new_value(p, GM_P_CALL);
    if (v) v->u.call.global = f->u.i, v->u.call.arg = arg;
    return push(p, v);
}

static int persistent(gm_pickle *p)
{
    value *id = pop(p), *v = id ? new_value(p, GM_P_PERSID) : NULL;
    if (!v || grow(p, &p->persid, &p->persid_room, p->npersids) != 0) return -1;
    v->u.call.arg = id;
    p->persid[p->npersids++] = v;
    return push(p, v);
}

static int objects(gm_pickle *p, uint8_t op)
{
    const char *m, *n;
    size_t mn, nn;
    value *a, *b;
    switch (op) {
    case 'c':
        if (line(p, &m, &mn) != 0 || line(p, &n, &nn) != 0) return -1;
        return push_global(p, m, mn, n, nn);
    case 0x93:
        b = pop(p);
        a = b ? pop(p) : NULL;
        if (!a) return -1;
        if (a->kind != GM_P_STR || b->kind != GM_P_STR)
            return broken(p, "a global's name is no text");
        return push_global(p, a->u.text.s, a->u.text.n, b->u.text.s, b->u.text.n);
    case 'R': return call(p);
    case 'Q': return persistent(p);
    case 'b': /* state of an object: OrderedDict's _metadata, not needed */
        a = pop(p);
        if (!a) return -1;
        if (p->sp == 0 ||
            (p->stack[p->sp - 1]->kind != GM_P_DICT && p->stack[p->sp - 1]->kind != GM_P_CALL))
            return broken(p, "gives a state to what is no known object");
        return 1;
    default: return 0;
    }
}

static int stack_and_frame(gm_pickle *p, uint8_t op)
{
    uint64_t u;
    int64_t n;
    switch (op) {
    case '(': return push(p, new_value(p, GM_P_MARK));
    case '0':
        if (p->sp == 0) return broken(p, "the stack is empty");
        p->sp--;
        return 1;
    case '1':
        n = above_mark(p);
        if (n >= 0) p->sp -= n + 1;
        return n < 0 ? -1 : 1;
    case '2':
        if (p->sp == 0) return broken(p, "the stack is empty");
        return push(p, p->stack[p->sp - 1]);
    case 0x80:
        if (number(p, 1, &u) != 0) return -1;
        return u <= 5 ? 1 : broken(p, "a protocol newer than 5");
    case 0x95:
        if (number(p, 8, &u) != 0) return -1;
        return u <= p->n - p->at ? 1 : broken(p, "a frame longer than the file");
    default: return 0;
    }
}

static int run(gm_pickle *p)
{
    static int (*const group[])(gm_pickle *, uint8_t) = { memos,      texts,   numbers,
                                                          containers, objects, stack_and_frame };
    for (;;) {
        p->op_at = p->at;
        const uint8_t *op = take(p, 1);
        if (!op) return -1;
        if (*op == '.') {
            p->root = pop(p);
            return p->root ? 0 : -1;
        }
        int done = 0;
        for (size_t g = 0; !done && g < sizeof group / sizeof *group; g++) done = group[g](p, *op);
        if (done < 0) return -1;
        if (!done) {
            const char *name = gm_pickle_opcode_name(*op);
            return gm_fail(p->e, "%s: pickle offset %zu: refuses the opcode %s (0x%02x)", p->name,
                           p->op_at, name, *op);
        }
    }
}

gm_pickle *gm_pickle_read(const uint8_t *bytes, size_t n, const gm_pickle_global *known,
                          int64_t nknown, const char *name, size_t *used, gm_error *e)
{
    gm_pickle *p = calloc(1, sizeof *p);
    if (!p) {
        gm_fail(e, "%s: out of memory", name);
        return NULL;
    }
    p->b = bytes;
    p->n = n;
    p->known = known;
    p->nknown = nknown;
    p->name = name;
    p->e = e;
    if (run(p) != 0) {
        gm_pickle_free(p);
        return NULL;
    }
    if (used) *used = p->at;
    return p;
}

const gm_pickle_value *gm_pickle_root(const gm_pickle *p)
{
    return p->root;
}

int64_t gm_pickle_persids(const gm_pickle *p, const gm_pickle_value *const **list)
{
    *list = (const gm_pickle_value *const *)p->persid;
    return p->npersids;
}

void gm_pickle_free(gm_pickle *p)
{
    if (!p) return;
    for (block *k = p->blocks; k;) {
        block *next = k->next;
        free(k);
        k = next;
    }
    free(p->stack);
    free(p->memo);
    free(p->persid);
    free(p);
}

int gm_pickle_is(const gm_pickle_value *v, const char *text)
{
    size_t n = strlen(text);
    return v->kind == GM_P_STR && v->u.text.n == n && memcmp(v->u.text.s, text, n) == 0;
}

const gm_pickle_value *gm_pickle_get(const gm_pickle_value *dict, const char *key)
{
    if (dict->kind != GM_P_DICT) return NULL;
    for (int64_t i = 0; i + 1 < dict->u.list.n; i += 2) {
        if (gm_pickle_is(dict->u.list.item[i], key)) return dict->u.list.item[i + 1];
    }
    return NULL;
}
