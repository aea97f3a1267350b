/* derive.c - what the exchange does not send: the place from the address, the device from client
 * hints and the user agent.
 *
 * Worked out when a target or a strategy first reads it, once a request: most requests end before.
 * What the exchange sends goes first. A database that contradicts it is not asked for more: the
 * city of another country is worse than none.
 */
#include "internal.h"

/* Takes what was found where nothing was sent; false where the two contradict each other. */
static bool agree(struct mb_slice *sent, struct mb_slice found)
{
    if (mb_slice_empty(*sent)) {
        *sent = found;
        return true;
    }
    return mb_slice_empty(found) || mb_slice_eq_nocase(*sent, found);
}

static void fill_place(void *user)
{
    struct mb_bidder *b = user;
    struct mb_geo_place *place = &b->request.geo;
    struct mb_geo_answer found = mb__bidder_look_up(b, b->request.device.ip);

    if (!agree(&place->country, found.country) || !agree(&place->region, found.region) ||
        !agree(&place->city, found.city) || !agree(&place->zip, found.zip)) {
        return;
    }
    if (found.has_location && mb_slice_empty(place->lat) && mb_slice_empty(place->lon)) {
        place->lat = mb_xarena_printf(&b->arena, "%.4f", found.lat);
        place->lon = mb_xarena_printf(&b->arena, "%.4f", found.lon);
    }
}

/* A tablet that says it is a Mac is an iPad, which does so to get a desktop's pages; and a system
 * for telephones that says it is a desktop has been asked for such pages by its user. */
static void see_through(struct mb_device *device, bool type_was_sent, bool os_was_sent)
{
    bool hand_held = mb_slice_is(device->type, "phone") || mb_slice_is(device->type, "tablet");

    if (type_was_sent && !os_was_sent && hand_held && mb_slice_is(device->os, "macos")) {
        device->os = MB_SLICE("ios");
        device->os_version = MB_SLICE_NONE;
    }
    if (!type_was_sent && os_was_sent && mb_slice_is(device->type, "desktop") &&
        mb_slice_is(device->os, "android")) {
        device->type =
            device->hinted_mobile == MB_HINT_YES ? MB_SLICE("phone") : MB_SLICE("tablet");
    }
}

static void fill_device(void *user)
{
    struct mb_bidder *b = user;
    struct mb_device *device = &b->request.device;
    struct mb_geo_device *told = &b->agent;
    bool type_was_sent = mb_slice_present(b->sent_type);
    bool os_was_sent = mb_slice_present(device->os);

    mb_geo_device(device->ua, told);
    /* Exchanges have no word for machines. */
    device->type = mb_slice_is(told->type, "bot") ? told->type : b->sent_type;
    (void)agree(&device->type, told->type);
    if (mb_slice_empty(device->type) && device->hinted_mobile == MB_HINT_YES) {
        device->type = MB_SLICE("phone");
    }
    if (agree(&device->os, told->os)) {
        (void)agree(&device->os_version, told->os_version);
    }
    (void)agree(&device->browser,
                mb_device_browser_that_says_more(device->hinted_browser, told->browser));
    (void)agree(&device->make, told->make);
    (void)agree(&device->model, told->model);
    see_through(device, type_was_sent, os_was_sent);
}

void mb__bidder_derive_later(struct mb_bidder *b)
{
    b->place_later = (struct mb_later){fill_place, b};
    b->request.geo.later = &b->place_later;
    b->device_later = (struct mb_later){fill_device, b};
    b->request.device.later = &b->device_later;
    /* Who reads it shall hear of a machine, whatever was sent. */
    b->sent_type = b->request.device.type;
    b->request.device.type = MB_SLICE_NONE;
}
