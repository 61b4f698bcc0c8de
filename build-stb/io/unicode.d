build-stb/io/unicode.o: io/unicode.c io/unicode.h
io/unicode.h:
