build-stb/io/resize.o: io/resize.c io/image.h io/../ref/config.h \
 io/../ref/error.h io/../ref/glamm.h
io/image.h:
io/../ref/config.h:
io/../ref/error.h:
io/../ref/glamm.h:
