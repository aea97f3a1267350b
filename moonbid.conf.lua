-- The config of a moonbid server: the keys that this version takes, with their defaults; rates and tokens are examples.
-- `moonbid serve` takes this file from the current folder, or the one named by --config; --set key=value goes over it.
-- A wrong key or value is refused with its path. Paths are relative to the current folder. `moonbid reload` takes most
-- keys while the server runs, and names those that need a restart (docs/config.md).

return {
  log_level = 'info', -- the least that is logged: 'debug', 'info', 'warn', 'error'

  -- Where exchanges call. Behind a load balancer or on a public address set notice_url too.
  listen = { '127.0.0.1:8080' },

  -- Where operators look: GET /status, GET /metrics, POST /reload. Anything but loopback needs admin_token, sent as a
  -- bearer token.
  admin = '127.0.0.1:9090',
  -- admin_token = 'a long random text',

  workers = 'auto', -- processes that bid: one a core, beside the supervisor and the bookkeeper
  -- user = 'moonbid', -- whom to become once the ports are bound, where root starts it
  scripts = 'scripts', -- strategies/*.lua, lib/, lists/
  data = 'var', -- ledger, script counters, lock; made on first start
  timezone = 'UTC', -- of days and hours in limits, where a strategy names none

  -- The currency of limits, ledger and reports, and what one unit of any other is worth in it.
  currency = 'USD',
  rates = { EUR = 1.08 },

  -- Base of the notice URLs that we give out: how exchanges reach the listener from outside. Without this key a
  -- loopback listener's own address; any other listener needs it.
  notice_url = 'http://127.0.0.1:8080',

  -- The same for click redirects, where they shall go to another name than notices.
  -- click_url = 'https://go.example.com',

  -- And for the images that count impressions (`track_impressions` of a strategy), which visitors' browsers fetch.
  -- pixel_url = 'https://px.example.com',

  -- The first key signs notices, all are accepted: to change keys put a new one first and drop the old one a day later.
  -- A file that is missing is made. Without this key: notice.key in the data folder.
  notice_keys = { 'file:var/notice.key' },

  -- A country or city database in MaxMind's format, for exchanges that send no country (ExoClick). None by default: then a
  -- strategy that aims at countries there does not load. `./dev build` fetches this free one.
  geoip = 'build/geo/country.mmdb',

  -- Proxies and load balancers before moonbid: as networks, such as '10.0.0.0/8'. Only what these add to X-Forwarded-For
  -- is believed; the caller is the right-most address there that is none of them.
  trusted_proxies = {},

  -- Strategies' own win_url, billing_url and loss_url are called by the server, at public addresses only and at those of
  -- `allow`, such as '10.1.2.0/24' for a tracker beside it. A try takes `timeout` at most; the second comes after `retry`,
  -- the third and the fourth after twice as long each.
  fetch = { allow = {}, timeout = '3s', retry = '1s' },

  -- Stop a strategy whose bids go out while no notice at all comes back for so long; `moonbid resume NAME` lets it bid
  -- again. Off by default.
  -- silence = '30m',

  endpoints = {
    {
      name = 'exoclick', -- in logs, metrics, and strategies' target.endpoint
      path = '/exoclick/bid',
      exchange = 'exoclick',
      currency = 'USD', -- required: the account's, as ExoClick's requests name none
      -- Parameters of the bid URL that carry another name than the exchange's token: ?zone=... instead of ?zone_id=...
      tokens = { zone = 'zone_id' },
      timeout_ms = 300, -- of the exchange, unless the request says less
      margin_ms = 50, -- kept for the way back
      -- hold = { cpm = '1h', cpc = '24h' }, -- how long money is held for a bid that nobody has booked yet
      imptrackers = 'list', -- or 'text': how the tracker of a push goes out; the exchange's pages do not say
      burl_macros = 'none', -- or 'price': bUrl asks for ${AUCTION_PRICE} and ${AUCTION_CURRENCY}
      xml = 'elements', -- or 'refuse': no bid where XML is asked for, whose layout is not published
      notice_retries = 'expected', -- or 'none': who gets no answer to a notice does not call again, so none is put off in overload
      -- Who may call this endpoint, IPv4 and IPv6 apart; others get 403. Everybody without this key.
      allow = { '0.0.0.0/0', '::/0' },
    },
    {
      name = 'xandr',
      path = '/xandr', -- serves /xandr/bid, /xandr/notify, /xandr/click, /xandr/ready
      exchange = 'xandr',
      timeout_ms = 100,
      margin_ms = 20,
      tag_no_bids = 'left_out', -- or 'told': each tag without a bid is answered with a no_bid of its own
      -- member = '958', -- bids for this member where a request lists several
    },
    {
      name = 'openrtb',
      path = '/openrtb/bid',
      exchange = 'openrtb', -- 2.4 to 2.6
      dialect = 'generic', -- or 'exoclick', 'xandr'
      books_on = 'billing', -- the notice that books money: 'billing' (burl) or 'win' (nurl); with 'generic' only
      no_bid = '204', -- or 'nbr': 200 with OpenRTB's number of the reason
      price_encoding = 'plain', -- or 'b64': asks for ${AUCTION_PRICE:B64}
      tests = 'answered', -- or 'declined': no bid on requests that are tests (also Xandr's, and its debug auctions)
      native_adm = 'text', -- or 'object': native markup as JSON instead of JSON in a text
      timeout_ms = 120,
      margin_ms = 20,
    },
    {
      name = 'exoclick_openrtb', -- ExoClick's OpenRTB: needs an endpoint of its own, as its answers carry <ad> markup
      path = '/exoclick/openrtb',
      exchange = 'openrtb',
      dialect = 'exoclick',
      currency = 'USD', -- the account's; the house currency where it is not named
      timeout_ms = 300,
      margin_ms = 50,
    },
  },

  limits = {
    header_bytes = 16384,
    body_bytes = 262144,
    connections = 20000, -- of each worker
    idle = '150s', -- between two requests of a connection
    header = '10s', -- from a request's first byte to the end of its headers
    body = '10s', -- from there to the end of its body
    write = '10s', -- in which a caller must take its answer, or a good part of it
    grace = '10s', -- what a stop leaves open requests
    money_guard = '10s', -- bidding stops when spend has not been recorded for so long (a full disk, a hung ledger)
    backlog_ms = 50, -- a request that waited longer for its worker is overload: no bid, a notice 503, and ready says 0
  },

  script = {
    cpu_ms = 5, -- of one call
    hard_ms = 250, -- of one call that nothing can stop: then its worker is killed and replaced
    memory_mb = 64, -- of one Lua state; four times its size after load if that is more
  },

  -- Strategies with shadow = true are asked about this part of requests when the answer is sent, and take at most this part of a
  -- worker's CPU time; and so are all of a second scripts folder, such as scripts = 'candidates'.
  shadow = { rate = 0.1, cpu_share = 0.1, scripts = nil },

  -- Live requests, what became of them, and what was read meanwhile, for `moonbid replay`; in the folder `recordings` of the data.
  recorder = {
    rate = 0.01, -- share of bid requests; 0: none
    max_mb = 1024, -- of all recordings together: then the oldest goes
    ip = 'cut', -- addresses to their networks (/24, /48); or 'drop', 'keep'
    ids = 'hash', -- of users and devices: pseudonyms that hold until the next start; or 'drop', 'keep'
  },
}
