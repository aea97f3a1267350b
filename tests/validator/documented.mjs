// documented.mjs - the answers of Xandr's platform protocol and of ExoClick's own protocol as JSON schemas.
//
// No package has types for these two, so the schemas are written from the tables of the exchanges' public pages: field, type,
// what must be there, limits. A member that the tables do not name is refused, for what an exchange makes of it nobody knows.

const text = { type: 'string', minLength: 1 };
const url = { type: 'string', pattern: '^https?://[^\\s]+$' };
const id32 = { type: 'integer', minimum: 1 };

function closed(properties, required, more = {}) {
  return { type: 'object', properties, required, additionalProperties: false, ...more };
}

const withoutCaret = { type: 'string', minLength: 1, pattern: '^[^^]*$' };

const segmentAction = {
  oneOf: [
    closed({ action: { const: 'add' }, id: id32, code: text, member_id: id32, expires_min: { type: 'integer', minimum: 0 },
             value: { type: 'integer' } }, ['action']),
    closed({ action: { const: 'remove' }, id: id32, code: text, member_id: id32 }, ['action']),
  ],
  anyOf: [{ required: ['id'] }, { required: ['code'] }],
};

const xandrBid = closed({
  auction_id_64: { type: 'integer' },
  member_id: id32,
  price: { type: 'number', exclusiveMinimum: 0, maximum: 999 },
  creative_id: id32,
  creative_code: text,
  exclusive: { type: 'boolean' },
  deal_id: id32,
  custom_notify_data: text,
  custom_macros: {
    type: 'array',
    minItems: 1,
    items: closed({ name: withoutCaret, value: { type: 'string', pattern: '^[^^]*$', maxLength: 550 } }, ['name', 'value']),
  },
  click_url: url,
  pixel_url: url,
  pixel_type: { enum: ['image', 'javascript'] },
  userdata_js: text,
  segment_actions: { type: 'array', items: segmentAction },
}, ['auction_id_64', 'member_id', 'price'], {
  oneOf: [{ required: ['creative_id'] }, { required: ['creative_code'] }],
  dependentRequired: { pixel_type: ['pixel_url'] },
});

const xandrNoBid = closed({ auction_id_64: { type: 'integer' }, member_id: id32, no_bid: { const: true } },
                          ['auction_id_64', 'no_bid']);

export const xandr = closed({
  bid_response: {
    oneOf: [
      closed({ no_bid: { const: true }, debug_text: text }, ['no_bid']),
      closed({ responses: { type: 'array', minItems: 1, maxItems: 15, items: { oneOf: [xandrBid, xandrNoBid] } },
               debug_text: text }, ['responses']),
    ],
  },
}, ['bid_response']);

// What each type of ExoClick's request is answered with; all have id, value, and may have btype and bUrl.
const exoclickFields = {
  banner: { must: { imgUrl: url, clickUrl: url }, btype: [1] },
  popunder: { must: { url }, btype: [1] },
  push_notification: {
    must: { iconUrl: url, clickUrl: url, title: text, description: text },
    may: { imptrackers: { type: 'array', items: url, minItems: 1, maxItems: 1 } },
    btype: [1, 2],
  },
  in_page_push_notification: { must: { imgUrl: url, clickUrl: url }, may: { title: text, description: text }, btype: [1, 2] },
  direct_link: { must: { url }, btype: [1, 2] },
  email_click: { must: { clickUrl: url }, btype: [1, 2] },
};

export function exoclick(type) {
  const { must, may, btype } = exoclickFields[type];
  const common = { id: text, value: { type: 'number', exclusiveMinimum: 0 }, btype: { enum: btype }, bUrl: url };
  return closed({ bid: closed({ ...common, ...must, ...may }, ['id', 'value', ...Object.keys(must)]) }, ['bid']);
}

// Each takes a sound answer and makes it one that Xandr's pages say is refused, or read otherwise than it is meant.
export const xandrDamages = {
  'a price that is a string': (r) => { r.price = String(r.price); },
  'a price above 999': (r) => { r.price = 999.01; },
  'no price': (r) => { delete r.price; },
  'no auction': (r) => { delete r.auction_id_64; },
  'an auction that is a string': (r) => { r.auction_id_64 = '7'; },
  'no member': (r) => { delete r.member_id; },
  'a member that is a string': (r) => { r.member_id = '4401'; },
  'no creative': (r) => { delete r.creative_id; },
  'a creative that is a string': (r) => { r.creative_id = '71001'; },
  'two names for the creative': (r) => { r.creative_code = 'c'; },
  'a macro that is a number': (r) => { r.custom_macros = [{ name: 'LINE', value: 4 }]; },
  'a macro with a caret': (r) => { r.custom_macros = [{ name: 'LINE', value: 'a^b' }]; },
  'macros that are an object': (r) => { r.custom_macros = { LINE: '4' }; },
  'a pixel of no known type': (r) => { r.pixel_type = 'frame'; },
  'a segment without an action': (r) => { r.segment_actions = [{ id: 7 }]; },
  'a segment that nobody names': (r) => { r.segment_actions = [{ action: 'add' }]; },
  'a member that nobody knows': (r) => { r.nothing = 1; },
  'both a price and no bid': (r) => { r.no_bid = true; },
};

export const exoclickDamages = {
  'a value that is a string': (bid) => { bid.value = '1.5'; },
  'no value': (bid) => { delete bid.value; },
  'no id': (bid) => { delete bid.id; },
  'a btype of another protocol': (bid) => { bid.btype = 3; },
  'a notice that is no URL': (bid) => { bid.bUrl = 'rtb.example.com/n/1'; },
  'a field of another format': (bid) => { bid.nUrl = 'https://rtb.example.com/'; },
};
