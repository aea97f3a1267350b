--- openrtb_vast.lua - video for large players, its VAST made of a table.
--
-- Shows: a table instead of XML, so that each player gets the version it reads; clicks counted by the engine; the answer
-- to a loss.
return strategy {
  name = 'openrtb_vast',
  target = {
    exchange = { 'openrtb' },
    format = { 'video' },
    size = { '640x360', '900x250', '1280x720', '1920x1080' },
  },
  limits = { max_bid = 8.00, daily = 500.00 },
  track_clicks = true, -- the bid's click_url becomes the film's landing page, through our redirect

  bid = function(_, _, imp)
    if imp.deals_only then return nobid 'deals_only' end -- a private auction, and we have no deal
    local price = 4.60
    if price < imp.floor then return nobid 'floor' end
    return {
      price = price,
      creative_id = 'spring-film',
      advertiser_domains = { 'garden.example' },
      click_url = 'https://go.example/v?b={bid_id}&d={domain}',
      vast = {
        title = 'Spring is here',
        duration = '15s',
        skipoffset = '5s',
        media = {
          { url = 'https://cdn.example/spring.mp4', type = 'video/mp4', width = 1280, height = 720, bitrate = 2400 },
          { url = 'https://cdn.example/spring-s.mp4', type = 'video/mp4', width = 640, height = 360, bitrate = 800 },
        },
        impression = 'https://t.example/i?b={{bid_id}}',
        tracking = {
          start = 'https://t.example/s?b={{bid_id}}',
          complete = 'https://t.example/c?b={{bid_id}}',
        },
      },
    }
  end,

  on_loss = function(ctx, event) ctx.incr('lost:' .. (event.reason or 'unknown'), 1, '24h') end,
}
