/* pixel.c - impressions counted by an image of ours, where no exchange tells of them (`track_impressions`).
 *
 *     https://us/n/TOKEN                                            an image of one invisible dot
 *     https://us/n/TOKEN?s=SEAL&u=https%3A%2F%2Ft.example%2Fi       the same in front of the trader's own image
 *
 * The image goes where the answer has room for one: the bid's `imptracker` or `pixel_url`, or wherever its markup says
 * {{impression_url}}. A bid without such a place goes out as if it were not tracked, and its booking stands for the
 * impression; the token says which of both, so that frequency caps count each bid once.
 */
#include "internal.h"

/* A transparent GIF of one dot. */
static const char image[] = "GIF89a\1\0\1\0\200\0\0\0\0\0\0\0\0!\371\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";

/* Checked before tokens are expanded, for the token of the bid has to say it. */
static bool names_pixel(const struct mb_bid *bid)
{
    const struct mb_slice texts[] = {bid->markup, bid->vast, bid->native};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (mb_slice_find(texts[i], MB_SLICE("{{impression_url}}")) >= 0) {
            return true;
        }
    }
    return false;
}

static bool has_own_document(const struct mb_bid *bid)
{
    return !mb_slice_empty(bid->markup) || !mb_slice_empty(bid->vast) || !mb_slice_empty(bid->native);
}

/* The field that carries the image to where it is loaded, or NULL. */
static struct mb_slice *place(const struct mb_request *r, struct mb_bid *bid)
{
    bool is_push = bid->imp->format == MB_FORMAT_PUSH || bid->imp->format == MB_FORMAT_IN_PAGE_PUSH;
    bool is_image = mb_slice_empty(bid->pixel_type) || mb_slice_is(bid->pixel_type, "image");

    switch (r->protocol) {
    case MB_EXCHANGE_XANDR:
        return is_image ? &bid->pixel_url : NULL;
    case MB_EXCHANGE_EXOCLICK:
        return is_push ? &bid->imptracker : NULL;
    case MB_EXCHANGE_OPENRTB:
        return has_own_document(bid)                             ? NULL
               : bid->imp->format == MB_FORMAT_NATIVE             ? &bid->imptracker
               : !mb_slice_empty(bid->vast_table)                 ? &bid->imptracker
               : bid->imp->format == MB_FORMAT_BANNER &&
                       r->endpoint->dialect != MB_DIALECT_EXOCLICK ? &bid->imptracker
                                                                   : NULL;
    default:
        return NULL;
    }
}

bool mb__bidder_is_watched(const struct mb_bidder *b, struct mb_bid *bid)
{
    if (!bid->strategy->track_impressions) {
        return false;
    }
    bid->names_impression_url = names_pixel(bid);
    return bid->names_impression_url || place(&b->request, bid) != NULL;
}

struct mb_slice mb__bidder_pixel_base(const struct mb_config *config)
{
    return mb_slice_present(config->pixel_url) ? config->pixel_url : config->notice_url;
}

void mb__bidder_place_pixel(struct mb_bidder *b, struct mb_bid *bid)
{
    struct mb_slice *field;

    if (!mb_slice_present(bid->impression_url) || bid->names_impression_url) {
        return;
    }
    field = place(&b->request, bid);
    if (!mb_slice_empty(*field)) {
        bid->impression_url = mb__bidder_sealed_url(b, MB_EVENT_IMPRESSION, mb__bidder_pixel_base(b->options.config),
                                                    MB_SLICE("/n/"), *field);
    }
    *field = bid->impression_url;
}

void mb__bidder_answer_pixel(struct mb_bidder *b, struct mb_slice token, struct mb_slice query, struct mb_bidder_out *out)
{
    if (!mb__bidder_send_on(b, token, query, out)) {
        out->content_type = "image/gif";
        out->body = mb_slice(image, sizeof(image) - 1);
        out->extra_headers = MB_SLICE("Cache-Control: no-store\r\n");
    }
}
