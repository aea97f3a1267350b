/* view_request.c - the fields of `req`, its sub-tables and `imp`; lua-api.md section 2. */
#include "internal.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CLASS(name, text)                                                                          \
    const struct mb__class mb__script_##name##_class = {text, name##_fields, COUNT(name##_fields)}

#define REQUEST(kind, name, member, aux)                                                           \
    {                                                                                              \
        name, MB__FIELD_##kind, offsetof(struct mb_request, member), aux                           \
    }
static const struct mb__field request_fields[] = {
    REQUEST(STRING, "id", id, 0),
    REQUEST(EXCHANGE, "exchange", endpoint, 0),
    REQUEST(ENDPOINT, "endpoint", endpoint, 0),
    REQUEST(BOOL, "test", test, 0),
    REQUEST(BOOL, "debug", debug, 0),
    REQUEST(STRING, "currency", currency, 0),
    REQUEST(AT, "at", at, 0),
    REQUEST(U32, "timeout_ms", timeout_ms, 0),
    REQUEST(IMPS, "imps", imps, 0),
    REQUEST(RECORD, "site", site, MB__CLASS_SITE),
    REQUEST(RECORD, "app", app, MB__CLASS_APP),
    REQUEST(RECORD, "device", device, MB__CLASS_DEVICE),
    REQUEST(RECORD, "geo", geo, MB__CLASS_GEO),
    REQUEST(RECORD, "user", user, MB__CLASS_USER),
    REQUEST(RECORD, "tokens", tokens, MB__CLASS_TOKENS),
    REQUEST(RECORD, "regs", regs, MB__CLASS_REGS),
    REQUEST(RECORD, "blocked", blocked, MB__CLASS_BLOCKED),
    REQUEST(STRINGS, "languages", languages, 0),
    REQUEST(RAW, "schain", schain, 0),
    REQUEST(RAW, "raw", raw, 0),
};
CLASS(request, "req");

#define IMP(kind, name, member, aux)                                                               \
    {                                                                                              \
        name, MB__FIELD_##kind, offsetof(struct mb_imp, member), aux                               \
    }
static const struct mb__field imp_fields[] = {
    IMP(STRING, "id", id, 0),
    IMP(FORMAT, "format", format, 0),
    IMP(U32, "width", size.width, 0),
    IMP(U32, "height", size.height, 0),
    IMP(SIZES, "sizes", sizes, offsetof(struct mb_imp, n_sizes)),
    IMP(PRICE, "floor", floor, 0),
    IMP(PRICE, "floor_wire", floor_wire, 0),
    IMP(STRING, "currency_wire", currency_wire, 0),
    IMP(BOOL, "secure", secure, 0),
    IMP(STRING, "tag_id", tag_id, 0),
    IMP(BOOL, "interstitial", interstitial, 0),
    IMP(BOOL, "rewarded", rewarded, 0),
    IMP(STRING, "position", position, 0),
    IMP(STRINGS, "deals", deals, 0),
    IMP(BOOL, "deals_only", deals_only, 0),
    IMP(STRING, "pod_id", pod.id, 0),
    IMP(I32, "pod_sequence", pod.sequence, 0),
    IMP(I32, "pod_duration", pod.duration_s, 0),
    IMP(I32, "pod_ads", pod.ads_max, 0),
    IMP(I32, "slot_in_pod", pod.slot, 0),
    IMP(PRICE_SET, "floor_per_second", pod.floor_per_s, 0),
    IMP(STRINGS, "members", members, 0),
    IMP(PRICE_SET, "estimated_price", estimated_price, 0),
    IMP(RAW, "raw", raw, 0),
};
CLASS(imp, "imp");

#define SITE(kind, member)                                                                         \
    {                                                                                              \
#member, MB__FIELD_##kind, offsetof(struct mb_site, member), 0                             \
    }
static const struct mb__field site_fields[] = {
    SITE(STRING, id),        SITE(STRING, domain),   SITE(STRING, page),
    SITE(STRING, name),      SITE(STRING, referrer), SITE(STRING, publisher_id),
    SITE(STRING, zone_id),   SITE(STRING, sub),      SITE(STRINGS, categories),
    SITE(STRINGS, keywords),
};
CLASS(site, "req.site");

#define APP(member)                                                                                \
    {                                                                                              \
#member, MB__FIELD_STRING, offsetof(struct mb_app, member), 0                              \
    }
static const struct mb__field app_fields[] = {APP(id), APP(bundle), APP(name), APP(domain)};
CLASS(app, "req.app");

#define DEVICE(kind, member)                                                                       \
    {                                                                                              \
#member, MB__FIELD_##kind, offsetof(struct mb_device, member),                             \
            offsetof(struct mb_device, later)                                                      \
    }
static const struct mb__field device_fields[] = {
    DEVICE(STRING, ip),
    DEVICE(STRING, remote_ip),
    DEVICE(STRING, forwarded_for),
    DEVICE(STRING, ua),
    DEVICE(STRING_LATER, os),
    DEVICE(STRING_LATER, os_version),
    DEVICE(STRING_LATER, type),
    DEVICE(STRING_LATER, browser),
    DEVICE(STRING_LATER, make),
    DEVICE(STRING_LATER, model),
    DEVICE(STRING, language),
};
CLASS(device, "req.device");

/* Degrees are numbers in Lua. */
#define GEO(kind, member)                                                                          \
    {                                                                                              \
#member, MB__FIELD_##kind##_LATER, offsetof(struct mb_geo_place, member),                  \
            offsetof(struct mb_geo_place, later)                                                   \
    }
static const struct mb__field geo_fields[] = {
    GEO(STRING, country), GEO(STRING, region), GEO(STRING, city),
    GEO(STRING, zip),     GEO(DECIMAL, lat),   GEO(DECIMAL, lon),
};
CLASS(geo, "req.geo");

#define USER(kind, member)                                                                         \
    {                                                                                              \
#member, MB__FIELD_##kind, offsetof(struct mb_user, member), 0                             \
    }
static const struct mb__field user_fields[] = {
    USER(STRING, id),         USER(STRING, buyer_id),   USER(STRING, gender),
    USER(I32, year_of_birth), USER(STRING, keyword),    USER(STRINGS, segments),
    USER(STRING, data),       USER(STRING, email_hash), USER(BOOL, opted_out),
    USER(RAW, eids),
};
CLASS(user, "req.user");

#define REGS(kind, member)                                                                         \
    {                                                                                              \
#member, MB__FIELD_##kind, offsetof(struct mb_regs, member), 0                             \
    }
static const struct mb__field regs_fields[] = {
    REGS(TRISTATE, gdpr), REGS(TRISTATE, coppa), REGS(STRING, us_privacy),
    REGS(STRING, gpp),    REGS(STRING, consent), REGS(STRINGS, gpp_sid),
};
CLASS(regs, "req.regs");

#define BLOCKED(member)                                                                            \
    {                                                                                              \
#member, MB__FIELD_STRINGS, offsetof(struct mb_blocked, member), 0                         \
    }
static const struct mb__field blocked_fields[] = {
    BLOCKED(categories), BLOCKED(domains),    BLOCKED(creatives), BLOCKED(brands),
    BLOCKED(languages),  BLOCKED(attributes), BLOCKED(adservers), BLOCKED(apps),
};
CLASS(blocked, "req.blocked");
