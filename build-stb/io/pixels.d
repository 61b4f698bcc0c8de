build-stb/io/pixels.o: io/pixels.c io/image.h io/../ref/config.h \
 io/../ref/error.h io/../ref/glamm.h
io/image.h:
io/../ref/config.h:
io/../ref/error.h:
io/../ref/glamm.h:
