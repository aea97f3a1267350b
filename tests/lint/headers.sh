#!/bin/sh
# headers.sh COMPILER ROOT - every public header compiles alone, as C11 with the project's warnings.
set -u
compiler=$1
root=$2
status=0
for header in $(find "$root/include/moonbid" -name '*.h' | sort); do
    "$compiler" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c \
        -I"$root/include" -include "$header" /dev/null || status=1
done
exit $status
