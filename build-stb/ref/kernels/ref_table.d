build-stb/ref/kernels/ref_table.o: ref/kernels/ref_table.c \
 ref/kernels/ref_table.h ref/kernels/../kernels.h
ref/kernels/ref_table.h:
ref/kernels/../kernels.h:
