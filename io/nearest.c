/* See nearest.h. */
#include "nearest.h"

#include <string.h>

enum { MAX_WORD = 63 };

/* Insertions, removals and replacements that turn a into b (Levenshtein); words longer than
 * MAX_WORD are cut. */
static int word_distance(const char *a, const char *b)
{
    int row[MAX_WORD + 1], nb = (int)strlen(b);
    if (nb > MAX_WORD) nb = MAX_WORD;
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 0; a[i] && i < MAX_WORD; i++) {
        int corner = row[0];
        row[0] = i + 1;
        for (int j = 1; j <= nb; j++) {
            int change = corner + (a[i] != b[j - 1]);
            corner = row[j];
            int edit = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < edit ? change : edit;
        }
    }
    return row[nb];
}

const char *gm_nearest_word(const char *found, const char *const *list, int n)
{
    const char *best = NULL;
    int least = (int)strlen(found) / 2 + 1;     /* at least half of what was typed must be right */
    if (least > 4) least = 4;
    for (int i = 0; i < n; i++) {
        size_t l = strlen(found);
        int d = l >= 2 && strncmp(found, list[i], l) == 0 ? 0 : word_distance(found, list[i]);
        if (d < least) {
            least = d;
            best = list[i];
        }
    }
    return best;
}
