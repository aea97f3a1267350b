/* test_config.c - the config document over its defaults: every key, and what is refused with its path. */
#include "support.h"

static struct mb_config *c;
static struct mb_error err;

static int read_config(const char *json)
{
    struct mb_doc *document = NULL;
    int rc;

    mb_config_free(c);
    c = NULL;
    err = (struct mb_error){0};
    if (mb_doc_parse(mb_slice_of(json), &document, &err)) {
        fail_msg("no JSON: %s", json);
    }
    rc = mb_config_from_doc(document, &c, &err);
    mb_doc_free(document);
    return rc;
}

static void accept(const char *json)
{
    if (read_config(json)) {
        fail_msg("%s\nrefused: %s: %s", json, err.where, err.what);
    }
}

static int tear_down_config(void **state)
{
    (void)state;
    mb_config_free(c);
    c = NULL;
    return 0;
}

/* http-api.md section 3: the values of the commented example are the defaults. */
static void an_empty_table_is_the_defaults(void **state)
{
    (void)state;
    accept("{}");
    assert_int_equal(c->listen.count, 1);
    expect_slice(c->listen.items[0], "127.0.0.1:8080", "listen");
    expect_text(c->admin, "127.0.0.1:9090", "admin");
    assert_null(c->admin_token);
    assert_int_equal(c->workers, 0);
    expect_text(c->scripts, "scripts", "scripts");
    expect_text(c->data, "var", "data");
    expect_text(c->timezone, "UTC", "timezone");
    expect_slice(c->currency, "USD", "currency");
    expect_slice(c->notice_url, "http://127.0.0.1:8080", "notice_url");
    assert_int_equal(c->notice_keys.count, 1);
    expect_slice(c->notice_keys.items[0], "file:var/notice.key", "notice_keys");
    assert_null(c->geoip);
    assert_int_equal(c->trusted_proxies.count, 0);
    assert_int_equal(c->header_bytes, 16384);
    assert_int_equal(c->body_bytes, 262144);
    assert_int_equal(c->connections, 20000);
    assert_int_equal(c->backlog_ms, 50);
    assert_int_equal(c->idle_ms, 150000);
    assert_int_equal(c->header_ms, 10000);
    assert_int_equal(c->body_ms, 10000);
    assert_int_equal(c->script_cpu_ms, 5);
    assert_int_equal(c->script_memory_mb, 64);
    assert_int_equal(c->script_hard_ms, 250);
}

static void three_endpoints_are_there_by_default(void **state)
{
    static const struct {
        const char *name, *path;
        enum mb_exchange exchange;
        uint32_t timeout_ms, margin_ms;
    } rows[] = {
        {"exoclick", "/exoclick/bid", MB_EXCHANGE_EXOCLICK, 300, 50},
        {"xandr", "/xandr", MB_EXCHANGE_XANDR, 100, 20},
        {"openrtb", "/openrtb/bid", MB_EXCHANGE_OPENRTB, 120, 20},
    };

    (void)state;
    accept("{}");
    assert_int_equal(c->n_endpoints, ROWS(rows));
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct mb_endpoint *e = mb_config_endpoint(c, mb_slice_of(rows[i].name));

        assert_ptr_equal(e, &c->endpoints[i]);
        expect_slice(e->path, rows[i].path, rows[i].name);
        expect_slice(e->currency, "USD", rows[i].name);
        assert_int_equal(e->exchange, rows[i].exchange);
        assert_int_equal(e->rate.millionths, 1000000);
        assert_int_equal(e->timeout_ms, rows[i].timeout_ms);
        assert_int_equal(e->margin_ms, rows[i].margin_ms);
        assert_int_equal(e->allow.count, 0);
        assert_int_equal(e->index, i);
        assert_int_equal(e->dialect, rows[i].exchange == MB_EXCHANGE_XANDR ? MB_DIALECT_XANDR : MB_DIALECT_GENERIC);
        assert_false(e->books_on_win);
    }
    assert_null(mb_config_endpoint(c, MB_SLICE("none")));
}

