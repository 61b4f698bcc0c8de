build-stb/io/os.o: io/os.c io/os.h io/../ref/error.h io/../ref/glamm.h
io/os.h:
io/../ref/error.h:
io/../ref/glamm.h:
