/* bundle_back.c - a bundle in which a file is as it was before.
 *
 * A file that was rolled back stands there twice: as it bids, and as it failed, below a hidden
 * folder that no reading of a folder comes by. So the memory of what failed goes wherever the
 * bundle goes.
 */
#include "bundle_format.h"

#define FAILED_FOLDER ".failed/"

/* Where the bundle keeps a file as it failed; the caller frees. */
static struct mb_buf failed_path(struct mb_slice path)
{
    struct mb_buf out = {0};
    mb_xbuf_printf(&out, FAILED_FOLDER "%.*s", MB_SLICE_ARG(path));
    return out;
}

static struct mb_slice failed_bytes(const struct mb_bundle *bundle, struct mb_slice path)
{
    struct mb_buf place = failed_path(path);
    struct mb_slice bytes = mb_bundle_file(bundle, mb_buf_slice(&place));
    mb_buf_fini(&place);
    return bytes;
}

bool mb_bundle_rolled_back(const struct mb_bundle *bundle, struct mb_slice path)
{
    return mb_slice_present(failed_bytes(bundle, path));
}

static int pack_again(struct mb__bundle_files *found, const struct mb_bundle *like,
                      struct mb_bundle **out, struct mb_error *err)
{
    uint32_t place = like->header->single;
    const char *single = place == MB__BUNDLE_NO_SINGLE ? NULL : mb_bundle_path(like, place).data;
    found->root_len = like->header->root_len;
    int rc = mb__bundle_pack("", found, single, like, out, err);
    mb__bundle_files_fini(found);
    return rc;
}

/* The file as it shall bid, and as it failed. */
static void add_both(struct mb__bundle_files *found, struct mb_slice path, struct mb_slice bids,
                     struct mb_slice failed)
{
    struct mb_buf place = failed_path(path);
    mb__bundle_add(found, path, bids);
    mb__bundle_add(found, mb_buf_slice(&place), failed);
    mb_buf_fini(&place);
}

int mb_bundle_roll_back(const struct mb_bundle *bundle, const struct mb_bundle *before,
                        struct mb_slice path, struct mb_bundle **out, struct mb_error *err)
{
    struct mb_slice failed = mb_bundle_file(bundle, path), old = mb_bundle_file(before, path);
    struct mb_buf place = failed_path(path);
    struct mb__bundle_files found = {0};
    *out = NULL;
    if (mb_slice_present(failed) && mb_slice_present(old) && !mb_slice_eq(failed, old)) {
        for (size_t i = 0; i < bundle->header->count; i++) {
            struct mb_slice at = mb_bundle_path(bundle, i);
            if (!mb_slice_eq(at, path) && !mb_slice_eq(at, mb_buf_slice(&place)))
                mb__bundle_add(&found, at, mb_bundle_bytes(bundle, i));
        }
        add_both(&found, path, old, failed);
    }
    mb_buf_fini(&place);
    if (found.count == 0)
        return mb_fail(err, MB_ENOTFOUND, NULL, "no other version of %.*s from before",
                       MB_SLICE_ARG(path));
    return pack_again(&found, bundle, out, err);
}

int mb_bundle_keep_rolled_back(struct mb_bundle **fresh, const struct mb_bundle *bids,
                               struct mb_error *err)
{
    struct mb__bundle_files found = {0};
    struct mb_bundle *kept;
    size_t n_kept = 0;
    for (size_t i = 0; i < (*fresh)->header->count; i++) {
        struct mb_slice path = mb_bundle_path(*fresh, i), bytes = mb_bundle_bytes(*fresh, i);
        struct mb_slice failed = failed_bytes(bids, path);
        if (mb_slice_present(failed) && mb_slice_eq(failed, bytes)) {
            add_both(&found, path, mb_bundle_file(bids, path), failed);
            n_kept++;
        } else {
            mb__bundle_add(&found, path, bytes);
        }
    }
    if (n_kept == 0) {
        mb__bundle_files_fini(&found);
        return 0;
    }
    int rc = pack_again(&found, *fresh, &kept, err);
    if (rc == 0) {
        mb_bundle_free(*fresh);
        *fresh = kept;
    }
    return rc;
}
