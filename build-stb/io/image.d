build-stb/io/image.o: io/image.c io/image_formats.h io/image.h \
 io/../ref/config.h io/../ref/error.h io/../ref/glamm.h io/os.h
io/image_formats.h:
io/image.h:
io/../ref/config.h:
io/../ref/error.h:
io/../ref/glamm.h:
io/os.h:
