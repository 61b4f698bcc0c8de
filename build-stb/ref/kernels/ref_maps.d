build-stb/ref/kernels/ref_maps.o: ref/kernels/ref_maps.c \
 ref/kernels/ref_table.h ref/kernels/../kernels.h
ref/kernels/ref_table.h:
ref/kernels/../kernels.h:
