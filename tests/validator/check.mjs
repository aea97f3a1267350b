// check.mjs - judges answers: OpenRTB's by a third party's types (package `iab-openrtb` as JSON schema), those of Xandr's
// platform and of ExoClick's own protocol by schemas of the documented fields (documented.mjs).
//
//     node check.mjs MOONBID FOLDER SHARED_DATA
//
// Each request of FOLDER/requests, and each OpenRTB request of the public test material (whose own slips are not judged), is
// decided by `moonbid try` in each dialect, with the strategies of FOLDER/scripts, which bid on every impression. Request and
// answer must be what the types say, with no member that they do not know. Likewise those of FOLDER/platform and FOLDER/flat.
// That each schema can refuse is shown by answers with one thing wrong.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';
import { exoclick, exoclickDamages, xandr, xandrDamages } from './documented.mjs';

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

let answers = 0;
function answerOf(dialect, file) {
  answers++;
  const args = ['try', '--endpoint', dialect, '--config', 'moonbid.conf.lua', '--now', '2026-03-02T09:00:00Z', file];
  const lines = execFileSync(moonbid, args, { cwd: folder, encoding: 'utf8' }).trimEnd().split('\n');
  return { status: lines.at(-2), text: lines.at(-1), body: JSON.parse(lines.at(-1)) };
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

// --- Xandr's platform ---

const isPlatform = new Ajv({ allErrors: true, strict: false }).compile(xandr);

// The digits of each auction in a text; JSON.parse would round them.
function auctions(json) {
  return [...json.matchAll(/"auction_id_64" *: *("?)(-?[0-9]+)\1/g)].map((match) => match[2]);
}

function checkPlatform(endpoint, file) {
  const what = `${file} at ${endpoint}`;
  const sent = readFileSync(file.startsWith('/') ? file : join(folder, file), 'utf8');
  const members = (JSON.parse(sent).bid_request.members ?? []).map((member) => member.id);
  const { status, text, body } = answerOf(endpoint, file);
  if (!status.startsWith('HTTP 200')) problems.push(`${what}: ${status}`);
  judge(what, isPlatform, body);
  const offered = new Set(auctions(sent));
  for (const id of auctions(text)) {
    if (!offered.has(id)) problems.push(`${what}: answers auction ${id}, which was not offered`);
  }
  for (const { member_id: member } of (body.bid_response.responses ?? []).filter((r) => !r.no_bid)) {
    if (members.length > 0 && !members.includes(member)) problems.push(`${what}: bids for ${member}, which is not listed`);
  }
  return body;
}

function checkPlatforms() {
  const own = readdirSync(join(folder, 'platform')).sort().map((name) => join('platform', name));
  for (const file of [...own, ...xandrSamples(/^bid-request.*[0-9]\.json$/)]) {
    for (const endpoint of ['platform', 'platform_told']) {
      const { no_bid: none } = checkPlatform(endpoint, file).bid_response;
      if (none && !file.includes('no_bid')) problems.push(`${file} at ${endpoint}: no bid`);
    }
  }
  const counts = [['platform', 'many_tags', 15], ['platform', 'one_of_two', 1], ['platform_told', 'one_of_two', 2],
                  ['platform', 'no_bid', undefined]];
  for (const [endpoint, name, wanted] of counts) {
    const got = checkPlatform(endpoint, join('platform', `${name}.json`)).bid_response.responses?.length;
    if (got !== wanted) problems.push(`${name} at ${endpoint} has ${got} responses, not ${wanted}`);
  }
  const sound = checkPlatform('platform', join('platform', 'one_of_two.json'));
  for (const [name, damage] of Object.entries(xandrDamages)) {
    const copy = structuredClone(sound);
    damage(copy.bid_response.responses[0]);
    if (isPlatform(copy)) problems.push(`Xandr's schema takes an answer with ${name}`);
  }
  const many = structuredClone(sound);
  many.bid_response.responses = Array(16).fill(sound.bid_response.responses[0]);
  if (isPlatform(many)) problems.push("Xandr's schema takes sixteen responses");
  // The pages' own answers; the third has macros that are numbers, against what the page says.
  for (const file of xandrSamples(/^bid-response.*\.json$/)) {
    const wanted = !file.endsWith('.3.json');
    if (isPlatform(JSON.parse(readFileSync(file, 'utf8'))) !== wanted) problems.push(`${file} is ${wanted ? 'refused' : 'taken'}`);
  }
}

// --- ExoClick's own protocol ---

function checkFlat(file) {
  const request = JSON.parse(readFileSync(file.startsWith('/') ? file : join(folder, file), 'utf8'));
  if (request.export === 'xml') return; // no JSON to judge
  const isAnswer = new Ajv({ allErrors: true, strict: false }).compile(exoclick(request.type));
  const { status, body } = answerOf('flat', file);
  if (!status.startsWith('HTTP 200')) problems.push(`${file}: ${status}`);
  judge(file, isAnswer, body);
  if (body.bid.id !== request.id) problems.push(`${file}: answers ${body.bid.id}`);
  for (const [name, damage] of Object.entries(exoclickDamages)) {
    const copy = structuredClone(body);
    damage(copy.bid);
    if (isAnswer(copy)) problems.push(`ExoClick's schema takes an answer with ${name}`);
  }
}

// The requests of the specification and of Xandr's pages, where that material is.
function xandrSamples(pattern) {
  const xandrFolder = join(shared, 'xandr-samples');
  if (!existsSync(xandrFolder)) return [];
  return readdirSync(xandrFolder).filter((name) => pattern.test(name)).sort().map((name) => join(xandrFolder, name));
}

function samples() {
  const folders = ['2.5', '2.6'].map((version) => join(shared, 'openrtb-spec/openrtb2/testdata/bid-request', version));
  const files = folders.filter(existsSync).flatMap((f) => readdirSync(f).map((name) => join(f, name)));
  return [...files, ...xandrSamples(/^outgoing.*[0-9]\.json$/)].sort();
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
checkPlatforms();
for (const name of readdirSync(join(folder, 'flat')).sort()) checkFlat(join('flat', name));
const exoclickSamples = join(shared, 'exoclick-samples');
if (existsSync(exoclickSamples)) {
  for (const name of readdirSync(exoclickSamples).filter((n) => n.endsWith('.json')).sort()) checkFlat(join(exoclickSamples, name));
}
if (count === 0) problems.push(`no requests in ${folder}`);
console.log(problems.length > 0 ? problems.join('\n') : `${answers} answers are as types and pages say`);
process.exit(problems.length > 0 ? 1 : 0);
