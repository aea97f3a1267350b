/* openrtb_device.c - OpenRTB's device: what it is called there, and the structured user agent.
 *
 * `sua` (2.6, 3.2.29) is what the browser itself says by client hints. It stands in `device`, or
 * with exchanges of 2.5 in `device.ext`. Where the exchange says the same in device.os, osv or
 * model, that counts; and what the user agent tells is only asked where both are silent
 * (bidder/derive.c).
 */
#include "fields.h"

enum { VERSION_PARTS_MAX = 8 };

/* ["13", "0", "0"]: "13". Zeros at the end say nothing that other exchanges say too. */
static struct mb_slice version_of(struct mb_json_value brand, struct mb_arena *arena)
{
    struct mb_slice version = MB_SLICE_NONE;
    struct mb_json_value list = get(brand, "version");
    int parts = 0;
    for (struct mb_json_value v = mb_json_list_first(list);
         v.type != MB_JSON_NONE && parts < VERSION_PARTS_MAX; v = mb_json_list_next(list, v)) {
        struct mb_slice part = mb__exchange_filled(mb_json_id(v));
        if (mb_slice_present(part)) {
            version = parts++ ? mb_xarena_printf(arena, "%.*s.%.*s", MB_SLICE_ARG(version),
                                                 MB_SLICE_ARG(part))
                              : part;
        }
    }
    while (mb_slice_ends(version, MB_SLICE(".0"))) {
        version.len -= 2;
    }
    return version;
}

/* Of the brands that a browser claims to be, the one that says most; invented ones ("Not_A Brand")
 * are none of ours. */
static struct mb_slice browser_of(struct mb_json_value sua)
{
    struct mb_slice browser = MB_SLICE_NONE;
    struct mb_json_value list = get(sua, "browsers");
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        browser = mb_device_browser_that_says_more(browser, mb_device_browser_of(text(v, "brand")));
    }
    return browser;
}

static void read_hints(struct mb_json_value sua, struct mb_arena *arena, struct mb_device *out)
{
    struct mb_json_value platform = get(sua, "platform");
    struct mb_slice os = mb_device_os_of(text(platform, "brand"));
    if (mb_slice_empty(out->os)) {
        out->os = os;
    }
    if (mb_slice_empty(out->os_version) && mb_slice_present(os) && mb_slice_eq(os, out->os)) {
        struct mb_slice version = version_of(platform, arena);
        out->os_version = mb_slice_is(os, "windows") ? mb_device_windows_of_hint(version) : version;
    }
    out->model = mb__exchange_either(out->model, text(sua, "model"));
    out->hinted_browser = browser_of(sua);
    out->hinted_mobile = mb_json_present(get(sua, "mobile"))
                             ? (flag(sua, "mobile") ? MB_HINT_YES : MB_HINT_NO)
                             : MB_HINT_NONE;
}

/* What ExoClick adds, and where exchanges of 2.5 put client hints. */
static void read_ext(struct mb_json_value ext, struct mb_slice *language, struct mb_json_value *sua,
                     struct mb_device *out)
{
    out->remote_ip = text(ext, "remote_addr");
    out->forwarded_for = text(ext, "x_forwarded_for");
    *language = mb__exchange_either(*language, text(ext, "accept_language"));
    if (sua->type != MB_JSON_OBJECT) {
        *sua = get(ext, "sua");
    }
}

void mb__openrtb_device(struct mb_json_value device, struct mb_arena *arena, struct mb_device *out)
{
    struct mb_json_value ext = get(device, "ext"), sua = get(device, "sua");
    struct mb_slice language = text(device, "language");
    out->ip = mb__exchange_either(text(device, "ip"), text(device, "ipv6"));
    out->ua = text(device, "ua");
    out->make = text(device, "make");
    out->model = text(device, "model");
    out->os = mb_device_os_of(text(device, "os"));
    out->os_version = text(device, "osv");
    out->type = mb_device_type_of(mb_json_i64(get(device, "devicetype"), 0));
    if (ext.type == MB_JSON_OBJECT) {
        read_ext(ext, &language, &sua, out);
    }
    out->language = mb__exchange_language(language, arena);
    if (sua.type == MB_JSON_OBJECT) {
        read_hints(sua, arena, out);
    }
}
