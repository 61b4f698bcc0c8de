/* Longer things that stay one token: addresses, tags, numbers, abbreviations. */
#include <string.h>
#include "ptb_rules.h"

static uint32_t lower(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

int64_t ptb_apostrophe(const uint32_t *p)
{
    if (*p == '\'' || *p == 0x92 || *p == 0x2019) return 1;
    return ptb_literal(p, (const char *const[]){ "&apos;", NULL });
}

int64_t ptb_apostrophe_or_quote(const uint32_t *p)
{
    return *p == '`' || *p == 0x91 || *p == 0x2018 || *p == 0x201B ? 1 : ptb_apostrophe(p);
}

static int64_t literal(const uint32_t *p, const char *word)
{
    int64_t n = 0;
    for (; *word; word++) {
        int64_t one = 1;
        if (*word == '^') one = ptb_apostrophe(p + n);
        else if (*word >= 'A' && *word <= 'Z') one = p[n] == (uint32_t)*word;
        else one = lower(p[n]) == (uint32_t)*word;
        if (!one) return 0;
        n += one;
    }
    return n;
}

int64_t ptb_literal(const uint32_t *p, const char *const *list)
{
    for (; *list; list++) {
        int64_t n = literal(p, *list);
        if (n) return n;
    }
    return 0;
}

/* What may stand in an address: anything but spaces and the characters of `not`. */
static bool address(uint32_t c, const char *not)
{
    return c && !ptb_one_of(c, " \t\n\f\r\"<>|()") && !ptb_one_of(c, not);
}

/* The longest run of address characters, none of `not`, no punctuation last; at least two. */
static int64_t address_run(const uint32_t *p, const char *not)
{
    int64_t n = 0;
    while (address(p[n], not)) n++;
    while (n > 1 && !address(p[n - 1], ".!?{},-")) n--;
    return n > 1 ? n : 0;
}

int64_t ptb_url(const uint32_t *p)
{
    int64_t n = ptb_literal(p, (const char *const[]){ "http://", "https://", NULL });
    int64_t rest = n ? address_run(p + n, "{}") : 0;
    return rest ? n + rest : 0;
}

/* n characters of a site's name, and the path behind it if there is one. */
static int64_t with_path(const uint32_t *p, int64_t n)
{
    int64_t path = p[n] == '/' ? address_run(p + n + 1, "") : 0;
    return path ? n + 1 + path : n;
}

/* A part of a site's name; bare: without "www." in front, where fewer characters may stand. */
static bool part(uint32_t c, bool bare)
{
    if (bare && (ptb_one_of(c, "`'$") || (c >= ',' && c <= '_'))) return false;
    return address(c, ".!?{},");
}

int64_t ptb_site(const uint32_t *p)
{
    static const char *const END[] = { "com", "net", "org", "edu", NULL };
    int64_t n = literal(p, "www."), best = 0;
    bool bare = n == 0;
    for (int parts = 0;; parts++) {
        if (parts && bare) {
            int64_t end = ptb_literal(p + n, END), all = end ? with_path(p, n + end) : 0;
            if (all > best) best = all;
        }
        for (int64_t end = 0; parts && !bare && end < 4 && ptb_alpha(p[n + end]); end++) {
            int64_t all = end ? with_path(p, n + end + 1) : 0;
            if (all > best) best = all;
        }
        int64_t start = n;
        while (part(p[n], bare)) n++;
        if (n == start || p[n++] != '.') return best;
    }
}

static bool mail_char(uint32_t c)
{
    return address(c, "{}") && c != 0xA0;
}

/* A letter or digit, anything, @, a name whose dots are neither doubled nor at its ends: the
 * longest. */
static int64_t mail(const uint32_t *p)
{
    int64_t n = 0;
    if (!ptb_alnum(*p)) return 0;
    while (mail_char(p[n])) n++;
    for (n--; n > 0; n--) {
        int64_t end = n + 1;
        if (p[n] != '@' || p[end] == '.') continue;
        while (mail_char(p[end]) && !(p[end] == '.' && p[end - 1] == '.')) end++;
        while (p[end - 1] == '.') end--;
        if (end > n + 1) return end;
    }
    return 0;
}

int64_t ptb_mail(const uint32_t *p)
{
    int64_t open = ptb_literal(p, (const char *const[]){ "<", "&lt;", NULL }), n = mail(p + open);
    if (!n) return 0;
    n += open;
    return n + ptb_literal(p + n, (const char *const[]){ ">", "&gt;", NULL });
}

int64_t ptb_file(const uint32_t *p)
{
    static const char *const END[] = {
        "bat", "bmp", "bz2", "cgi", "class", "cpp", "c", "dll", "docx", "doc", "exe", "gif", "gz",
        "html", "htm", "h", "java", "jar", "jpeg", "jpg", "mov", "mp3", "pdf", "php", "pl", "png",
        "pptx", "ppt", "ps", "py",
        "sql", "tar", "txt", "wav", "xml", "x", "zip", NULL
    };
    int64_t n = 0, best = 0;
    for (int64_t start = 0;; start = ++n) {
        while (ptb_letter(p[n]) || ptb_digit(p[n]) || ptb_mark(p[n]) || p[n] == 0xAD) n++;
        if (n == start || p[n] != '.') return best;
        int64_t end = ptb_literal(p + n + 1, END);
        if (end) best = n + 1 + end;
    }
}

static int64_t name_run(const uint32_t *p)
{
    int64_t n = 0;
    if (!ptb_alpha(*p)) return 0;
    while (ptb_alnum(p[n]) || ptb_one_of(p[n], ":.-")) n++;
    return n;
}

static int64_t quoted(const uint32_t *p)
{
    int64_t n = 1;
    if (*p != '"' && *p != '\'') return 0;
    while (p[n] && !ptb_one_of(p[n], "\r\n'\"")) n++;
    return p[n] == '"' || p[n] == '\'' ? n + 1 : 0;
}

static int64_t blanks(const uint32_t *p)
{
    int64_t n = 0;
    while (p[n] == ' ') n++;
    return n;
}

/* One attribute: name, name="value", "value" or a slash. */
static int64_t attribute(const uint32_t *p)
{
    int64_t n = name_run(p);
    if (!n) return *p == '/' ? 1 : quoted(p);
    int64_t at = n + blanks(p + n);
    if (p[at] != '=') return n;
    at += 1 + blanks(p + at + 1);
    int64_t value = quoted(p + at);
    return value ? at + value : n;
}

int64_t ptb_tag(const uint32_t *p)
{
    int64_t n = 1, one;
    if (*p != '<') return 0;
    if ((p[1] == '!' || p[1] == '?') && (ptb_alpha(p[2]) || p[2] == '-')) {
        while (p[n] && !ptb_one_of(p[n], ">\r\n")) n++;
        return p[n] == '>' ? n + 1 : 0;
    }
    if (p[n] == '/') n++;
    if ((one = name_run(p + n)) == 0) return 0;
    n += one;
    for (;;) {
        int64_t space = blanks(p + n);
        one = space || p[n] == '/' ? attribute(p + n + space) : 0;
        if (!one || (!space && one != 1)) return p[n + space] == '>' ? n + space + 1 : 0;
        n += space + one;
    }
}

static int64_t digits(const uint32_t *p, int64_t most)
{
    int64_t n = 0;
    while (n < most && ptb_digit(p[n])) n++;
    return n;
}

int64_t ptb_number(const uint32_t *p)
{
    int64_t n = *p == '-' || *p == '+', whole = digits(p + n, INT32_MAX), more;
    bool any = whole > 0;
    n += whole;
    for (;; n += 1 + more, any = true) {
        if (!ptb_one_of(p[n], ".:,") && p[n] != 0xAD && p[n] != 0x66B && p[n] != 0x66C) break;
        if ((more = digits(p + n + 1, INT32_MAX)) == 0) break;
    }
    return any ? n : 0;
}

int64_t ptb_date(const uint32_t *p)
{
    int64_t n = digits(p, 2), day, year;
    if (!n || (p[n] != '-' && p[n] != '/')) return 0;
    n++;
    if ((day = digits(p + n, 2)) == 0 || (p[n + day] != '-' && p[n + day] != '/')) return 0;
    n += day + 1;
    return (year = digits(p + n, 4)) >= 2 ? n + year : 0;
}

static int64_t simple_fraction(const uint32_t *p)
{
    int64_t n = digits(p, 4);
    if (!n) return 0;
    if (p[n] == '\\' && p[n + 1] == '/') n++;
    if (p[n] != '/' && p[n] != 0x2044) return 0;
    int64_t under = digits(p + n + 1, 4);
    return under ? n + 1 + under : 0;
}

int64_t ptb_fraction(const uint32_t *p)
{
    int64_t whole = digits(p, 4), n;
    if (whole && (p[whole] == '-' || p[whole] == ' ' || p[whole] == 0xA0) &&
        (n = simple_fraction(p + whole + 1)) > 0)
        return whole + 1 + n;
    return simple_fraction(p);
}

static bool gap(uint32_t c)
{
    return c == '-' || c == ' ' || c == 0xA0;
}

/* 3 or 4 digits, perhaps a gap, 3 to 5 digits: a number's end, the longest. */
static int64_t phone_end(const uint32_t *p)
{
    int64_t best = 0, run = digits(p, 4);
    for (int64_t a = 3; a <= run; a++) {
        int64_t n = a + gap(p[a]), last = digits(p + n, 5);
        if (last >= 3 && n + last > best) best = n + last;
        last = digits(p + a, 5);
        if (last >= 3 && a + last > best) best = a + last;
    }
    return best;
}

static int64_t dotted_phone(const uint32_t *p, int parts)
{
    int64_t n = 0, end;
    for (int i = 0; i < parts; i++, n++) {
        int64_t run = digits(p + n, 4);
        if (run < (i == parts - 1 ? 3 : 2) || p[n + run] != '.') return 0;
        n += run;
    }
    return (end = digits(p + n, 5)) >= 3 ? n + end : 0;
}

int64_t ptb_phone(const uint32_t *p)
{
    int64_t n = 0, best = 0, end;
    if (*p == '(') {
        int64_t area = digits(p + 1, 3);
        if (area < 2 || p[area + 1] != ')') return 0;
        n = area + 2;
        if (p[n] == ' ' || p[n] == 0xA0) n++;
        return (end = phone_end(p + n)) > 0 ? n + end : 0;
    }
    if (*p == '+') n = 1 + (p[1] == '+');
    for (int parts = 2; parts <= 3; parts++)
        if ((parts == 3 || n == 0) && (end = dotted_phone(p + n, parts)) > 0 && n + end > best)
            best = n + end;
    for (int groups = 0; groups < 2; groups++) {
        int64_t run = digits(p + n, 4);
        if (run < 2 || !gap(p[n + run])) break;
        n += run + 1;
        if ((end = phone_end(p + n)) > 0 && n + end > best) best = n + end;
    }
    return best;
}

int64_t ptb_acronym(const uint32_t *p)
{
    static const char *const ODD[] = { "canada-u.s", "sino-u.s", "korean-u.s", "eu-u.s",
                                       "japan-u.s", "non-u.s",
                                       "u.s.-u.k", "u.s.-u.s.s.r", NULL };
    int64_t n = 1, odd = ptb_literal(p, ODD);
    if (odd) return odd;
    if (!ptb_alpha(*p)) return 0;
    while (p[n] == '.' && ptb_alpha(p[n + 1])) n += 2;
    return n;
}

/* Those with a capital are abbreviations only so. */
static const char *const ABBREVIATIONS[] = {
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon",
    "tue", "tues", "wed", "thu", "thurs", "fri", "ala", "ariz", "Az", "Ark", "calif", "colo",
    "conn", "ct", "dak", "Del", "fla", "ga", "Ill", "ind", "kan", "kans", "ky", "La", "Mass", "md",
    "mich", "minn", "Miss", "mo", "mont", "neb", "nev", "okla", "Ore", "Pa", "penn", "tenn", "Tex",
    "va", "vt", "Wash", "wis", "wisc", "wyo", "inc", "co", "cos", "corp", "pty", "ptys", "ppty",
    "pptys", "ltd", "plc", "rt", "bancorp", "bhd", "assn", "univ", "intl", "sys", "tel", "est",
    "ext", "sq", "jr", "bros", "ed.d", "ph.d", "esq", "etc", "al", "seq", "bldg", "mr", "mrs", "ms",
    "dr", "drs", "prof", "profs", "sen", "sens", "rep", "reps", "atty", "attys", "lt", "col", "gen",
    "messrs", "gov", "govs", "adm", "rev", "maj", "sgt", "cpl", "pvt", "capt", "st", "ste", "ave",
    "pres", "lieut", "hon", "brig", "cmdr", "comdr", "pfc", "spc", "supt", "supts", "det", "mt",
    "ft", "asst", "mme", "sfc", "adj", "adv", "assoc", "ens", "insp", "mlle", "msgr", "sr", "invt",
    "elec", "natl", "mfg", "mtg", "dept", "blvd", "rd", "vs", "alex", "wm", "jos", "cie", "a.k.a",
    "cf", "treas", "ph", NULL
};

/* n characters of a word, a dot behind them: n + 1, else 0. */
static int64_t dotted(const uint32_t *p, int64_t n)
{
    return n && p[n] == '.' ? n + 1 : 0;
}

int64_t ptb_abbreviation(const uint32_t *p)
{
    int64_t best = dotted(p, ptb_acronym(p));
    for (const char *const *a = ABBREVIATIONS; *a; a++) {
        int64_t n = dotted(p, literal(p, *a));
        if (n > best) best = n;
    }
    return best;
}

int64_t ptb_before_number(const uint32_t *p)
{
    static const char *const LIST[] = { "ca.", "fig.", "figs.", "prop.", "no.", "nos.", "art.",
                                        "arts.", "bldg.",
                                        "pp.", "op.", NULL };
    return ptb_literal(p, LIST);
}