static void every_key_is_taken(void **state)
{
    (void)state;
    accept("{\"listen\":[\"10.0.0.1:80\",\"[::]:81\"],\"admin\":\"10.0.0.1:90\",\"admin_token\":\"secret\",\"workers\":3,"
           "\"scripts\":\"s\",\"data\":\"d\",\"timezone\":\"Europe/Berlin\",\"currency\":\"EUR\",\"rates\":{\"USD\":0.925},"
           "\"notice_url\":\"https://n.example/\",\"click_url\":\"https://k.example/x/\",\"pixel_url\":\"https://p.example/\",\"notice_keys\":[\"file:a\",\"file:b\"],"
           "\"geoip\":\"g.mmdb\",\"trusted_proxies\":[\"10.0.0.0/8\"],\"user\":\"moonbid\","
           "\"endpoints\":[{\"name\":\"e\",\"path\":\"/e\",\"exchange\":\"exoclick\",\"currency\":\"USD\","
           "\"tokens\":{\"z\":\"zone_id\"},\"timeout_ms\":200,\"margin_ms\":0,\"hold\":{\"cpc\":\"2d\"},\"allow\":[\"192.0.2.0/24\"]},"
           "{\"name\":\"x\",\"path\":\"/x\",\"exchange\":\"xandr\",\"member\":\"958\"}],"
           "\"limits\":{\"header_bytes\":2048,\"body_bytes\":4096,\"connections\":5,\"idle\":\"1s\",\"header\":\"250ms\","
           "\"body\":\"2m\",\"grace\":\"3s\"},\"script\":{\"cpu_ms\":6,\"memory_mb\":7,\"hard_ms\":80}}");
    assert_int_equal(c->listen.count, 2);
    expect_slice(c->listen.items[1], "[::]:81", "listen");
    expect_text(c->admin, "10.0.0.1:90", "admin");
    expect_text(c->admin_token, "secret", "admin_token");
    assert_int_equal(c->workers, 3);
    expect_text(c->scripts, "s", "scripts");
    expect_text(c->data, "d", "data");
    expect_text(c->timezone, "Europe/Berlin", "timezone");
    expect_slice(c->currency, "EUR", "currency");
    expect_slice(c->notice_url, "https://n.example", "notice_url");
    expect_slice(c->click_url, "https://k.example/x", "click_url");
    expect_slice(c->pixel_url, "https://p.example", "pixel_url");
    assert_int_equal(c->notice_keys.count, 2);
    expect_text(c->geoip, "g.mmdb", "geoip");
    assert_int_equal(c->trusted_proxies.count, 1);
    expect_text(c->user, "moonbid", "user");
    assert_int_equal(c->n_endpoints, 2);
    expect_slice(mb_pairs_get(c->endpoints[0].tokens, MB_SLICE("z")), "zone_id", "tokens");
    assert_int_equal(c->endpoints[0].rate.millionths, 925000);
    assert_int_equal(c->endpoints[0].timeout_ms, 200);
    assert_int_equal(c->endpoints[0].margin_ms, 0);
    assert_int_equal(c->endpoints[0].hold_cpm_ms, 3600000);
    assert_int_equal(c->endpoints[0].hold_cpc_ms, 2 * 86400000);
    assert_int_equal(c->endpoints[0].allow.count, 1);
    expect_slice(c->endpoints[1].member, "958", "member");
    expect_slice(c->endpoints[1].currency, "EUR", "the house currency is Xandr's where none is named");
    assert_int_equal(c->endpoints[1].rate.millionths, 1000000);
    assert_int_equal(c->header_bytes, 2048);
    assert_int_equal(c->body_bytes, 4096);
    assert_int_equal(c->connections, 5);
    assert_int_equal(c->idle_ms, 1000);
    assert_int_equal(c->header_ms, 250);
    assert_int_equal(c->body_ms, 120000);
    assert_int_equal(c->grace_ms, 3000);
    assert_int_equal(c->script_cpu_ms, 6);
    assert_int_equal(c->script_memory_mb, 7);
    assert_int_equal(c->script_hard_ms, 80);
}

