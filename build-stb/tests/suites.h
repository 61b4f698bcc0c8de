#define SUITES(X) X(test_compare)  X(test_image)  X(test_resize)
