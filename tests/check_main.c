/* Runs every suite; -v names each test.  Exit status is the verdict; nothing run is a failure. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include "../io/os.h"
#include "suites.h"

#define DECLARE(f) Suite *f(void);
#define ADD(f) srunner_add_suite(r, f());
SUITES(DECLARE)

int main(int argc, char **argv)
{
    (void)argc;
    gm_calm_threads(argv);
    SRunner *r = srunner_create(suite_create("glamm"));
    SUITES(ADD)
    srunner_run_all(r, CK_ENV);
    int ran = srunner_ntests_run(r), failed = srunner_ntests_failed(r);
    srunner_free(r);
    if (!ran) fprintf(stderr, "no test ran\n");
    return ran && !failed ? 0 : 1;
}
