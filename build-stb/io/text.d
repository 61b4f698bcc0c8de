build-stb/io/text.o: io/text.c io/text.h
io/text.h:
