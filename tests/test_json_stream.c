/* Long JSON files element by element: every form, across the buffer's borders, and damaged ones. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json_stream.h"
#include "../io/os.h"
#include "program.h"

#define PATH OUTPUT "/stream.json"

/* Elements as "key:json;" one after another, then "end" or the error. */
static char *walk(gm_json_stream *s)
{
    gm_error e = { "" };
    const char *key;
    json_t *o;
    int more;
    size_t room = 1 << 16, n = 0;
    char *out = malloc(room);
    ck_assert_ptr_nonnull(s);
    while ((more = gm_json_next(s, &key, &o, &e)) == 1) {
        char *text = json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY);
        n += (size_t)snprintf(out + n, room - n, "%s:%s;", key, text);
        free(text);
        json_decref(o);
    }
    snprintf(out + n, room - n, "%s", more == 0 ? "end" : e.text);
    gm_json_stream_free(s);
    return out;
}

START_TEST(forms)
{
    static const struct { const char *text; gm_json_form form; const char *want; } list[] = {
        { "[]", GM_JSON_WHOLE, "end" },
        { " [ 1 , {\"a\":[2]},\"x\" ] \n", GM_JSON_WHOLE, ":1;:{\"a\":[2]};:\"x\";end" },
        { "{}", GM_JSON_WHOLE, "end" },
        { "{\"a\":{\"b\":[1]},\"c\":[3,4],\"d\":\"]\",\"e\":[],\"c\":[5]}", GM_JSON_WHOLE,
          "c:3;c:4;c:5;end" },
        { "{\"k\\u00e9\":[\"\\\\\\\"]\"]}", GM_JSON_WHOLE, "k\xc3\xa9:\"\\\\\\\"]\";end" },
        { "", GM_JSON_LINES, "end" },
        { "{\"a\":1}\n\n{\"a\":2}", GM_JSON_LINES, ":{\"a\":1};:{\"a\":2};end" },
        { "[1]\n[2]\n", GM_JSON_LINES, ":[1];:[2];end" },
        { "", GM_JSON_WHOLE,
          "f: not valid JSON: the file ends at byte 0, wanted an object or a list" },
        { "7", GM_JSON_WHOLE, "f: not valid JSON: byte 0: wanted an object or a list, found '7'" },
        { "[1,", GM_JSON_WHOLE, ":1;f: not valid JSON: the file ends at byte 3, wanted a value" },
        { "[1,]", GM_JSON_WHOLE, ":1;f: not valid JSON: byte 3: wanted a value, found ']'" },
        { "[1 2]", GM_JSON_WHOLE,
          ":1;f: not valid JSON: byte 3: wanted a comma or the end of the list, found '2'" },
        { "[1]]", GM_JSON_WHOLE,
          ":1;f: not valid JSON: byte 3: wanted the end of the file, found ']'" },
        { "[\"a", GM_JSON_WHOLE,
          "f: not valid JSON: the file ends at byte 3, wanted the end of a text" },
        { "[{\"a\":1", GM_JSON_WHOLE,
          "f: not valid JSON: the file ends at byte 7, wanted the end of a value" },
        { "[{\"a\":1]]", GM_JSON_WHOLE, "f: not valid JSON: byte 1: '}' expected near ']'" },
        { "[{\"a\":1,\"a\":2}]", GM_JSON_WHOLE,
          "f: not valid JSON: byte 1: duplicate object key near '\"a\"'" },
        { "{\"a\" [1]}", GM_JSON_WHOLE, "f: not valid JSON: byte 5: wanted a colon, found '['" },
        { "{a:1}", GM_JSON_WHOLE, "f: not valid JSON: byte 1: wanted a name, found 'a'" },
        { "{\"a\":1 \"b\":2}", GM_JSON_WHOLE,
          "f: not valid JSON: byte 7: wanted a comma or the end of the object, found '\"'" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        gm_error e = { "" };
        char *got = walk(gm_json_stream_bytes(list[i].text, strlen(list[i].text), "f", list[i].form,
                                              &e));
        ck_assert_msg(strcmp(got, list[i].want) == 0, "%s\nwanted %s\nfound  %s", list[i].text,
                      list[i].want, got);
        free(got);
    }
}
END_TEST

/* A file larger than the buffer, with elements larger than it; each is found again at its place. */
START_TEST(places_in_a_long_file)
{
    enum { N = 40, BIG = 200000 };
    gm_json_place place[N];
    gm_error e = { "" };
    const char *key;
    json_t *o;
    clean_output();
    FILE *f = fopen(PATH, "wb");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "{\"skip\": [], \"list\": [");
    for (int i = 0; i < N; i++) {
        fprintf(f, "%s{\"n\": %d, \"text\": \"", i ? ", " : "", i);
        for (int k = 0; k < (i % 7 == 3 ? BIG : 3000 + i); k++) fputs(k % 5 ? "x" : "\\\"", f);
        fprintf(f, "\"}");
    }
    fprintf(f, "], \"more\": [1]}");
    ck_assert_int_eq(fclose(f), 0);
    gm_json_stream *s = gm_json_stream_open(PATH, GM_JSON_WHOLE, &e);
    for (int i = 0; i < N; i++) {
        ck_assert_msg(gm_json_next(s, &key, &o, &e) == 1, "%s", e.text);
        ck_assert_str_eq(key, "list");
        ck_assert_int_eq(json_integer_value(json_object_get(o, "n")), i);
        place[i] = gm_json_here(s);
        json_decref(o);
    }
    ck_assert(gm_json_had_list(s, "skip") && gm_json_had_list(s, "list"));
    ck_assert(!gm_json_had_list(s, "more") && !gm_json_had_list(s, "lis"));
    ck_assert_int_eq(gm_json_next(s, &key, &o, &e), 1);
    json_decref(o);
    ck_assert_int_eq(gm_json_next(s, &key, &o, &e), 0);
    gm_json_stream_free(s);
    for (int i = N - 1; i >= 0; i--) {
        o = gm_json_read_at(PATH, place[i], &e);
        ck_assert_msg(o != NULL, "%s", e.text);
        ck_assert_int_eq(json_integer_value(json_object_get(o, "n")), i);
        json_decref(o);
    }
    place[0].offset += 1;
    ck_assert_ptr_null(gm_json_read_at(PATH, place[0], &e));
    ck_assert_int_eq(gm_json_first_byte(PATH), '{');
    ck_assert_int_eq(gm_json_first_byte(OUTPUT "/none"), -1);
    gm_error again = { "" };
    ck_assert_ptr_null(gm_json_stream_open(OUTPUT, GM_JSON_WHOLE, &again));
}
END_TEST

Suite *test_json_stream(void);
Suite *test_json_stream(void)
{
    Suite *s = suite_create("json stream");
    TCase *t = tcase_create("json stream");
    tcase_add_test(t, forms);
    tcase_add_test(t, places_in_a_long_file);
    suite_add_tcase(s, t);
    return s;
}
