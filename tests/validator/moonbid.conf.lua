-- One endpoint a dialect of OpenRTB, and one a protocol besides.
return {
  scripts = 'scripts',
  currency = 'USD',
  rates = { EUR = 1.08 },
  notice_keys = { '00112233445566778899aabbccddeeff' },
  endpoints = {
    { name = 'generic', path = '/openrtb/bid', exchange = 'openrtb' },
    { name = 'exoclick', path = '/exoclick/openrtb', exchange = 'openrtb', dialect = 'exoclick' },
    { name = 'xandr', path = '/xandr/bid', exchange = 'openrtb', dialect = 'xandr', member = '4401' },
    { name = 'platform', path = '/platform', exchange = 'xandr', member = '4401', timeout_ms = 200 },
    { name = 'platform_told', path = '/told', exchange = 'xandr', member = '4401', timeout_ms = 200, tag_no_bids = 'told' },
    { name = 'flat', path = '/exoclick/bid', exchange = 'exoclick', currency = 'EUR' },
  },
}
