/* What can be said of objects: which are alike, and how two stand to each other. */
#ifndef GM_TRAIN_SHAPES_RELATE_H
#define GM_TRAIN_SHAPES_RELATE_H
#include "../io/text.h"
#include "shapes_scene.h"

/* Properties, as bits of a set. */
enum { GM_BY_SIZE = 1, GM_BY_TEXTURE = 2, GM_BY_COLOUR = 4, GM_BY_FORM = 8, GM_BY_ALL = 15 };

typedef enum {
    GM_LEFT_OF, GM_RIGHT_OF, GM_ABOVE, GM_BELOW, GM_IN_FRONT, GM_BEHIND, GM_INSIDE, GM_RELATIONS
} gm_shapes_relation;
extern const char *const gm_shapes_relation_name[GM_RELATIONS];

/* The objects that have the properties `by` of object k (k itself is one), as bits. */
uint32_t gm_shapes_alike(const gm_shapes_scene *s, int k, int by);
int gm_shapes_count(uint32_t objects);
/* Whether a stands so to b; plainly: nobody would doubt it (sides: 24 pixels apart, mostly that
 * way, neither over the other); else: somebody might say so. */
bool gm_shapes_holds(const gm_shapes_scene *s, gm_shapes_relation rel, int a, int b, bool plainly);
/* Whether m lies between a and b. */
bool gm_shapes_between(const gm_shapes_scene *s, int m, int a, int b, bool plainly);

/* "large striped red circle": object k's properties `by`, in this order; without GM_BY_FORM the
 * noun is "shape". */
void gm_shapes_noun(gm_text *t, const gm_shapes_scene *s, int k, int by);
/* A random set of properties that object k alone has, never texture alone; 0: there is none.
 * `without`: properties that must not be in it. */
int gm_shapes_telling(const gm_shapes_scene *s, int k, int without, gm_random *r);

#endif
