/* Every request of the public test material that is OpenRTB or Xandr's platform protocol, as a document: the file, then
 * all that the codec makes of it. A line that is not there says that nothing was filled in. What is no JSON is refused
 * with its position. Skipped as a whole (77) where the material is not there.
 */
#include "wire_kit.h"

#define SPEC "openrtb-spec/openrtb2/testdata/bid-request/"
#define XANDR "xandr-samples/"

static const struct mb_rate_of rate_rows[] = {{KIT_SLICE("USD"), {1000000}}, {KIT_SLICE("EUR"), {1080000}}};
static const struct mb_rates rates = {rate_rows, 2};

static const struct mb_endpoint openrtb = {
    .name = KIT_SLICE("ortb"),
    .path = KIT_SLICE("/openrtb/bid"),
    .exchange = MB_EXCHANGE_OPENRTB,
    .currency = KIT_SLICE("USD"),
    .rate = {1000000},
    .timeout_ms = 300,
};

/* One endpoint takes both of Xandr's protocols. */
static const struct mb_endpoint xandr = {
    .name = KIT_SLICE("xandr-fra"),
    .path = KIT_SLICE("/xandr"),
    .exchange = MB_EXCHANGE_XANDR,
    .dialect = MB_DIALECT_XANDR,
    .currency = KIT_SLICE("USD"),
    .rate = {1000000},
    .timeout_ms = 300,
};

struct row {
    const char *file;
    const struct mb_endpoint *endpoint;
    enum mb_exchange protocol;
    const char *decoded;
};

/* The file's bytes in the arena. */
static struct mb_slice sample(const char *file)
{
    struct mb_slice body = kit_read_sample(file);
    if (!mb_slice_present(body)) {
        fail_msg("%s is missing", file);
    }
    struct mb_slice kept = mb_xarena_copy(&kit_arena, body);
    free((void *)(uintptr_t)body.data);
    return kept;
}

static int decode(const struct mb_endpoint *endpoint, enum mb_exchange protocol, struct mb_slice body,
                  struct mb_request *out, struct mb_error *err)
{
    struct mb_wire_in in = kit_post(endpoint, NULL, body);
    in.rates = &rates;
    return mb_exchange_codec(protocol)->decode_request(&in, out, err);
}

static void expect(const struct row *rows, size_t count)
{
    struct mb_buf buf = {0};
    for (size_t i = 0; i < count; i++) {
        struct mb_request request = {0};
        struct mb_error err = {0};
        if (decode(rows[i].endpoint, rows[i].protocol, sample(rows[i].file), &request, &err) != 0) {
            fail_msg("%s: %s: %s", rows[i].file, err.where, err.what);
        }
        kit_same(rows[i].file, kit_dump_request(&buf, &request), rows[i].decoded);
        mb_arena_reset(&kit_arena);
    }
    mb_buf_fini(&buf);
}

