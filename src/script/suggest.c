/* suggest.c - what somebody may have meant by a word that is none of those expected. */
#include "internal.h"

enum { WORD_MAX = 32, DISTANCE_MAX = 2 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Letters to change, put in, leave out, or swap with the next one; row by row of the usual table.
 */
static size_t distance(struct mb_slice a, struct mb_slice b)
{
    size_t rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            row[j] =
                least(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a.data[i - 1] != b.data[j - 1]));
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b.len];
}

const char *mb__script_nearest(struct mb_slice word, const char *(*name)(size_t i), size_t count)
{
    const char *found = NULL;
    size_t best = DISTANCE_MAX + 1;
    for (size_t i = 0; i < count && word.len <= WORD_MAX; i++) {
        struct mb_slice other = mb_slice_of(name(i));
        /* More than half of a word is another word. */
        size_t far = other.len <= WORD_MAX && other.len > 0 ? distance(word, other) : best;
        if (far < best && 2 * far <= other.len) {
            best = far;
            found = other.data;
        }
    }
    return found;
}
