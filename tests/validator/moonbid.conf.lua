-- One endpoint a dialect of OpenRTB.
return {
  scripts = 'scripts',
  currency = 'USD',
  rates = { EUR = 1.08 },
  notice_keys = { '00112233445566778899aabbccddeeff' },
  endpoints = {
    { name = 'generic', path = '/openrtb/bid', exchange = 'openrtb' },
    { name = 'exoclick', path = '/exoclick/openrtb', exchange = 'openrtb', dialect = 'exoclick' },
    { name = 'xandr', path = '/xandr/bid', exchange = 'openrtb', dialect = 'xandr', member = '4401' },
  },
}
