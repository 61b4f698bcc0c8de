build-stb/tests/sha256.o: tests/sha256.c tests/sha256.h
tests/sha256.h:
