# Tests of the program run it; POSIX for the exit status of system().
$(B)/tests/program.o: EXTRA := -I$(B)/tests -D_POSIX_C_SOURCE=200809L -DPROGRAM='"$(B)/glamm"'
$(B)/check: | $(B)/glamm
