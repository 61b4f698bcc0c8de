build-stb/tests/compare.o: tests/compare.c tests/compare.h
tests/compare.h:
