---@meta moonbid.types
--- types.lua - what strategies are given and give back, for editors that use the Lua language server: put this folder into
--- `workspace.library` (or open the project), and `req.`, `imp.`, `ctx.`, `event.` and the tables are completed and
--- checked. It is never run. What each name means in full stands in docs/strategies.md.

---@alias moonbid.Model 'cpm'|'cpc'|'smart_cpc'
---@alias moonbid.Format 'banner'|'popunder'|'push'|'in_page_push'|'native'|'video'|'audio'|'direct_link'|'email_click'
---@alias moonbid.Exchange 'exoclick'|'xandr'|'openrtb'
---@alias moonbid.Values string[]|moonbid.List|moonbid.Map

---@class moonbid.List rows of a file in lists/
local List = {}
---@param key? string
---@return boolean
function List:has(key) end

---@class moonbid.Map rows `key,value` of a file in lists/
local Map = {}
---@param key? string
---@return boolean
function Map:has(key) end
---@param key? string
---@return string? value a text, also where it is a number
function Map:get(key) end

---@class moonbid.Targets
---@field exchange? moonbid.Exchange[]
---@field endpoint? moonbid.Values names of the config's endpoints
---@field format? moonbid.Format[]
---@field size? moonbid.Values '300x250'
---@field country? moonbid.Values two letters
---@field region? moonbid.Values
---@field city? moonbid.Values
---@field device? moonbid.Values phone tablet desktop tv bot ...
---@field os? moonbid.Values android ios windows ...
---@field browser? moonbid.Values chrome safari ...
---@field language? moonbid.Values two letters
---@field site? moonbid.Values ids
---@field zone? moonbid.Values ids
---@field domain? moonbid.Values 'pub.example', which takes 'www.pub.example' too
---@field app? moonbid.Values ids
---@field tag? moonbid.Values ids
---@field deal? moonbid.Values ids
---@field segment? moonbid.Values ids
---@field keyword? moonbid.Values
---@field category? moonbid.Values

---@class moonbid.Target: moonbid.Targets
---@field hours? string[] 'mon-fri 08:00-20:00', in the strategy's timezone
---@field exclude? moonbid.Targets the same keys, negated

---@class moonbid.Limits
---@field max_bid? number|{ cpm: number?, cpc: number?, smart_cpc: number? } the highest price; a higher one is refused, not cut
---@field daily? number spend in the house currency
---@field hourly? number
---@field total? number
---@field budget? string a budget of budgets.lua
---@field per? { key: string, total: number } spend by zone, site, domain ...
---@field max_impressions? integer
---@field max_clicks? integer
---@field frequency? { count: integer, per: string, key: string[], missing: 'bid'|'nobid'|nil }
---@field qps? integer bids a second
---@field starts? string '2026-03-01T00:00', in `timezone`
---@field ends? string
---@field timezone? string 'Europe/Berlin'; default: the config's
---@field pacing? 'asap'|'even'
---@field reserve? 'expected'|'full'
---@field expect_rate? number above 0, at most 1

---@alias moonbid.TokenFunction fun(ctx: moonbid.Ctx, req: moonbid.Request, imp: moonbid.Imp, bid: moonbid.Bid): string|number|nil
---@alias moonbid.Handler fun(ctx: moonbid.Ctx, event: moonbid.Event): any

---@class moonbid.Strategy
---@field name string unique, 1 to 64 of a-z 0-9 _ -: spend hangs on it
---@field enabled? boolean false: loaded, never asked
---@field shadow? boolean true: asked about a part of live requests behind their answers, never sent
---@field model? moonbid.Model
---@field target? moonbid.Target
---@field limits? moonbid.Limits
---@field track_clicks? boolean landing pages go through a signed redirect
---@field track_impressions? boolean an image of ours tells of impressions, where the answer has a place for one
---@field priority? integer the higher bids first
---@field tokens? table<string, moonbid.TokenFunction> `{name}` in URLs and texts
---@field bid fun(ctx: moonbid.Ctx, req: moonbid.Request, imp: moonbid.Imp): moonbid.Bid|moonbid.Bid[]|moonbid.Nobid|nil
---@field on_win? moonbid.Handler
---@field on_loss? moonbid.Handler
---@field on_billing? moonbid.Handler
---@field on_impression? moonbid.Handler
---@field on_click? moonbid.Handler
---@field on_conversion? moonbid.Handler
---@field on_notify? moonbid.Handler every event, behind the other handlers

---@class moonbid.Request what is absent is nil; every id is a string; read-only
---@field id string
---@field exchange moonbid.Exchange
---@field endpoint string
---@field test boolean
---@field debug boolean
---@field currency string of the answer
---@field at? 'first'|'second'
---@field timeout_ms integer
---@field imps moonbid.Imp[]
---@field site moonbid.Site
---@field app moonbid.App
---@field device moonbid.Device
---@field geo moonbid.Geo
---@field user moonbid.User
---@field tokens table<string, string> parameters of the endpoint's URL
---@field regs moonbid.Regs
---@field blocked moonbid.Blocked
---@field languages? string[] that a creative may be in
---@field schain? table OpenRTB's object of that name
---@field raw table the document as it came

---@class moonbid.Site
---@field id? string
---@field domain? string
---@field page? string
---@field name? string
---@field referrer? string
---@field publisher_id? string
---@field zone_id? string
---@field sub? string
---@field categories? string[]
---@field keywords? string[]

---@class moonbid.App
---@field id? string
---@field bundle? string
---@field name? string
---@field domain? string

---@class moonbid.Device
---@field ip? string
---@field remote_ip? string
---@field forwarded_for? string
---@field ua? string
---@field os? string
---@field os_version? string
---@field type? string phone tablet desktop tv bot ...
---@field browser? string
---@field make? string
---@field model? string
---@field language? string two letters

---@class moonbid.Geo
---@field country? string two letters
---@field region? string
---@field city? string
---@field zip? string
---@field lat? number
---@field lon? number

---@class moonbid.User
---@field id? string nil also for an exchange's "unknown"
---@field buyer_id? string
---@field gender? string
---@field year_of_birth? integer
---@field keyword? string
---@field segments? string[]
---@field data? string
---@field email_hash? string the address itself is never offered
---@field opted_out boolean
---@field eids? table[] OpenRTB's list of that name

---@class moonbid.Regs
---@field gdpr? boolean nil: unknown
---@field coppa? boolean nil: unknown
---@field us_privacy? string
---@field gpp? string
---@field gpp_sid? string[]
---@field consent? string

---@class moonbid.Blocked
---@field categories? string[]
---@field domains? string[]
---@field creatives? string[]
---@field brands? string[]
---@field languages? string[]
---@field attributes? string[]
---@field adservers? string[]
---@field apps? string[] bundles

---@class moonbid.Imp
---@field id string
---@field format moonbid.Format
---@field width? integer
---@field height? integer
---@field sizes? string[] '300x250'
---@field floor number by the thousand, in the house currency; 0: none
---@field floor_wire number as it was sent, in currency_wire
---@field currency_wire? string
---@field secure boolean
---@field interstitial boolean
---@field rewarded boolean
---@field tag_id? string
---@field position? string
---@field deals? string[] ids
---@field deals_only boolean a private auction: only bids with a deal_id of `deals` are taken
---@field members? string[] ids
---@field estimated_price? number
---@field pod_id? string impressions of one request with the same are one break of several films
---@field pod_sequence? integer of the break in what is watched: -1 last, 1 first
---@field pod_duration? integer seconds of the break that bidders may divide
---@field pod_ads? integer the most films in that part
---@field slot_in_pod? integer in the break: -1 last, 1 first, 2 one of both
---@field floor_per_second? number CPM in the house currency for each second of film
---@field raw table

---@class moonbid.Ctx the only source of time, chance and state
---@field now integer milliseconds since 1970, UTC
---@field strategy string this strategy's name
---@field version string of the scripts
local Ctx = {}
---@param format string as os.date
---@param timezone? string default: the config's
---@return string
function Ctx.date(format, timezone) end
---@return integer milliseconds until the answer is due
function Ctx.time_left() end
---@param m? integer
---@param n? integer
---@return number as math.random; the same for the same request
function Ctx.random(m, n) end
---@param key string 'shared:...' belongs to all strategies
---@param n integer
---@param window string '24h', from the first count on
---@return integer sum
function Ctx.incr(key, n, window) end
---@param key string
---@return integer sum 0 where nothing was counted
function Ctx.get(key) end
---@param period 'day'|'hour'|'total'
---@return number
function Ctx.spend(period) end
---@param name string
---@param user_key string
---@param arms table<string, number> name and weight
---@return string arm the same for the same user; counted as an exposure, shown by `moonbid report --by arm`
function Ctx.arm(name, user_key, arms) end
---@param price number in the strategy's model
---@param imp? moonbid.Imp of this request; default: that of the call
---@return number|nil rate part of bids at that price that win; nil: too little is known
function Ctx.win_rate(price, imp) end
---@param rate number above 0, at most 1
---@param imp? moonbid.Imp of this request; default: that of the call
---@return number|nil price the least known to win so often; nil: none is
function Ctx.price_for(rate, imp) end
---@param key string
---@param value string|number|boolean shown by try
function Ctx.note(key, value) end

---@class moonbid.Bid
---@field price number above 0: by the thousand, or by the click
---@field model? moonbid.Model
---@field ecpm? number what a price by the click is worth by the thousand
---@field currency? string
---@field image_url? string
---@field icon_url? string|table<string, string> a URL, or one by size
---@field click_url? string
---@field url? string popunder, direct link
---@field title? string
---@field description? string
---@field imptracker? string
---@field data? string at most 64 bytes, comes back with every event
---@field markup? string
---@field native? table
---@field vast? string|table
---@field width? integer
---@field height? integer
---@field expires? integer seconds
---@field duration? integer seconds; known where `vast` is a table
---@field protocol? integer of OpenRTB's list; likewise
---@field apis? integer[] of OpenRTB's list
---@field slot_in_pod? -1|0|1|2 last, any, first, first or last
---@field width_ratio? integer
---@field height_ratio? integer
---@field bundle? string the advertised app
---@field language? string 'de', 'de-AT'
---@field tactic? string
---@field category_taxonomy? integer of OpenRTB's list
---@field media_rating? integer of OpenRTB's list
---@field creative_id? string
---@field ad_id? string
---@field campaign_id? string
---@field advertiser_domains? string[]
---@field categories? string[]
---@field attributes? integer[]
---@field deal_id? string
---@field seat? string
---@field creative_code? string
---@field member_id? string
---@field custom_notify_data? string
---@field custom_macros? table<string, string>
---@field segment_actions? table[]
---@field userdata_js? string
---@field pixel_url? string
---@field pixel_type? string
---@field exclusive? boolean
---@field ext? table
---@field win_url? string
---@field billing_url? string
---@field loss_url? string

---@class moonbid.Event
---@field type 'win'|'loss'|'billing'|'impression'|'click'|'conversion'|'pending'|'kept'|'sold'|'default'|'error'|'other'
---@field time integer milliseconds since 1970, UTC
---@field exchange_time? string
---@field exchange moonbid.Exchange
---@field endpoint string
---@field auction_id? string
---@field imp_id? string
---@field tag_id? string
---@field site_id? string
---@field zone_id? string
---@field country? string
---@field strategy? string
---@field version? string
---@field arm? string
---@field data? string
---@field model? moonbid.Model
---@field currency? string
---@field price_bid? number
---@field price_paid? number
---@field price_sold_for? number
---@field cost number what this event booked
---@field min_to_win? number
---@field loss_code? integer
---@field reason? string
---@field result? string
---@field fail boolean
---@field error_id? integer
---@field error? string
---@field error_name? string
---@field response_time_ms? integer
---@field post_pending? boolean
---@field payment_rule_id? string
---@field creative_id? string
---@field member_id? string
---@field user_id? string
---@field referrer? string
---@field user_agent? string
---@field userdata_json? string
---@field custom_data? string
---@field value? string
---@field test boolean
---@field tags? table|string a document, or a text that is none
---@field responses? table|string a document, or a text that is none
---@field bid_info? table|string a document, or a text that is none
---@field full_tag_info? table|string a document, or a text that is none
---@field raw? table|string

---@class moonbid.Nobid

---@param fields moonbid.Strategy
---@return moonbid.Strategy
function strategy(fields) end

---@param reason string 1 to 32 of a-z 0-9 _
---@return moonbid.Nobid
function nobid(reason) end

---@param file string a file of lists/, a value a line
---@return moonbid.List
function list(file) end

---@param file string a file of lists/, `key,value` lines
---@return moonbid.Map
function map(file) end

---@class moonbid.Log 20 lines a second, with the strategy's name
log = {}
---@param format string as string.format
function log.debug(format, ...) end
---@param format string
function log.info(format, ...) end
---@param format string
function log.warn(format, ...) end
---@param format string
function log.error(format, ...) end
