--- picky.lua - declines a lot, and says why each time.
--
-- Shows: reasons. They are counted per strategy in /status and /metrics, so "why is it not bidding?" has an answer.
local ENOUGH = 1000 -- bids a day; the day begins with the first

return strategy {
  name = 'picky',
  priority = -1, -- the others go first
  target = { exchange = { 'exoclick' }, format = { 'banner', 'popunder' } },
  limits = { max_bid = 0.50, daily = 20.00 },

  bid = function(ctx, req, imp)
    if req.device.type == 'bot' then return nobid 'bot' end
    if not req.user.id then return nobid 'no_user' end
    if (req.device.language or '') ~= 'en' then return nobid 'language' end
    if #(req.site.page or '') > 500 then return nobid 'long_url' end
    if ctx.get('bids') >= ENOUGH then return nobid 'enough_today' end
    if ctx.random() < 0.8 then return nobid 'sampled_out' end
    ctx.incr('bids', 1, '24h')
    if imp.format == 'popunder' then return { price = 0.30, url = 'https://go.example/p?i={imp_id}' } end
    return { price = 0.30, image_url = 'https://cdn.example/any.jpg', click_url = 'https://go.example/a?i={imp_id}' }
  end,
}
