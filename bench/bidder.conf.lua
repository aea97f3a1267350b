-- The bidder of the benchmarks; bench/run names listener and data folder.
return {
  workers = 1,
  scripts = 'bench',
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
  },
}