struct refusal {
    const char *json;
    const char *where; /* the key's path */
    const char *what;  /* a part of the text: what was expected */
};

static void refuse_all(const struct refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (read_config(rows[i].json) != MB_EINVAL) {
            fail_msg("taken: %s", rows[i].json);
        }
        assert_null(c);
        if (strcmp(err.where, rows[i].where) != 0 || !strstr(err.what, rows[i].what)) {
            fail_msg("%s\ngot '%s: %s', expected '%s: ...%s...'", rows[i].json, err.where, err.what, rows[i].where,
                     rows[i].what);
        }
    }
}

static void unknown_keys_are_refused_with_their_path(void **state)
{
    static const struct refusal rows[] = {
        {"{\"liste\":1}", "liste", "unknown key"},
        {"{\"Listen\":[\"127.0.0.1:1\"]}", "Listen", "unknown key"},
        {"{\"limits\":{\"bodies\":1}}", "limits.bodies", "unknown key"},
        {"{\"script\":{\"cpu\":1}}", "script.cpu", "unknown key"},
        {"{\"endpoints\":[{\"name\":\"a\",\"path\":\"/a\",\"exchange\":\"xandr\"},{\"timeout\":3}]}", "endpoints[2].timeout",
         "unknown key"},
    };

    (void)state;
    refuse_all(rows, ROWS(rows));
}

static void wrong_types_are_refused_with_their_path(void **state)
{
    static const struct refusal rows[] = {
        {"[\"listen\"]", "", "table with named keys"},
        {"{\"listen\":\"127.0.0.1:8080\"}", "listen", "list"},
        {"{\"listen\":[]}", "listen", "list"},
        {"{\"listen\":[1]}", "listen", "text"},
        {"{\"listen\":[\"\"]}", "listen", "text"},
        {"{\"admin\":9090}", "admin", "text"},
        {"{\"admin\":\"\"}", "admin", "not empty"},
        {"{\"admin_token\":7}", "admin_token", "text"},
        {"{\"scripts\":[\"a\"]}", "scripts", "text"},
        {"{\"data\":true}", "data", "text"},
        {"{\"timezone\":1}", "timezone", "text"},
        {"{\"geoip\":{}}", "geoip", "text"},
        {"{\"user\":0}", "user", "text"},
        {"{\"notice_url\":1}", "notice_url", "text"},
        {"{\"click_url\":1}", "click_url", "text"},
        {"{\"pixel_url\":1}", "pixel_url", "text"},
        {"{\"notice_keys\":\"file:x\"}", "notice_keys", "list"},
        {"{\"trusted_proxies\":\"10.0.0.0/8\"}", "trusted_proxies", "list"},
        {"{\"trusted_proxies\":[\"10.0.0.0/8\",\"proxy\"]}", "trusted_proxies", "number 2"},
        {"{\"trusted_proxies\":[\"10.0.0.1/8\"]}", "trusted_proxies", "number 1"},
        {"{\"rates\":[1.5]}", "rates", "table"},
        {"{\"rates\":\"EUR\"}", "rates", "table"},
        {"{\"limits\":5}", "limits", "table"},
        {"{\"limits\":[16384]}", "limits", "table"},
        {"{\"script\":\"fast\"}", "script", "table"},
        {"{\"endpoints\":{}}", "endpoints", "list"},
        {"{\"endpoints\":\"xandr\"}", "endpoints", "list"},
        {"{\"endpoints\":[\"xandr\"]}", "endpoints[1]", "table"},
    };

    (void)state;
    refuse_all(rows, ROWS(rows));
}

static void empty_tables_say_nothing(void **state)
{
    static const char *const rows[] = {
        "{\"limits\":{}}", "{\"limits\":[]}", "{\"script\":[]}", "{\"rates\":{}}", "{\"rates\":[]}", "{\"trusted_proxies\":{}}",
        "[]", /* Lua does not tell an empty list from an empty table */
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        accept(rows[i]);
    }
}

static void numbers_have_a_range(void **state)
{
    static const struct {
        const char *table, *key;
        double least, most;
    } rows[] = {
        {NULL, "workers", 1, 1024},
        {"limits", "header_bytes", 1024, 1 << 20},
        {"limits", "body_bytes", 1024, 1 << 26},
        {"limits", "connections", 1, 1000000},
        {"limits", "backlog_ms", 1, 60000},
        {"script", "cpu_ms", 1, 1000},
        {"script", "memory_mb", 1, 65536},
        {"script", "hard_ms", 10, 60000},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct {
            double value;
            bool good;
        } values[] = {{rows[i].least, true},      {rows[i].most, true},          {rows[i].least - 1, false},
                      {rows[i].most + 1, false},  {-1, false},                   {rows[i].least + 0.5, false},
                      {4294967296.0 * 4, false},  {4294967296.0 + rows[i].least, false}};

        for (size_t k = 0; k < ROWS(values); k++) {
            char json[128], path[64];
            int rc;

            snprintf(json, sizeof(json), rows[i].table ? "{\"%s\":{\"%s\":%.1f}}" : "{\"%s%s\":%.1f}",
                     rows[i].table ? rows[i].table : "", rows[i].key, values[k].value);
            snprintf(path, sizeof(path), "%s%s%s", rows[i].table ? rows[i].table : "", rows[i].table ? "." : "", rows[i].key);
            rc = read_config(json);
            if (values[k].good ? rc != 0 : rc != MB_EINVAL || strcmp(err.where, path) != 0) {
                fail_msg("%s: %d at '%s' (%s)", json, rc, err.where, err.what);
            }
        }
    }
    assert_int_equal(read_config("{\"workers\":\"auto\"}"), 0);
    assert_int_equal(c->workers, 0);
    assert_int_equal(read_config("{\"workers\":\"two\"}"), MB_EINVAL);
    assert_int_equal(read_config("{\"workers\":true}"), MB_EINVAL);
}

static void durations_are_texts_with_a_unit(void **state)
{
    static const struct {
        const char *value;
        uint32_t ms; /* 0: refused */
    } rows[] = {
        {"\"250ms\"", 250}, {"\"90s\"", 90000}, {"\"15m\"", 900000}, {"\"24h\"", 86400000}, {"\"1d\"", 86400000},
        {"\"86400001ms\"", 0}, {"\"25h\"", 0},     {"\"2d\"", 0},      {"\"0s\"", 0},       {"\"10\"", 0},         {"\"-1s\"", 0},
        {"\"1.5s\"", 0},    {"\"s\"", 0},       {"\"1 s\"", 0},      {"\"1sec\"", 0},       {"\"\"", 0},
        {"10", 0},          {"true", 0},        {"\"99999999999999999999s\"", 0},
    };
    static const char *const names[] = {"idle", "header", "body", "grace"};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t k = 0; k < ROWS(names); k++) {
            char json[96], path[32];
            int rc;

            snprintf(json, sizeof(json), "{\"limits\":{\"%s\":%s}}", names[k], rows[i].value);
            snprintf(path, sizeof(path), "limits.%s", names[k]);
            rc = read_config(json);
            if (rows[i].ms ? rc != 0 : rc != MB_EINVAL || strcmp(err.where, path) != 0) {
                fail_msg("%s: %d at '%s'", json, rc, err.where);
            }
            if (rc == 0) {
                const uint32_t got[] = {c->idle_ms, c->header_ms, c->body_ms, c->grace_ms};

                assert_int_equal(got[k], rows[i].ms);
            }
        }
    }
}

#define XANDR(name, path) "{\"name\":\"" name "\",\"path\":\"" path "\",\"exchange\":\"xandr\"}"

static void impossible_endpoints_are_refused(void **state)
{
    static const char *const long_name = "{\"endpoints\":[" XANDR("abcdefghijklmnopqrstuvwxyz0123456", "/a") "]}";
    const struct refusal rows[] = {
        {"{\"endpoints\":[{}]}", "endpoints[1].exchange", "required"},
        {"{\"endpoints\":[{\"exchange\":\"google\"}]}", "endpoints[1].exchange", "'exoclick', 'xandr' or 'openrtb'"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"path\":\"/a\"}]}", "endpoints[1].name", "required"},
        {"{\"endpoints\":[" XANDR("Xandr", "/a") "]}", "endpoints[1].name", "a-z"},
        {long_name, "endpoints[1].name", "32"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\"}]}", "endpoints[1].path", "required"},
        {"{\"endpoints\":[" XANDR("a", "xandr") "]}", "endpoints[1].path", "'/'"},
        {"{\"endpoints\":[" XANDR("a", "/") "]}", "endpoints[1].path", "'/'"},
        {"{\"endpoints\":[{\"exchange\":\"exoclick\",\"name\":\"a\",\"path\":\"/a\"}]}", "endpoints[1].currency", "required"},
        {"{\"endpoints\":[{\"exchange\":\"exoclick\",\"name\":\"a\",\"path\":\"/a\",\"currency\":\"EUR\"}]}",
         "endpoints[1].currency", "no entry in rates"},
        {"{\"endpoints\":[" XANDR("a", "/a") "," XANDR("a", "/b") "]}", "endpoints[2].name", "endpoints[1]"},
        {"{\"endpoints\":[" XANDR("a", "/a") "," XANDR("b", "/b") "," XANDR("c", "/b") "]}", "endpoints[3].path",
         "endpoints[2]"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"timeout_ms\":1}]}", "endpoints[1].timeout_ms",
         "from 2"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"timeout_ms\":100,\"margin_ms\":100}]}",
         "endpoints[1].margin_ms", "less than timeout_ms (100)"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"hold\":{\"cpm\":\"5s\"}}]}",
         "endpoints[1].hold.cpm", "from '1m' to '7d'"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"hold\":{\"cpx\":\"5m\"}}]}",
         "endpoints[1].hold.cpx", "unknown key"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"hold\":\"1h\"}]}",
         "endpoints[1].hold", "expected a table"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"allow\":[]}]}", "endpoints[1].allow", "list"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"allow\":[\"x\"]}]}", "endpoints[1].allow",
         "networks"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"tokens\":{\"z\":1}}]}",
         "endpoints[1].tokens.z", "zone = 'zone_id'"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"tokens\":\"zone\"}]}", "endpoints[1].tokens",
         "table"},
        {"{\"endpoints\":[{\"exchange\":\"xandr\",\"name\":\"a\",\"path\":\"/a\",\"member\":958}]}", "endpoints[1].member",
         "text"},
    };

    (void)state;
    refuse_all(rows, ROWS(rows));
}

static void openrtb_alone_has_dialects(void **state)
{
#define END(more) "{\"endpoints\":[{\"name\":\"a\",\"path\":\"/a\",\"currency\":\"USD\",\"exchange\":" more "}]}"
    static const struct refusal refused[] = {
        {END("\"xandr\",\"dialect\":\"generic\""), "endpoints[1].dialect", "only for exchange = 'openrtb'"},
        {END("\"exoclick\",\"books_on\":\"win\""), "endpoints[1].books_on", "only for exchange = 'openrtb'"},
        {END("\"openrtb\",\"dialect\":\"google\""), "endpoints[1].dialect", "expected 'generic', 'exoclick' or 'xandr'"},
        {END("\"openrtb\",\"dialect\":\"openrtb\""), "endpoints[1].dialect", "expected 'generic', 'exoclick' or 'xandr'"},
        {END("\"openrtb\",\"books_on\":\"click\""), "endpoints[1].books_on", "'billing' or 'win'"},
        {END("\"openrtb\",\"dialect\":\"xandr\",\"books_on\":\"win\""), "endpoints[1].books_on", "generic"},
        {END("\"openrtb\",\"dialect\":\"exoclick\",\"books_on\":\"billing\""), "endpoints[1].books_on", "generic"},
        {END("\"openrtb\",\"no_bid\":\"200\""), "endpoints[1].no_bid", "expected '204' or 'nbr'"},
        {END("\"xandr\",\"no_bid\":\"nbr\""), "endpoints[1].no_bid", "only for exchange = 'openrtb'"},
        {END("\"openrtb\",\"price_encoding\":\"hex\""), "endpoints[1].price_encoding", "expected 'plain' or 'b64'"},
        {END("\"exoclick\",\"price_encoding\":\"b64\""), "endpoints[1].price_encoding", "only for"},
    };
    static const struct {
        const char *json;
        enum mb_dialect dialect;
        bool books_on_win;
    } taken[] = {
        {END("\"openrtb\""), MB_DIALECT_GENERIC, false},
        {END("\"openrtb\",\"dialect\":\"generic\""), MB_DIALECT_GENERIC, false},
        {END("\"openrtb\",\"books_on\":\"billing\""), MB_DIALECT_GENERIC, false},
        {END("\"openrtb\",\"books_on\":\"win\""), MB_DIALECT_GENERIC, true},
        {END("\"openrtb\",\"dialect\":\"exoclick\""), MB_DIALECT_EXOCLICK, false},
        {END("\"openrtb\",\"dialect\":\"xandr\""), MB_DIALECT_XANDR, true}, /* lua-api.md section 6 */
    };
#undef END

    (void)state;
    refuse_all(refused, ROWS(refused));
    for (size_t i = 0; i < ROWS(taken); i++) {
        accept(taken[i].json);
        assert_int_equal(c->endpoints[0].dialect, taken[i].dialect);
        assert_int_equal(c->endpoints[0].books_on_win, taken[i].books_on_win);
    }
}

static void openrtb_may_want_reasons_and_encoded_prices(void **state)
{
#define END(more) "{\"endpoints\":[{\"name\":\"a\",\"path\":\"/a\",\"exchange\":\"openrtb\"" more "}]}"
    static const struct {
        const char *json;
        bool says_why_not, price_in_base64, native_as_object;
    } taken[] = {
        {END(""), false, false, false},
        {END(",\"no_bid\":\"204\",\"price_encoding\":\"plain\",\"native_adm\":\"text\""), false, false, false},
        {END(",\"no_bid\":\"nbr\""), true, false, false},
        {END(",\"dialect\":\"exoclick\",\"price_encoding\":\"b64\""), false, true, false},
        {END(",\"native_adm\":\"object\""), false, false, true},
    };
#undef END

    (void)state;
    for (size_t i = 0; i < ROWS(taken); i++) {
        accept(taken[i].json);
        assert_int_equal(c->endpoints[0].says_why_not, taken[i].says_why_not);
        assert_int_equal(c->endpoints[0].price_in_base64, taken[i].price_in_base64);
        assert_int_equal(c->endpoints[0].native_as_object, taken[i].native_as_object);
    }
}

/* What ExoClick's pages leave open has a switch each. */
static void exoclick_has_switches_for_what_is_not_known(void **state)
{
#define END(more) "{\"endpoints\":[{\"name\":\"a\",\"path\":\"/a\",\"currency\":\"USD\",\"exchange\":\"exoclick\"" more "}]}"
    static const struct refusal refused[] = {
        {END(",\"imptrackers\":\"object\""), "endpoints[1].imptrackers", "expected 'list' or 'text'"},
        {END(",\"burl_macros\":\"all\""), "endpoints[1].burl_macros", "expected 'none' or 'price'"},
        {END(",\"xml\":\"attributes\""), "endpoints[1].xml", "expected 'elements' or 'refuse'"},
        {END(",\"native_adm\":\"text\""), "endpoints[1].native_adm", "only for exchange = 'openrtb'"},
        {END(",\"notice_retries\":\"no\""), "endpoints[1].notice_retries", "expected 'expected' or 'none'"},
        {END(",\"tests\":\"no\""), "endpoints[1].tests", "expected 'answered' or 'declined'"},
    };

    (void)state;
    refuse_all(refused, ROWS(refused));
    accept(END(",\"notice_retries\":\"none\",\"tests\":\"declined\""));
    assert_true(c->endpoints[0].notices_come_once && c->endpoints[0].declines_tests);
    accept(END(""));
    assert_false(c->endpoints[0].notices_come_once || c->endpoints[0].declines_tests);
    assert_false(c->endpoints[0].tracker_as_text || c->endpoints[0].burl_asks_price || c->endpoints[0].refuses_xml);
    accept(END(",\"imptrackers\":\"text\",\"burl_macros\":\"price\",\"xml\":\"refuse\""));
    assert_true(c->endpoints[0].tracker_as_text && c->endpoints[0].burl_asks_price && c->endpoints[0].refuses_xml);
#undef END
}

static void currencies_and_rates_are_exact(void **state)
{
    static const struct refusal refused[] = {
        {"{\"currency\":\"usd\"}", "currency", "three capital letters"},
        {"{\"currency\":\"DOLLAR\"}", "currency", "three capital letters"},
        {"{\"currency\":840}", "currency", "text"},
        {"{\"rates\":{\"eur\":1.08}}", "rates.eur", "currency code"},
        {"{\"rates\":{\"EUR\":0}}", "rates.EUR", "currency code"},
        {"{\"rates\":{\"EUR\":-1}}", "rates.EUR", "currency code"},
        {"{\"rates\":{\"EUR\":\"1.08\"}}", "rates.EUR", "currency code"},
        {"{\"rates\":{\"EUR\":1e-9}}", "rates.EUR", "currency code"},
        {"{\"rates\":{\"EUR\":1e30}}", "rates.EUR", "currency code"},
        {"{\"rates\":{\"USD\":1.5}}", "rates.USD", "house currency"},
    };
    struct mb_rate rate = {0};

    (void)state;
    refuse_all(refused, ROWS(refused));
    accept("{\"rates\":{\"EUR\":1.08,\"JPY\":0.006543,\"USD\":1}}");
    assert_true(mb_config_rate(c, MB_SLICE("EUR"), &rate));
    assert_int_equal(rate.millionths, 1080000);
    assert_true(mb_config_rate(c, MB_SLICE("JPY"), &rate));
    assert_int_equal(rate.millionths, 6543);
    assert_true(mb_config_rate(c, MB_SLICE("USD"), &rate));
    assert_int_equal(rate.millionths, 1000000);
    assert_false(mb_config_rate(c, MB_SLICE("GBP"), &rate));
}

static void bases_of_our_urls_are_urls(void **state)
{
    static const char *const bad[] = {
        "https",          "ftp://n.example", "httpx://n.example", "http:/n.example", "http://",      "https:///",
        "http://///////", "n.example",       "http://n.example?", "http://n.example#a", "http://n ex", "http://n.example/\\r\\n",
        "http:///path",   "http://n\\\"x",
    };
    static const char *const names[] = {"notice_url", "click_url", "pixel_url"};
    char json[128];

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        for (size_t k = 0; k < ROWS(names); k++) {
            snprintf(json, sizeof(json), "{\"%s\":\"%s\"}", names[k], bad[i]);
            if (read_config(json) != MB_EINVAL || strcmp(err.where, names[k]) != 0 || !strstr(err.what, "http://HOST")) {
                fail_msg("%s: '%s: %s'", json, err.where, err.what);
            }
        }
    }
    accept("{\"notice_url\":\"https://n.example:8443/moonbid//\"}");
    expect_slice(c->notice_url, "https://n.example:8443/moonbid", "final slashes are dropped");
    assert_false(mb_slice_present(c->click_url));
}