static void the_specifications_requests(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {SPEC "2.5/simple-banner.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=80ce30c53c16e6ede735f123ef6e32361bfc7b22\n"
         "currency=USD\n"
         "at=1\n"
         "timeout_ms=300\n"
         "site.id=102855\n"
         "site.domain=www.foobar.com\n"
         "site.page=http://www.foobar.com/1234.html\n"
         "site.publisher_id=8953\n"
         "site.categories=IAB3-1\n"
         "device.ip=123.145.167.10\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_6_8) AppleWebKit/537.13 (KHTML, like Gecko) "
         "Version/5.1.7 Safari/534.57.2\n"
         "user.id=55816b39711f9b5acf3b90e313ed29e51665623f\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=300x250\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"},
        {SPEC "2.5/expandable-creative.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=123456789316e6ede735f123ef6e32361bfc7b22\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=300\n"
         "site.id=102855\n"
         "site.domain=www.foobar.com\n"
         "site.page=http://www.foobar.com/1234.html\n"
         "site.publisher_id=8953\n"
         "site.categories=IAB3-1\n"
         "device.ip=123.145.167.10\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_6_8) AppleWebKit/537.13 (KHTML, like Gecko) "
         "Version/5.1.7 Safari/534.57.2\n"
         "user.id=55816b39711f9b5acf3b90e313ed29e51665623f\n"
         "user.buyer_id=545678765467876567898765678987654\n"
         "user.segments=12341318394918|1234131839491234|23423424\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=300x250\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"},
        {SPEC "2.5/mobile.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=IxexyLDIIk\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=300\n"
         "site.publisher_id=agltb3B1Yi1pbmNyDAsSA0FwcBiJkfTUCV\n"
         "site.categories=IAB15|IAB15-10\n"
         "app.id=agltb3B1Yi1pbmNyDAsSA0FwcBiJkfIUDA\n"
         "app.bundle=12345\n"
         "app.name=Yahoo Weather\n"
         "device.ip=123.145.167.189\n"
         "device.ua=Mozilla/5.0 (iPhone; CPU iPhone OS 6_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like "
         "Gecko) Version/5.1 Mobile/9A334 Safari/7534.48.3\n"
         "device.os=ios\n"
         "device.os_version=6.1\n"
         "device.make=Apple\n"
         "device.model=iPhone\n"
         "device.language=en\n"
         "geo.country=US\n"
         "geo.region=CA\n"
         "geo.city=Los Angeles\n"
         "geo.zip=90049\n"
         "geo.lat=35.012345\n"
         "geo.lon=-115.12345\n"
         "user.id=ffffffd5135596709273b3a1a07e466ea2bf4fff\n"
         "user.gender=M\n"
         "user.year_of_birth=1984\n"
         "blocked.categories=IAB25|IAB7-39|IAB8-18|IAB8-5|IAB9-9\n"
         "blocked.domains=apple.com|go-text.me|heywire.com\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=728x90\n"
         "floor=0.5\n"
         "floor_wire=0.5\n"
         "currency_wire=USD\n"
         "tag_id=agltb3B1Yi1pbmNyDQsSBFNpdGUY7fD0FAw\n"
         "position=above\n"
         "imp 1 format=banner\n"
         "id=2\n"
         "floor=0.5\n"
         "floor_wire=0.5\n"
         "currency_wire=USD\n"
         "tag_id=agltb3B1Yi1pbmNyDQsSBFNpdGUY7fD0FAwa\n"
         "interstitial=1\n"},
        {SPEC "2.5/video.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=1234567893\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=120\n"
         "site.id=1345135123\n"
         "site.domain=siteabcd.com\n"
         "site.page=http://siteabcd.com/page.htm\n"
         "site.name=Site ABCD\n"
         "site.referrer=http://referringsite.com/referringpage.htm\n"
         "site.publisher_id=pub12345\n"
         "site.categories=IAB2-1|IAB2-2\n"
         "device.ip=64.124.253.1\n"
         "device.ua=Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; en-US; rv:1.9.2.16) Gecko/20110319 "
         "Firefox/3.6.16\n"
         "device.os=macos\n"
         "user.id=456789876567897654678987656789\n"
         "user.buyer_id=545678765467876567898765678987654\n"
         "user.segments=12341318394918|1234131839491234\n"
         "imp 0 format=video\n"
         "id=1\n"
         "size=640x480\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"
         "position=above\n"},
        {SPEC "2.5/pmp-with-direct-deal.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=80ce30c53c16e6ede735f123ef6e32361bfc7b22\n"
         "currency=USD\n"
         "at=1\n"
         "timeout_ms=300\n"
         "site.id=102855\n"
         "site.domain=www.foobar.com\n"
         "site.page=http://www.foobar.com/1234.html\n"
         "site.publisher_id=8953\n"
         "site.categories=IAB3-1\n"
         "device.ip=123.145.167.10\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_6_8) AppleWebKit/537.13 (KHTML, like Gecko) "
         "Version/5.1.7 Safari/534.57.2\n"
         "user.id=55816b39711f9b5acf3b90e313ed29e51665623f\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=300x250\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"
         "deals=AB-Agency1-0001|XY-Agency2-0001\n"
         "deal_floor=2.5\n"
         "deal_floor=2\n"
         "deals_only=1\n"},
        {SPEC "2.5/native-ad.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=80ce30c53c16e6ede735f123ef6e32361bfc7b22\n"
         "currency=USD\n"
         "at=1\n"
         "timeout_ms=300\n"
         "site.id=102855\n"
         "site.domain=www.foobar.com\n"
         "site.page=http://www.foobar.com/1234.html\n"
         "site.publisher_id=8953\n"
         "site.categories=IAB3-1\n"
         "device.ip=123.145.167.10\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_6_8) AppleWebKit/537.13 (KHTML, like Gecko) "
         "Version/5.1.7 Safari/534.57.2\n"
         "user.id=55816b39711f9b5acf3b90e313ed29e51665623f\n"
         "imp 0 format=native\n"
         "id=1\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"
         "native_in_root=1\n"},
        {SPEC "2.6/simple-banner.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=80ce30c53c16e6ede735f123ef6e32361bfc7b22\n"
         "currency=USD\n"
         "at=1\n"
         "timeout_ms=300\n"
         "site.id=102855\n"
         "site.domain=www.foobar.com\n"
         "site.page=http://www.foobar.com/1234.html\n"
         "site.publisher_id=8953\n"
         "site.categories=IAB3-1\n"
         "user.id=55816b39711f9b5acf3b90e313ed29e51665623f\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=300x250\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"},
        {SPEC "2.6/expandable-creative.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=123456789316e6ede735f123ef6e32361bfc7b22\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=300\n"
         "site.id=102855\n"
         "site.domain=www.foobar.com\n"
         "site.page=http://www.foobar.com/1234.html\n"
         "site.publisher_id=8953\n"
         "site.categories=IAB3-1\n"
         "user.id=55816b39711f9b5acf3b90e313ed29e51665623f\n"
         "user.buyer_id=545678765467876567898765678987654\n"
         "user.segments=30-40\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=300x250\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"},
        {SPEC "2.6/mobile.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=IxexyLDIIk\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=300\n"
         "site.publisher_id=agltb3B1Yi1pbmNyDAsSA0FwcBiJkfTUCV\n"
         "site.categories=IAB15|IAB15-10\n"
         "app.id=agltb3B1Yi1pbmNyDAsSA0FwcBiJkfIUDA\n"
         "app.bundle=12345\n"
         "app.name=Yahoo Weather\n"
         "device.ua=Mozilla/5.0 (iPhone; CPU iPhone OS 6_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like "
         "Gecko) Version/5.1 Mobile/9A334 Safari/7534.48.3\n"
         "device.os=ios\n"
         "device.os_version=6.1\n"
         "device.make=Apple\n"
         "device.model=iPhone\n"
         "device.language=en\n"
         "user.id=ffffffd5135596709273b3a1a07e466ea2bf4fff\n"
         "blocked.categories=IAB25|IAB7-39|IAB8-18|IAB8-5|IAB9-9\n"
         "blocked.domains=apple.com|go-text.me|heywire.com\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=728x90\n"
         "floor=0.5\n"
         "floor_wire=0.5\n"
         "currency_wire=USD\n"
         "tag_id=agltb3B1Yi1pbmNyDQsSBFNpdGUY7fD0FAw\n"
         "position=above\n"},
        {SPEC "2.6/video.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=1234567893\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=120\n"
         "site.id=1345135123\n"
         "site.domain=siteabcd.com\n"
         "site.page=http://siteabcd.com/page.htm\n"
         "site.name=Site ABCD\n"
         "site.referrer=http://referringsite.com/referringpage.htm\n"
         "site.publisher_id=pub12345\n"
         "site.categories=IAB2-1|IAB2-2\n"
         "device.ua=Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; en-US; rv:1.9.2.16) Gecko/20110319 "
         "Firefox/3.6.16\n"
         "device.os=macos\n"
         "user.id=456789876567897654678987656789\n"
         "user.buyer_id=545678765467876567898765678987654\n"
         "user.segments=12341318394918|1234131839491234\n"
         "imp 0 format=video\n"
         "id=1\n"
         "size=640x480\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"
         "position=above\n"},
        {SPEC "2.6/pmp-with-direct-deal.json", &openrtb, MB_EXCHANGE_OPENRTB,
         "id=80ce30c53c16e6ede735f123ef6e32361bfc7b22\n"
         "currency=USD\n"
         "at=1\n"
         "timeout_ms=300\n"
         "site.id=102855\n"
         "site.domain=www.foobar.com\n"
         "site.page=http://www.foobar.com/1234.html\n"
         "site.publisher_id=8953\n"
         "site.categories=IAB3-1\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_6_8) AppleWebKit/537.13 (KHTML, like Gecko) "
         "Version/5.1.7 Safari/534.57.2\n"
         "user.id=55816b39711f9b5acf3b90e313ed29e51665623f\n"
         "imp 0 format=banner\n"
         "id=1\n"
         "size=300x250\n"
         "floor=0.03\n"
         "floor_wire=0.03\n"
         "currency_wire=USD\n"
         "deals=AB-Agency1-0001|XY-Agency2-0001\n"
         "deal_floor=2.5\n"
         "deal_floor=2\n"
         "deals_only=1\n"},
    };
    expect(rows, sizeof rows / sizeof rows[0]);
}

