/* visitors.c - who looks at the pages: address, language, device, site.
 *
 * Addresses come from large consumer networks whose country has not changed for many years, so that
 * a bidder with any country database sees it, and from the ranges reserved for documentation, which
 * have none.
 */
#include "internal.h"

#include <stdio.h>

static const struct network {
    uint8_t first, second, seconds; /* first.second.x.x to first.(second + seconds - 1).x.x */
    const char *country;
    const char *language;
} networks[] = {
    {91, 0, 64, "DE", "de"},   {84, 128, 64, "DE", "de"}, {217, 224, 32, "DE", "de"},
    {62, 178, 1, "AT", "de"},  {80, 108, 2, "AT", "de"},  {85, 0, 8, "CH", "de"},
    {90, 0, 128, "FR", "fr"},  {78, 192, 64, "FR", "fr"}, {80, 24, 16, "ES", "es"},
    {86, 128, 64, "GB", "en"}, {73, 0, 255, "US", "en"},  {126, 0, 128, "JP", "ja"},
};

static const char *const test_prefixes[] = {"192.0.2", "198.51.100", "203.0.113"};

static const char *const agents[] = {
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 "
    "Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; SM-X906) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/123.0.0.0 "
    "Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 "
    "Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 "
    "Safari/605.1.15",
};

static const char *const domains[] = {"pub.example", "news.example", "video.example",
                                      "spiele.example"};

void mb__sim_visitor_draw(struct mb__sim_random *random, struct mb__sim_visitor *out)
{
    const struct network *network = MB__SIM_PICK(random, networks);
    unsigned low = (unsigned)mb__sim_random_below(random, 65536);

    *out = (struct mb__sim_visitor){.country = network->country,
                                    .language = network->language,
                                    .user_agent = *MB__SIM_PICK(random, agents),
                                    .domain = *MB__SIM_PICK(random, domains)};
    if (mb__sim_random_percent(random, 5)) {
        out->country = NULL;
        out->language = "en";
        snprintf(out->ip, sizeof(out->ip), "%s.%u", *MB__SIM_PICK(random, test_prefixes),
                 low & 255);
    } else if (mb__sim_random_percent(random, 5)) {
        out->country = "DE";
        out->language = "de";
        snprintf(out->ip, sizeof(out->ip), "2003:e0::%x", low);
    } else {
        unsigned second =
            network->second + (unsigned)mb__sim_random_below(random, network->seconds);
        snprintf(out->ip, sizeof(out->ip), "%u.%u.%u.%u", network->first, second, low >> 8,
                 low & 255);
    }
    out->user_number = (UINT64_C(1) << 62) + mb__sim_random_below(random, 100000) * 7919;
    snprintf(out->user_id, sizeof(out->user_id), "%014llx.%012llu",
             (unsigned long long)(out->user_number & 0xffffffffffffff),
             (unsigned long long)(out->user_number % 1000000000000));
}
