--- popunder_tokens.lua - popunders, direct links and e-mail clicks whose landing page learns where the visitor came from.
--
-- Shows: dynamic tokens of all three kinds (the strategy's own, built in, from the endpoint's URL), models by format.
return {
  strategy {
    name = 'popunder_tokens',
    target = { exchange = { 'exoclick', 'openrtb' }, format = { 'popunder', 'direct_link' } },
    limits = { max_bid = 2.00, daily = 300.00 },

    tokens = {
      -- A short word for the time of day, UTC.
      part = function(ctx)
        local hour = tonumber(ctx.date '%H')
        return hour < 6 and 'night' or hour < 12 and 'morning' or hour < 18 and 'day' or 'evening'
      end,
      -- First tag of the page, or 'none'.
      tag = function(_, req) return (req.tokens.tags or ''):match '^[^,]+' or 'none' end,
    },

    bid = function(_, req, imp)
      local price = req.device.type == 'desktop' and 1.10 or 0.85
      if price < imp.floor then return nobid 'floor' end -- OpenRTB; ExoClick's own protocol has no floors
      return {
        price = price,
        url = 'https://go.example/pop?z={zone_id}&h={src_hostname}&t={tag}&d={part}&c={country}&id={request_id}',
      }
    end,
  },

  strategy {
    name = 'email_clicks',
    model = 'smart_cpc',
    target = { format = { 'email_click' } },
    limits = { max_bid = { cpc = 0.20 }, daily = 50.00 },

    bid = function()
      -- {email_encoded} belongs to the exchange and stays as it is.
      return { price = 0.07, click_url = 'https://go.example/mail?el={email_encoded}&z={zone_id}' }
    end,
  },
}