static void xandrs_openrtb_requests(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {XANDR "outgoing-bid-request-to-bidders.imp.2.json", &xandr, MB_EXCHANGE_OPENRTB,
         "id=123456789\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=2000\n"
         "seats=1234\n"
         "schain=...\n"
         "app.id=1234\n"
         "app.bundle=com.news.example\n"
         "device.ip=198.51.100.2\n"
         "device.ua=iPad; OS like Mac OS X; iOS 9.2; STR 2.2.4\n"
         "device.make=Apple\n"
         "device.model=iPad\n"
         "geo.country=US\n"
         "geo.city=Wilmington\n"
         "geo.zip=01887\n"
         "user.id=2233445566\n"
         "user.segments=1\n"
         "user.data={}\n"
         "imp 0 format=native\n"
         "id=987654321\n"
         "estimated_price=11.644\n"
         "currency_wire=USD\n"},
        {XANDR "outgoing-bid-request-to-bidders.imp.3.json", &xandr, MB_EXCHANGE_OPENRTB,
         "id=914181541748747384\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=100\n"
         "regs.coppa=0\n"
         "seats=3456\n"
         "schain=...\n"
         "site.publisher_id=123567\n"
         "app.id=3840770\n"
         "app.bundle=no.funapp.android\n"
         "app.name=FunAPP\n"
         "device.ip=123.23.100.5\n"
         "device.ua=Mozilla/5.0 (Linux; Android 9; SM-G965F Build/PPR1.180610.011; wv) AppleWebKit/537.36 "
         "(KHTML, like Gecko) Version/4.0 Chrome/74.0.3729.157 Mobile Safari/537.36\n"
         "device.type=phone\n"
         "device.os=android\n"
         "device.make=Samsung\n"
         "device.model=SM-G965F\n"
         "geo.country=NO\n"
         "geo.region=02\n"
         "geo.city=Hakadal\n"
         "geo.zip=1487\n"
         "user.id=4038657820804547795\n"
         "user.buyer_id=S5670DGCSRG\n"
         "blocked.categories=IAB9-9|IAB8-5|IAB8-18\n"
         "blocked.domains=some_advertiser_domain.com\n"
         "imp 0 format=banner\n"
         "id=837746433617288491\n"
         "size=320x250\n"
         "size=1x1\n"
         "size=1x1\n"
         "estimated_price=10.72\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=12345678\n"
         "deals=345667|345678\n"
         "deal_floor=4\n"
         "deal_floor=3\n"
         "imp 1 format=native\n"
         "id=837746433617288491\n"
         "estimated_price=10.72\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=12345678\n"
         "deals=345667|345678\n"
         "deal_floor=4\n"
         "deal_floor=3\n"},
        {XANDR "outgoing-bid-request-to-bidders.imp.4.json", &xandr, MB_EXCHANGE_OPENRTB,
         "id=5698201228871522665\n"
         "currency=USD\n"
         "at=2\n"
         "timeout_ms=300\n"
         "site.id=346789\n"
         "site.domain=xandr.com\n"
         "site.page=xandr.com\n"
         "site.publisher_id=876543\n"
         "site.categories=IAB12|IAB12-2|IAB11-5\n"
         "device.ip=173.168.163.240\n"
         "device.ua=Mozilla/5.0 (Linux; Android 9; SAMSUNG SM-G950U) AppleWebKit/537.36 (KHTML, like Gecko) "
         "SamsungBrowser/10.1 Chrome/71.0.3578.99 Mobile Safari/537.36\n"
         "device.type=desktop\n"
         "device.os=android\n"
         "device.make=Samsung\n"
         "device.model=SM-G950U\n"
         "device.language=en\n"
         "geo.country=US\n"
         "geo.region=FL\n"
         "geo.city=Tampa\n"
         "geo.zip=33617\n"
         "user.id=6535227187230073444\n"
         "user.buyer_id=a_dsp_user_id\n"
         "imp 0 format=banner\n"
         "id=13529449707735835\n"
         "size=300x250\n"
         "estimated_price=0.5\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=123456\n"
         "imp 1 format=banner\n"
         "id=2460698130037038280\n"
         "size=580x400\n"
         "size=580x500\n"
         "estimated_price=12.4\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=123457\n"
         "imp 2 format=banner\n"
         "id=5610871170052394076\n"
         "size=580x400\n"
         "size=580x500\n"
         "estimated_price=11.14\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=123478\n"
         "imp 3 format=banner\n"
         "id=9057531734780521319\n"
         "size=580x400\n"
         "size=580x500\n"
         "estimated_price=11.31\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=677\n"
         "imp 4 format=banner\n"
         "id=7953238633763561522\n"
         "size=160x600\n"
         "estimated_price=18.91\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=987345\n"
         "imp 5 format=banner\n"
         "id=6528429208551730965\n"
         "size=980x300\n"
         "size=580x400\n"
         "size=580x500\n"
         "estimated_price=8.58\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=34546\n"
         "imp 6 format=banner\n"
         "id=8731177004555232453\n"
         "size=160x600\n"
         "size=180x500\n"
         "size=180x700\n"
         "estimated_price=8.78\n"
         "currency_wire=USD\n"
         "secure=1\n"
         "tag_id=345637\n"},
    };
    expect(rows, sizeof rows / sizeof rows[0]);
}

