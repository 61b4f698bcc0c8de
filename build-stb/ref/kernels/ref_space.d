build-stb/ref/kernels/ref_space.o: ref/kernels/ref_space.c \
 ref/kernels/ref_table.h ref/kernels/../kernels.h
ref/kernels/ref_table.h:
ref/kernels/../kernels.h:
