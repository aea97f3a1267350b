/* What the exchange does not send: the device from client hints and the user agent, the place from the
 * address; who goes first, and that nobody pays for what nobody reads. */
#include "support.h"

#include "internal.h"

#define UA_REDUCED "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36"
#define UA_WINDOWS "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
#define UA_MAC "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"
#define UA_LINUX "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
#define UA_FACEBOOK UA_REDUCED " [FB_IAB/FB4A;FBAV/453.0.0.40.107;]"
#define UA_BOT "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
#define CHROME "{'brand':'Not_A Brand','version':['8']},{'brand':'Chromium','version':['124']},{'brand':'Google Chrome','version':['124']}"

static const struct row {
    const char *device; /* JSON with ' for " */
    const char *type, *os, *version, *browser, *make, *model;
} rows[] = {
    /* the user agent alone */
    {"'ua':'" UA_PHONE "'", "phone", "android", "14", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_REDUCED "'", "phone", "android", "10", "chrome", NULL, NULL},
    {"'ua':'" UA_MAC "'", "desktop", "macos", "10.15.7", "safari", NULL, NULL},
    {"", NULL, NULL, NULL, NULL, NULL, NULL},
    /* client hints say more than a reduced agent; in 2.5 they stand in ext */
    {"'ua':'" UA_REDUCED "','sua':{'browsers':[" CHROME "],'platform':{'brand':'Android','version':['13','0','0']},'mobile':1,'model':'SM-S918B','source':2}",
     "phone", "android", "13", "chrome", NULL, "SM-S918B"},
    {"'ua':'" UA_REDUCED "','ext':{'sua':{'platform':{'brand':'Android','version':['12']},'mobile':1,'model':'Pixel 6'}}",
     "phone", "android", "12", "chrome", NULL, "Pixel 6"},
    {"'ua':'" UA_WINDOWS "','sua':{'browsers':[" CHROME "],'platform':{'brand':'Windows','version':['15','0','0']},'mobile':0}",
     "desktop", "windows", "11", "chrome", NULL, NULL},
    {"'ua':'" UA_WINDOWS "','sua':{'platform':{'brand':'Windows','version':['10','0','0']}}", "desktop", "windows", "10", "chrome", NULL, NULL},
    {"'ua':'" UA_WINDOWS "','sua':{'platform':{'brand':'Windows'}}", "desktop", "windows", "10", "chrome", NULL, NULL},
    {"'ua':'" UA_WINDOWS "','sua':{'browsers':[{'brand':'Chromium'},{'brand':'Brave','version':['124']}]}", "desktop", "windows", "10", "brave", NULL, NULL},
    {"'ua':'" UA_MAC "','sua':{'platform':{'brand':'macOS','version':['14','4','1']}}", "desktop", "macos", "14.4.1", "safari", NULL, NULL},
    /* an app knows itself better than the web view does */
    {"'ua':'" UA_FACEBOOK "','sua':{'browsers':[{'brand':'Android WebView','version':['122']}]}", "phone", "android", "10", "facebook", NULL, NULL},
    /* without a user agent */
    {"'sua':{'browsers':[" CHROME "],'platform':{'brand':'Android','version':['14']},'mobile':1}", "phone", "android", "14", "chrome", NULL, NULL},
    {"'sua':{'mobile':0,'platform':{'brand':'Linux'}}", NULL, "linux", NULL, NULL, NULL, NULL},
    /* asked for a desktop's page */
    {"'ua':'" UA_LINUX "','sua':{'platform':{'brand':'Android','version':['13']},'mobile':0}", "tablet", "android", "13", "chrome", NULL, NULL},
    {"'ua':'" UA_LINUX "','sua':{'platform':{'brand':'Android','version':['13']},'mobile':1}", "phone", "android", "13", "chrome", NULL, NULL},
    /* what the exchange says goes first */
    {"'ua':'" UA_REDUCED "','os':'Android','osv':'9','devicetype':5,'make':'Acme','model':'T1','sua':{'platform':{'brand':'Android','version':['13']},'model':'X'}",
     "tablet", "android", "9", "chrome", "Acme", "T1"},
    {"'ua':'" UA_PHONE "','os':'Android'", "phone", "android", "14", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_PHONE "','os':'iOS'", "phone", "ios", NULL, "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_PHONE "','os':'TotallyNew','osv':'3'", "phone", "android", "3", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_PHONE "','devicetype':1", "phone", "android", "14", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_PHONE "','devicetype':3", "tv", "android", "14", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_PHONE "','devicetype':99", "phone", "android", "14", "chrome", "Google", "Pixel 8"},
    /* an iPad that claims to be a Mac */
    {"'ua':'" UA_MAC "','devicetype':5", "tablet", "ios", NULL, "safari", NULL, NULL},
    {"'ua':'" UA_MAC "','devicetype':2", "desktop", "macos", "10.15.7", "safari", NULL, NULL},
    /* exchanges have no word for machines */
    {"'ua':'" UA_BOT "','devicetype':4,'os':'Android'", "bot", "android", NULL, NULL, NULL, NULL},
    /* of wrong types */
    {"'ua':'" UA_PHONE "','sua':[1,2]", "phone", "android", "14", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_PHONE "','sua':{'browsers':7,'platform':'Android','mobile':'maybe','model':{}}", "phone", "android", "14", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_PHONE "','sua':{'browsers':[7,null,{'brand':8}],'platform':{'brand':'Android','version':[{},null]}}", "phone", "android", "14", "chrome", "Google", "Pixel 8"},
    {"'ua':'" UA_REDUCED "','sua':{'platform':{'brand':'Android','version':[13,0,0]}}", "phone", "android", "13", "chrome", NULL, NULL},
    {"'ua':'" UA_REDUCED "','sua':{'platform':{'brand':'Android','version':'13'}}", "phone", "android", "13", "chrome", NULL, NULL},
};

static const char openrtb[] = "{\"endpoints\":[{\"exchange\":\"openrtb\",\"name\":\"o\",\"path\":\"/openrtb/bid\"}]}";

/* The body stays until the next one: what is derived later is derived from it. */
static void ask_openrtb(const char *device)
{
    mb_buf_clear(&built);
    mb_xbuf_printf(&built, "{'id':'r','imp':[{'id':'1','banner':{'w':300,'h':250}}],'device':{%s}}%c", device, '\0');
    for (char *at = built.data; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    post("/openrtb/bid", NULL, built.data);
}

static void expect_field(const struct row *row, const char *what, struct mb_slice got, const char *expected)
{
    if (!mb_slice_eq(got, mb_slice_of(expected))) {
        fail_msg("%s is '%.*s', not '%s', for %s", what, MB_SLICE_ARG(got), expected ? expected : "", row->device);
    }
}

static void a_device_is_what_hints_and_agent_tell(void **state)
{
    size_t i;

    (void)state;
    open_bidder(openrtb);
    load_members("bid = function() return nobid 'x' end");
    for (i = 0; i < ROWS(rows); i++) {
        const struct mb_device *device;

        ask_openrtb(rows[i].device);
        assert_non_null(mb_bidder_request(bidder));
        device = &mb_bidder_request(bidder)->device;
        expect_field(&rows[i], "type", mb_later(device->later, &device->type), rows[i].type);
        expect_field(&rows[i], "os", mb_later(device->later, &device->os), rows[i].os);
        expect_field(&rows[i], "os_version", mb_later(device->later, &device->os_version), rows[i].version);
        expect_field(&rows[i], "browser", mb_later(device->later, &device->browser), rows[i].browser);
        expect_field(&rows[i], "make", mb_later(device->later, &device->make), rows[i].make);
        expect_field(&rows[i], "model", mb_later(device->later, &device->model), rows[i].model);
    }
}

/* What is left to do after a request: the device, the place, both, nothing. */
static void what_nobody_reads_is_not_worked_out(void **state)
{
    static const struct {
        const char *members;
        bool device_left, place_left;
    } reads[] = {
        {"bid = function() return nobid 'x' end", true, true},
        {"bid = function(ctx, req) return nobid(req.device.ua and req.device.ip and 'x') end", true, true},
        {"bid = function(ctx, req) return nobid(req.device.os) end", false, true},
        {"bid = function(ctx, req) return nobid(req.device.model and 'x') end", false, true},
        {"bid = function(ctx, req) return nobid(req.geo.country:lower()) end", true, false},
        {"target = { device = { 'tv' } }, bid = function() end", false, true},
        {"target = { browser = { 'edge' } }, bid = function() end", false, true},
        {"target = { country = { 'FR' } }, bid = function() end", true, false},
        {"target = { exclude = { os = { 'android' } } }, bid = function() end", false, true},
        /* the country ends it before the device is asked for */
        {"target = { country = { 'FR' }, device = { 'phone' } }, bid = function() end", true, false},
        /* a bid's token has the country */
        {"bid = function() return { price = 1, " BANNER_BID " } end", true, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ROWS(reads); i++) {
        load_members(reads[i].members);
        ask_banner();
        if ((bidder->device_later.fill != NULL) != reads[i].device_left ||
            (bidder->place_later.fill != NULL) != reads[i].place_left) {
            fail_msg("%s: device %s, place %s", reads[i].members, bidder->device_later.fill ? "left" : "worked out",
                     bidder->place_later.fill ? "left" : "worked out");
        }
    }
}

/* Targets know exactly the words that the rules of devices can say. */
static void targets_and_rules_have_the_same_words(void **state)
{
    static const struct {
        enum mb_geo_part part;
        enum mb_target_key key;
    } lists[] = {{MB_GEO_TYPE, MB_TARGET_DEVICE}, {MB_GEO_OS, MB_TARGET_OS}, {MB_GEO_BROWSER, MB_TARGET_BROWSER}};
    size_t l, i;

    (void)state;
    for (l = 0; l < ROWS(lists); l++) {
        const char *const *names = mb_device_names(lists[l].key), *const *name;
        const char *value;

        for (i = 0; (value = mb_geo_device_value(lists[l].part, i)); i++) {
            for (name = names; *name && strcmp(*name, value) != 0; name++) {
            }
            if (!*name) {
                fail_msg("a rule says '%s', which no target may name", value);
            }
        }
        for (name = names; *name; name++) {
            for (i = 0; (value = mb_geo_device_value(lists[l].part, i)) && strcmp(*name, value) != 0; i++) {
            }
            if (!value) {
                fail_msg("a target may name '%s', which no rule says", *name);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_device_is_what_hints_and_agent_tell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_reads_is_not_worked_out, set_up, tear_down),
        cmocka_unit_test(targets_and_rules_have_the_same_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