static void xandrs_platform_requests(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {XANDR "bid-request.bid_request.1.json", &xandr, MB_EXCHANGE_XANDR,
         "id=8984480746668973000\n"
         "currency=USD\n"
         "timeout_ms=100\n"
         "site.domain=foodandwine.com\n"
         "site.page=https://www.foodandwine.com/recipes/\n"
         "site.categories=39\n"
         "device.ip=96.246.152.18\n"
         "device.ua=Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.5; en-US;rv:1.9.0.3) Gecko/2008092414 "
         "Firefox/3.0.3\n"
         "device.language=en\n"
         "geo.country=US\n"
         "geo.region=NY\n"
         "geo.city=New York\n"
         "geo.zip=10014\n"
         "user.id=2987961585469200400\n"
         "user.segments=103\n"
         "imp 0 format=banner\n"
         "id=8984480746668973000\n"
         "size=728x90\n"
         "floor=1\n"
         "floor_wire=1\n"
         "currency_wire=USD\n"
         "tag_id=13\n"
         "members=6|12\n"},
        {XANDR "bid-request.bid_request.2.json", &xandr, MB_EXCHANGE_XANDR,
         "id=1704399148337927200\n"
         "currency=USD\n"
         "timeout_ms=200\n"
         "site.id=188164\n"
         "site.domain=www.foodandwine.com\n"
         "site.page=https://www.foodandwine.com/recipes/\n"
         "site.publisher_id=89400\n"
         "device.ip=207.27.32.2\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_7_4) AppleWebKit/537.1 (KHTML, like Gecko) "
         "Chrome/21.0.1180.89 Safari/537.1\n"
         "device.language=en\n"
         "geo.country=US\n"
         "geo.region=NY\n"
         "geo.city=New York\n"
         "user.id=488125638053592500\n"
         "user.data={}\n"
         "imp 0 format=banner\n"
         "id=1704399148337927200\n"
         "size=120x600\n"
         "estimated_price=1.43206\n"
         "currency_wire=USD\n"
         "tag_id=624139\n"
         "members=1513\n"
         "imp 1 format=banner\n"
         "id=3898100382999990000\n"
         "size=5x6\n"
         "estimated_price=2.07576\n"
         "currency_wire=USD\n"
         "tag_id=624139\n"
         "members=1513\n"},
        {XANDR "bid-request.bid_request.3.json", &xandr, MB_EXCHANGE_XANDR,
         "id=5638094169507807000\n"
         "currency=USD\n"
         "timeout_ms=2000\n"
         "site.id=173564\n"
         "site.publisher_id=81242\n"
         "app.id=2ac11907-8e3b-4b9b-b803-2ac834fa559a\n"
         "device.ip=131.107.0.83\n"
         "device.ua=Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)\n"
         "device.language=en\n"
         "geo.country=US\n"
         "geo.zip=10016\n"
         "geo.lat=38.7875232696533\n"
         "geo.lon=-77.2614831924438\n"
         "user.id=5725700387444723000\n"
         "user.gender=male\n"
         "user.year_of_birth=1997\n"
         "user.data={\"frequency\":[[\"r\",101,1,1,1,1303349386],[\"r\",102,1,1,1,1303349386]],"
         "\"last_imp_time\":1303349386,\"version\":4,\"pixel\":[],\"impserved\":45}\n"
         "imp 0 format=banner\n"
         "id=5638094169507807000\n"
         "size=728x90\n"
         "estimated_price=1.24481\n"
         "currency_wire=USD\n"
         "tag_id=583751\n"
         "members=307|308\n"},
        {XANDR "bid-request.bid_request.4.json", &xandr, MB_EXCHANGE_XANDR,
         "id=7310650419817444682\n"
         "test=1\n"
         "currency=USD\n"
         "timeout_ms=2000\n"
         "site.id=188163\n"
         "site.domain=foodandwine.com\n"
         "site.page=https://www.foodandwine.com/recipes/\n"
         "device.ip=68.67.167.12\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_6_8) AppleWebKit/535.19 (KHTML, like Gecko) "
         "Chrome/18.0.1025.163 Safari/535.19\n"
         "device.language=en\n"
         "geo.country=US\n"
         "geo.region=NY\n"
         "geo.city=New York\n"
         "geo.zip=10003\n"
         "user.id=7994340253645703000\n"
         "user.data={}\n"
         "imp 0 format=banner\n"
         "id=7310650419817444682\n"
         "size=300x250\n"
         "estimated_price=1\n"
         "currency_wire=USD\n"
         "members=123\n"},
        {XANDR "bid-request.bid_request.5.json", &xandr, MB_EXCHANGE_XANDR,
         "id=5555508250840351000\n"
         "test=1\n"
         "currency=USD\n"
         "timeout_ms=2000\n"
         "site.id=555526\n"
         "site.publisher_id=555547\n"
         "device.ip=555.1.12.54\n"
         "device.ua=Mozilla/5.0 (Macintosh; Intel Mac OS X 10_8_2) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/34.0.1847.116 Safari/537.36\n"
         "device.type=desktop\n"
         "device.language=en\n"
         "geo.country=US\n"
         "user.id=5555037017052493000\n"
         "user.segments=1\n"
         "user.data={}\n"
         "blocked.attributes=2033\n"
         "imp 0 format=banner\n"
         "id=5555508250840351000\n"
         "size=300x250\n"
         "estimated_price=0.913\n"
         "currency_wire=USD\n"
         "tag_id=5555354\n"
         "members=1417\n"
         "deals=555664\n"},
    };
    expect(rows, sizeof rows / sizeof rows[0]);
}

static void what_is_printed_wrong_is_refused_with_its_position(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int64_t at; /* of the first byte that cannot stand there */
    } rows[] = {
        {XANDR "outgoing-bid-request-to-bidders.imp.1.invalid.json", 2544}, /* "wseat": ["1234",..., "9988"] */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mb_request request = {0};
        struct mb_error err = {.at = -1};
        assert_int_equal(decode(&xandr, MB_EXCHANGE_OPENRTB, sample(rows[i].file), &request, &err), MB_ESYNTAX);
        assert_int_equal(err.at, rows[i].at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_specifications_requests, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(xandrs_openrtb_requests, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(xandrs_platform_requests, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(what_is_printed_wrong_is_refused_with_its_position, kit_setup, kit_teardown),
    };
    struct mb_slice probe = kit_read_sample("README.md");
    if (!mb_slice_present(probe)) {
        printf("skipped: no public test material in %s\n", SHARED_DATA);
        return 77;
    }
    free((void *)(uintptr_t)probe.data);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
