-- Bids on all that is offered, with every field that an OpenRTB bid may carry.
return strategy {
  name = 'everything',
  limits = { max_bid = { cpm = 50 } },
  bid = function(_, _, imp)
    local deal = (imp.deals or {})[1]
    local bid = {
      price = imp.floor + 3.25, creative_id = 'creative-1', ad_id = '29681', campaign_id = 'campaign-1', deal_id = deal,
      seat = deal and 'seat-1' or nil, advertiser_domains = { 'shop.example' }, categories = { 'IAB3-1', 'IAB19' },
      attributes = { 1, 2 }, expires = 300, ext = { note = 'own' },
      click_url = 'https://go.example/?i={imp_id}', url = 'https://go.example/?i={imp_id}',
      image_url = 'https://cdn.example/i.jpg', icon_url = 'https://cdn.example/icon.png', title = 'Tea "hot"',
      description = 'Ünïcode, <b>', imptracker = 'https://t.example/',
    }
    if imp.format == 'video' or imp.format == 'audio' then
      bid.vast = '<VAST version="3.0"><Ad id="{{imp_id}}"/></VAST>'
    end
    return bid
  end,
}
