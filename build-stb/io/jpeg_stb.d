build-stb/io/jpeg_stb.o: io/jpeg_stb.c io/image_formats.h io/image.h \
 io/../ref/config.h io/../ref/error.h io/../ref/glamm.h
io/image_formats.h:
io/image.h:
io/../ref/config.h:
io/../ref/error.h:
io/../ref/glamm.h:
