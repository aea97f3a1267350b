-- The bidder of the benchmarks; bench/run names listener and data folder.
return {
  workers = 1,
  scripts = 'bench',
  -- Who had to wait on a busy machine still gets his answer: the wait is what is measured.
  limits = { backlog_ms = 10000 },
  geoip = 'build/geo/country.mmdb',
  endpoints = {
    {
      name = 'exoclick',
      path = '/exoclick/bid',
      exchange = 'exoclick',
      currency = 'USD',
      tokens = { zone = 'zone_id', src = 'src_hostname' },
    },
    { name = 'openrtb', path = '/openrtb/bid', exchange = 'openrtb' },
    { name = 'xandr', path = '/xandr', exchange = 'xandr', member = '4401' },
  },
}
