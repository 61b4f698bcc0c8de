build-stb/ref/kernels/ref_moves.o: ref/kernels/ref_moves.c \
 ref/kernels/ref_table.h ref/kernels/../kernels.h ref/kernels/typed.h
ref/kernels/ref_table.h:
ref/kernels/../kernels.h:
ref/kernels/typed.h:
