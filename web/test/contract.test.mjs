// Holds a running meter (BASE_URL) to docs/openapi.yaml: every answer has its described shape, every limit is kept, every refusal points to its field.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

const base = process.env.BASE_URL;
assert.ok(base, 'BASE_URL names the meter, such as http://127.0.0.1:8080');
const text = readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8');
const document = parse(text);

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
ajv.addSchema({ $id: 'contract', components: document.components });
const validators = new Map();
function hold(name, value) {
  if (!validators.has(name)) validators.set(name, ajv.compile({ $ref: `contract#/components/schemas/${name}` }));
  const validate = validators.get(name);
  assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors, { separator: '\n' })}`);
}

const ask = (path, options) => fetch(new URL(path, base), { signal: AbortSignal.timeout(10_000), ...options });
const put = (path, body, headers = { 'Content-Type': 'application/json' }) => ask(path, { method: 'PUT', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
const state = async () => (await ask('/api/v1/state')).json();

async function refused(response, status, kind, pointer) {
  const problem = await response.json();
  assert.equal(response.status, status, JSON.stringify(problem));
  assert.match(response.headers.get('content-type'), /^application\/problem\+json/);
  hold('Problem', problem);
  assert.equal(problem.status, status);
  assert.equal(problem.type, `urn:ferraris:problem:${kind}`);
  if (pointer) assert.ok(problem.errors.some((error) => error.pointer === pointer), `${pointer} is not in ${JSON.stringify(problem.errors)}`);
}

const { world: before, contacts: contactsBefore, time: timeBefore } = await state();
const phases = before.supply.phases.length;
const each = (value) => Array.from({ length: phases }, () => value);
const first = (value, rest) => [value, ...each(rest).slice(1)];

describe('the control interface', () => {
  after(async () => {
    await put('/api/v1/world/power', { on: true });
    await put('/api/v1/world/supply', before.supply);
    await put('/api/v1/world/load', before.load);
    await put('/api/v1/world/contacts', contactsBefore);
    await put('/api/v1/time', { speed: timeBefore.speed });
  });

  test('the state has its described shape', async () => {
    const response = await ask('/api/v1/state');
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^application\/json/);
    assert.equal(response.headers.get('cache-control'), 'no-store');
    hold('State', await response.json());
  });

  test('the waveform has its described shape and as many cycles as asked for', async () => {
    const whole = await (await ask('/api/v1/waveform')).json();
    hold('Waveform', whole);
    const two = await (await ask('/api/v1/waveform?cycles=2')).json();
    hold('Waveform', two);
    for (const channel of two.channels) assert.equal(channel.values.length, two.channels[0].values.length);
    const cycles = (two.channels[0].values.length / two.rate_hz) * before.supply.frequency_hz;
    assert.ok(Math.abs(cycles - 2) < 0.1, `${cycles} cycles`);
    await refused(await ask('/api/v1/waveform?cycle=2'), 400, 'bad-parameter');
    for (const wrong of ['0', '11', '-1', 'x', '1.5', '']) await refused(await ask(`/api/v1/waveform?cycles=${wrong}`), 400, 'bad-parameter');
  });

  test('a load profile has its described shape and keeps range and limit', async () => {
    const whole = await (await ask('/api/v1/profile/1?limit=5000')).json();
    hold('Profile', whole);
    const one = await (await ask('/api/v1/profile/1?limit=1')).json();
    hold('Profile', one);
    assert.ok(one.rows.length <= 1);
    assert.equal(one.truncated, one.entries_in_use > 1);
    const none = await (await ask('/api/v1/profile/1?from=2099-01-01T00:00:00Z')).json();
    assert.deepEqual(none.rows, []);
    for (const wrong of ['limit=0', 'limit=5001', 'limit=x', 'from=yesterday', 'to=2026-13-01T00:00:00Z']) await refused(await ask(`/api/v1/profile/1?${wrong}`), 400, 'bad-parameter');
    for (const wrong of ['0', '5', 'x']) {
      const response = await ask(`/api/v1/profile/${wrong}`);
      assert.ok(response.status === 400 || response.status === 404, `profile/${wrong}: ${response.status}`);
      hold('Problem', await response.json());
    }
  });

  test('events come about four times a second, and each has its described shape', async () => {
    const response = await fetch(new URL('/api/v1/events', base));
    assert.match(response.headers.get('content-type'), /^text\/event-stream/);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let stream = '';
    let last = 0;
    let seen = 0;
    while (seen < 6) {
      const { value, done } = await reader.read();
      assert.ok(!done, 'the stream ended');
      stream += value;
      for (let end = stream.indexOf('\n\n'); end >= 0; end = stream.indexOf('\n\n')) {
        const lines = stream.slice(0, end).split('\n');
        stream = stream.slice(end + 2);
        const field = (name) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim();
        if (field('data') === undefined) continue;
        assert.equal(field('event'), 'state');
        const event = JSON.parse(field('data'));
        hold('StateEvent', event);
        assert.equal(field('id'), String(event.sequence));
        assert.ok(event.sequence > last);
        last = event.sequence;
        seen += 1;
      }
    }
    await reader.cancel();
  });

  test('every example of the contract is accepted and answered in full', async () => {
    const answers = { '/api/v1/world/supply': 'Supply', '/api/v1/world/load': 'Load', '/api/v1/world/contacts': 'Contacts', '/api/v1/world/power': 'Power', '/api/v1/time': 'Time' };
    for (const [path, answer] of Object.entries(answers)) {
      for (const [name, { value }] of Object.entries(document.paths[path].put.requestBody.content['application/json'].examples)) {
        const body = value.phases ? { ...value, phases: value.phases.slice(0, phases) } : value;
        const response = await put(path, body);
        const got = await response.json();
        assert.equal(response.status, 200, `${path} ${name}: ${JSON.stringify(got)}`);
        hold(answer, got);
        for (const [field, said] of Object.entries(body)) {
          if (!['button', 'jump_s', 'phases'].includes(field)) assert.deepEqual(got[field], said, `${path} ${name}: ${field}`);
        }
        if (path === '/api/v1/world/power') await put(path, { on: true });
      }
    }
  });

  test('what a change leaves out stays as it was', async () => {
    await put('/api/v1/world/supply', { frequency_hz: 50, phases: first({ volts: 231, harmonics: [{ order: 5, percent: 4 }] }, { volts: 230 }) });
    const got = await (await put('/api/v1/world/supply', { frequency_hz: 50.5 })).json();
    assert.equal(got.frequency_hz, 50.5);
    assert.equal(got.phases[0].volts, 231);
    assert.deepEqual(got.phases[0].harmonics, [{ order: 5, percent: 4, phase_deg: 0 }]);
    assert.deepEqual(got.phases.map((phase) => phase.angle_deg), [0, -120, 120].slice(0, phases));
    assert.deepEqual((await state()).world.supply, got);
    const household = await (await put('/api/v1/world/load', { household: true, pv_watts: 1234, level: 0.5 })).json();
    assert.deepEqual(household, { household: true, pv_watts: 1234, level: 0.5 });
    assert.deepEqual(await (await put('/api/v1/world/load', { household: true, level: 2 })).json(), { household: true, pv_watts: 1234, level: 2 });
  });

  test('a value out of its range is refused, named, and changes nothing', async () => {
    const supply = '/api/v1/world/supply';
    const load = '/api/v1/world/load';
    const kept = JSON.stringify((await state()).world);
    const cases = [
      [supply, { frequency_hz: 39.9 }, '#/frequency_hz'],
      [supply, { frequency_hz: 70.1 }, '#/frequency_hz'],
      [supply, { phases: first({ volts: 400.1 }, { volts: 230 }) }, '#/phases/0/volts'],
      [supply, { phases: first({ volts: -1 }, { volts: 230 }) }, '#/phases/0/volts'],
      [supply, { phases: first({ volts: 230, angle_deg: 361 }, { volts: 230 }) }, '#/phases/0/angle_deg'],
      [supply, { phases: [] }, '#/phases'],
      [supply, { phases: [...each({ volts: 230 }), { volts: 230 }] }, '#/phases'],
      [supply, { phases: first({ volts: 230, harmonics: [{ order: 1, percent: 1 }] }, { volts: 230 }) }, '#/phases/0/harmonics/0/order'],
      [supply, { phases: first({ volts: 230, harmonics: [{ order: 51, percent: 1 }] }, { volts: 230 }) }, '#/phases/0/harmonics/0/order'],
      [supply, { phases: first({ volts: 230, harmonics: [{ order: 3, percent: 101 }] }, { volts: 230 }) }, '#/phases/0/harmonics/0/percent'],
      [supply, { frequency_hz: 51, phases: first({ volts: 999 }, { volts: 230 }) }, '#/phases/0/volts'],
      [load, { phases: first({ amps: 120.1 }, { amps: 1 }) }, '#/phases/0/amps'],
      [load, { phases: first({ amps: -1 }, { amps: 1 }) }, '#/phases/0/amps'],
      [load, { phases: first({ amps: 1, angle_deg: -361 }, { amps: 1 }) }, '#/phases/0/angle_deg'],
      [load, { household: true, pv_watts: 30001 }, '#/pv_watts'],
      [load, { household: true, level: 5.1 }, '#/level'],
      ['/api/v1/time', { speed: 0.05 }, '#/speed'],
      ['/api/v1/time', { speed: -1 }, '#/speed'],
      ['/api/v1/time', { speed: 100001 }, '#/speed'],
      ['/api/v1/time', { jump_s: 315576001 }, '#/jump_s'],
    ];
    for (const [path, body, pointer] of cases) await refused(await put(path, body), 422, 'out-of-range', pointer);
    assert.equal(JSON.stringify((await state()).world), kept);
  });

  test('an unknown field, a missing field and a wrong type are refused by name', async () => {
    await refused(await put('/api/v1/world/supply', { frequency_hz: 50, frequency: 50 }), 422, 'unknown-field', '#/frequency');
    await refused(await put('/api/v1/world/load', { household: true, phases: each({ amps: 1 }) }), 422, 'unknown-field');
    await refused(await put('/api/v1/world/supply', { phases: first({ angle_deg: 0 }, { volts: 230 }) }), 422, 'missing-field', '#/phases/0/volts');
    await refused(await put('/api/v1/world/power', {}), 422, 'missing-field', '#/on');
    await refused(await put('/api/v1/time', {}), 422, 'missing-field');
    await refused(await put('/api/v1/world/supply', { frequency_hz: '50' }), 422, 'wrong-type', '#/frequency_hz');
    await refused(await put('/api/v1/world/contacts', { meter_cover: 'ajar' }), 422, 'out-of-range', '#/meter_cover');
    await refused(await put('/api/v1/time', { speed: 'fast' }), 422, 'out-of-range', '#/speed');
    await refused(await put('/api/v1/time', { jump_s: 1.5 }), 422, 'wrong-type', '#/jump_s');
    await refused(await put('/api/v1/world/power', []), 422, 'wrong-type', '#');
  });

  test('what is no JSON, too long, of another type or unknown is refused as a problem', async () => {
    for (const body of ['', '{', '{"on": tru', '{"on": true} x', '\u0000']) await refused(await put('/api/v1/world/power', body), 400, 'malformed-json');
    await refused(await put('/api/v1/world/supply', `{"frequency_hz": 50${' '.repeat(65_536)}}`), 413, 'too-large');
    await refused(await put('/api/v1/world/power', '{"on": true}', { 'Content-Type': 'text/plain' }), 415, 'unsupported-media-type');
    await refused(await ask('/api/v1/nothing'), 404, 'not-found');
    const method = await ask('/api/v1/state', { method: 'DELETE' });
    assert.ok(method.headers.get('allow')?.includes('GET'), 'Allow names GET');
    await refused(method, 405, 'method-not-allowed');
    await refused(await put('/api/v1/world/power', { on: true }, { 'Content-Type': 'application/json', Origin: 'http://elsewhere.example' }), 403, 'foreign-origin');
  });

  test('the meter serves its contract, its page and its health', async () => {
    assert.equal(await (await ask('/api/v1/openapi.yaml')).text(), text);
    assert.deepEqual(await (await ask('/healthz')).json(), { status: 'ok' });
    for (const [path, type] of [['/', 'text/html'], ['/face.js', 'text/javascript'], ['/face.css', 'text/css']]) {
      const response = await ask(path);
      assert.equal(response.status, 200, path);
      assert.ok(response.headers.get('content-type').startsWith(type), path);
      assert.ok(response.headers.get('etag'), `${path} has an ETag`);
      assert.ok(response.headers.get('content-security-policy')?.startsWith("default-src 'self'"), path);
      const again = await ask(path, { headers: { 'If-None-Match': response.headers.get('etag') } });
      assert.equal(again.status, 304, `${path} is not sent twice`);
    }
  });
});
