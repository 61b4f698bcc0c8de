# nano.sh SCRIPT ARGS..: runs SCRIPT with a Python that has numpy and Pillow: $PYTHON, python3, or Debian's own.  Set A's shapes come out of a set of
# strings, whose order Python shuffles in every process unless told otherwise (make_set_a.py).
for p in ${PYTHON:-python3 /usr/bin/python3}; do
    "$p" -c 'import numpy, PIL' 2> /dev/null && PYTHONHASHSEED=0 exec "$p" "$@"
done
echo "eval-nano: wanted a python3 with numpy and Pillow, found none: apt-get install python3-numpy python3-pil" >&2
exit 1