/* An exchange could never reach us, and we would bid without learning what we spend. */
static void loopback_urls_need_loopback_listeners(void **state)
{
    static const struct {
        const char *json;
        const char *refused; /* NULL: taken */
    } rows[] = {
        {"{\"listen\":[\"0.0.0.0:8080\"]}", "notice_url"},
        {"{\"listen\":[\"127.0.0.1:8080\",\"192.0.2.1:8080\"]}", "notice_url"},
        {"{\"listen\":[\"[::]:8080\"],\"notice_url\":\"http://[::1]:8080\"}", "notice_url"},
        {"{\"listen\":[\"0.0.0.0:8080\"],\"notice_url\":\"http://localhost\"}", "notice_url"},
        {"{\"listen\":[\"0.0.0.0:8080\"],\"notice_url\":\"http://LocalHost:80/x\"}", "notice_url"},
        {"{\"listen\":[\"0.0.0.0:8080\"],\"notice_url\":\"https://127.8.9.1\"}", "notice_url"},
        {"{\"listen\":[\"0.0.0.0:8080\"],\"notice_url\":\"https://n.example\",\"click_url\":\"http://127.0.0.1\"}", "click_url"},
        {"{\"listen\":[\"0.0.0.0:8080\"],\"notice_url\":\"https://n.example\"}", NULL},
        {"{\"listen\":[\"0.0.0.0:8080\"],\"notice_url\":\"https://localhost.example\"}", NULL},
        {"{\"listen\":[\"0.0.0.0:8080\"],\"notice_url\":\"https://127.example\"}", NULL},
        {"{\"listen\":[\"127.0.0.1:8080\"],\"notice_url\":\"https://n.example\"}", NULL},
        {"{\"listen\":[\"[::1]:8080\",\"localhost:1\",\"127.9.9.9:1\"]}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int rc = read_config(rows[i].json);

        if (rows[i].refused ? rc != MB_EINVAL || strcmp(err.where, rows[i].refused) != 0 || !strstr(err.what, "loopback")
                            : rc != 0) {
            fail_msg("%s: %d '%s: %s'", rows[i].json, rc, err.where, err.what);
        }
    }
}

static void an_admin_that_others_reach_needs_a_token(void **state)
{
    static const struct refusal refused[] = {
        {"{\"admin\":\"0.0.0.0:9090\"}", "admin_token", "required"},
        {"{\"admin\":\"[::]:9090\"}", "admin_token", "required"},
    };

    (void)state;
    refuse_all(refused, ROWS(refused));
    accept("{\"admin\":\"0.0.0.0:9090\",\"admin_token\":\"t\"}");
    accept("{\"admin\":\"[::1]:9090\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_is_the_defaults),
        cmocka_unit_test(three_endpoints_are_there_by_default),
        cmocka_unit_test(every_key_is_taken),
        cmocka_unit_test(unknown_keys_are_refused_with_their_path),
        cmocka_unit_test(wrong_types_are_refused_with_their_path),
        cmocka_unit_test(empty_tables_say_nothing),
        cmocka_unit_test(numbers_have_a_range),
        cmocka_unit_test(durations_are_texts_with_a_unit),
        cmocka_unit_test(impossible_endpoints_are_refused),
        cmocka_unit_test(openrtb_alone_has_dialects),
        cmocka_unit_test(openrtb_may_want_reasons_and_encoded_prices),
        cmocka_unit_test(exoclick_has_switches_for_what_is_not_known),
        cmocka_unit_test(currencies_and_rates_are_exact),
        cmocka_unit_test(bases_of_our_urls_are_urls),
        cmocka_unit_test(loopback_urls_need_loopback_listeners),
        cmocka_unit_test(an_admin_that_others_reach_needs_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down_config);
}
