build-stb/tests/check_main.o: tests/check_main.c build-stb/tests/suites.h
build-stb/tests/suites.h:
