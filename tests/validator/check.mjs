// check.mjs - judges OpenRTB answers by a third party's types: package `iab-openrtb` as JSON schema.
//
//     node check.mjs MOONBID FOLDER SHARED_DATA
//
// Each request of FOLDER/requests, and each OpenRTB request of the public test material (whose own slips are not judged), is decided by `moonbid try` in each dialect, with the strategy of FOLDER/scripts, which bids
// on every impression. Request and answer must be what the types say, with no member that they do not know. That the schema
// can refuse is shown first, by answers with one thing wrong.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const [moonbid, folder, shared] = process.argv.slice(2);
const dialects = ['generic', 'exoclick', 'xandr'];
const problems = [];

function compile(type) {
  const generator = createGenerator({ path: 'types.ts', tsconfig: 'tsconfig.json', type, skipTypeCheck: true });
  return new Ajv({ allErrors: true, strict: false }).compile(generator.createSchema(type));
}

const isRequest = compile('BidRequest');
const isResponse = compile('BidResponse');

function judge(what, validate, document) {
  if (!validate(document)) {
    for (const e of validate.errors) {
      problems.push(`${what}: ${e.instancePath || '/'} ${e.message} ${JSON.stringify(e.params)}`);
    }
  }
}

function answerOf(dialect, file) {
  const args = ['try', '--endpoint', dialect, '--config', 'moonbid.conf.lua', '--now', '2026-03-02T09:00:00Z', file];
  const lines = execFileSync(moonbid, args, { cwd: folder, encoding: 'utf8' }).trimEnd().split('\n');
  return { status: lines.at(-2), body: JSON.parse(lines.at(-1)) };
}

// Each takes a sound answer and makes it one that no exchange should take.
const damages = {
  'no id': (r) => { delete r.id; },
  'an id that is a number': (r) => { r.id = 7; },
  'a price that is a string': (r) => { r.seatbid[0].bid[0].price = '1.5'; },
  'no price': (r) => { delete r.seatbid[0].bid[0].price; },
  'no impid': (r) => { delete r.seatbid[0].bid[0].impid; },
  'a member that nobody knows': (r) => { r.seatbid[0].bid[0].nothing = 1; },
  'domains that are a string': (r) => { r.seatbid[0].bid[0].adomain = 'a.example'; },
  'bids that are an object': (r) => { r.seatbid[0].bid = r.seatbid[0].bid[0]; },
  'an extension that is a string': (r) => { r.seatbid[0].bid[0].ext = '{}'; },
};

function checkThatItCanRefuse(answer) {
  for (const [name, damage] of Object.entries(damages)) {
    const copy = structuredClone(answer);
    damage(copy);
    if (isResponse(copy)) problems.push(`the schema takes an answer with ${name}`);
  }
}

// The requests of the specification and of Xandr's pages, where that material is.
function samples() {
  const folders = ['2.5', '2.6'].map((version) => join(shared, 'openrtb-spec/openrtb2/testdata/bid-request', version));
  const files = folders.filter(existsSync).flatMap((f) => readdirSync(f).map((name) => join(f, name)));
  const xandr = join(shared, 'xandr-samples');
  if (existsSync(xandr)) {
    files.push(...readdirSync(xandr).filter((name) => /^outgoing.*[0-9]\.json$/.test(name)).map((name) => join(xandr, name)));
  }
  return files.sort();
}

// One bid an impression, and native markup is a document.
function checkBids(what, request, answer) {
  const bids = answer.seatbid.flatMap((seat) => seat.bid);
  const offered = request.imp.map((imp) => imp.id).sort().join(' ');
  const taken = bids.map((bid) => bid.impid).sort().join(' ');
  if (answer.id !== request.id) problems.push(`${what}: answers ${answer.id}, not ${request.id}`);
  if (offered !== taken) problems.push(`${what}: bids on ${taken}, offered were ${offered}`);
  for (const bid of bids) {
    if (bid.mtype === 4 && bid.adm !== undefined && !Array.isArray((JSON.parse(bid.adm).native ?? JSON.parse(bid.adm)).assets)) {
      problems.push(`${what}: the native markup has no assets`);
    }
  }
}

let count = 0;
function check(name, file, request) {
  for (const dialect of dialects) {
    const { status, body } = answerOf(dialect, file);
    const what = `${name} as ${dialect}`;
    if (!status.startsWith('HTTP 200')) problems.push(`${what}: ${status}`);
    judge(what, isResponse, body);
    checkBids(what, request, body);
    if (count++ === 0) checkThatItCanRefuse(body);
  }
}

for (const name of readdirSync(join(folder, 'requests')).sort()) {
  const request = JSON.parse(readFileSync(join(folder, 'requests', name), 'utf8'));
  judge(name, isRequest, request);
  check(name, join('requests', name), request);
}
for (const file of samples()) check(file, file, JSON.parse(readFileSync(file, 'utf8')));
if (count === 0) problems.push(`no requests in ${folder}`);
console.log(problems.length > 0 ? problems.join('\n') : `${count} answers are as the types say`);
process.exit(problems.length > 0 ? 1 : 0);
