build-stb/tests/test_compare.o: tests/test_compare.c tests/compare.h
tests/compare.h:
