/* openrtb_device.c - OpenRTB's device: what it is called there, and the structured user agent.
 *
 * `sua` (2.6, 3.2.29) is what the browser itself says by client hints. It stands in `device`, or
 * with exchanges of 2.5 in `device.ext`. Where the exchange says the same in device.os, osv or
 * model, that counts; and what the user agent tells is only asked where both are silent
 * (bidder/derive.c).
 */
#include "shape.h"

#define DEVICE_MEMBERS(XX)                                                                         \
    XX(ip) XX(ipv6) XX(ua) XX(make) XX(model) XX(os) XX(osv) XX(devicetype) XX(language) XX(dnt)    \
    XX(geo) XX(sua) XX(ext)
SHAPE(device, DEVICE_MEMBERS)

#define EXT_MEMBERS(XX) XX(remote_addr) XX(x_forwarded_for) XX(accept_language) XX(sua)
SHAPE(ext, EXT_MEMBERS)

#define SUA_MEMBERS(XX) XX(platform) XX(browsers) XX(model) XX(mobile)
SHAPE(sua, SUA_MEMBERS)

/* A browser or a system. */
#define BRAND_MEMBERS(XX) XX(brand) XX(version)
SHAPE(brand, BRAND_MEMBERS)

enum { VERSION_PARTS_MAX = 8 };

/* ["13", "0", "0"]: "13". Zeros at the end say nothing that other exchanges say too. */
static struct mb_slice version_of(struct mb_json_value list, struct mb_arena *arena)
{
    struct mb_slice version = MB_SLICE_NONE;
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
static struct mb_slice browser_of(struct mb_json_value list)
{
    struct mb_slice browser = MB_SLICE_NONE;
    for (struct mb_json_value v = mb_json_list_first(list); v.type != MB_JSON_NONE;
         v = mb_json_list_next(list, v)) {
        union brand brand;
        find_brand(v, &brand);
        browser = mb_device_browser_that_says_more(
            browser, mb_device_browser_of(text_at(v.doc, brand.brand)));
    }
    return browser;
}

static void read_hints(struct mb_json_value object, struct mb_arena *arena, struct mb_device *out)
{
    struct mb_json *doc = object.doc;
    union sua sua;
    union brand platform;
    find_sua(object, &sua);
    find_brand(value_at(doc, sua.platform), &platform);
    struct mb_slice os = mb_device_os_of(text_at(doc, platform.brand));
    if (mb_slice_empty(out->os)) {
        out->os = os;
    }
    if (mb_slice_empty(out->os_version) && mb_slice_present(os) && mb_slice_eq(os, out->os)) {
        struct mb_slice version = version_of(value_at(doc, platform.version), arena);
        out->os_version = mb_slice_is(os, "windows") ? mb_device_windows_of_hint(version) : version;
    }
    out->model = mb__exchange_either(out->model, text_at(doc, sua.model));
    out->hinted_browser = browser_of(value_at(doc, sua.browsers));
    out->hinted_mobile = mb_json_present(value_at(doc, sua.mobile))
                             ? (flag_at(doc, sua.mobile) ? MB_HINT_YES : MB_HINT_NO)
                             : MB_HINT_NONE;
}

/* What ExoClick adds, and where exchanges of 2.5 put client hints. */
static void read_ext(struct mb_json_value object, struct mb_slice *language,
                     struct mb_json_value *sua, struct mb_device *out)
{
    union ext ext;
    find_ext(object, &ext);
    out->remote_ip = text_at(object.doc, ext.remote_addr);
    out->forwarded_for = text_at(object.doc, ext.x_forwarded_for);
    *language = mb__exchange_either(*language, text_at(object.doc, ext.accept_language));
    if (!mb_json_present(*sua)) {
        *sua = object_at(object.doc, ext.sua);
    }
}

void mb__openrtb_device(struct mb_json_value object, struct mb_arena *arena, struct mb_request *to,
                        struct mb_json_value *geo)
{
    struct mb_json *doc = object.doc;
    struct mb_device *out = &to->device;
    union device device;
    find_device(object, &device);
    struct mb_json_value ext = value_at(doc, device.ext), sua = object_at(doc, device.sua);
    struct mb_slice language = text_at(doc, device.language);
    out->ip = mb__exchange_either(text_at(doc, device.ip), text_at(doc, device.ipv6));
    out->ua = text_at(doc, device.ua);
    out->make = text_at(doc, device.make);
    out->model = text_at(doc, device.model);
    out->os = mb_device_os_of(text_at(doc, device.os));
    out->os_version = text_at(doc, device.osv);
    out->type = mb_device_type_of(integer_at(doc, device.devicetype, 0));
    to->user.opted_out |= flag_at(doc, device.dnt);
    *geo = object_at(doc, device.geo);
    if (ext.type == MB_JSON_OBJECT) {
        read_ext(ext, &language, &sua, out);
    }
    out->language = mb__exchange_language(language, arena);
    if (mb_json_present(sua)) {
        read_hints(sua, arena, out);
    }
}
