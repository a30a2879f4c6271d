// A pretended meter for work on the page's looks: it follows docs/openapi.yaml roughly and measures nothing.
// PORT (default 8089) is where it listens; it serves dist/ as the real one does.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' };
const POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

const world = {
  on: true,
  supply: { frequency_hz: 50, phases: [0, -120, 120].map((angle_deg) => ({ volts: 230, angle_deg, harmonics: [] })) },
  load: { household: true, pv_watts: 3000, level: 1 },
};
const contacts = { meter_cover: 'closed', terminal_cover: 'closed', magnet: false };
const disconnector = { output_state: true, control_state: 'connected', control_mode: 4 };
const logs = { standard: [], fraud: [], disconnect: [] };
const rows = [];
const PERIOD = 900;
let speed = 1;
let now = Date.UTC(2026, 0, 5, 9, 58, 20) / 1000;
let imported = 1_234_567;
let exported = 8_912;
let reactive = 40_321;
let pulses = 0;
let reactivePulses = 0;
let revision = 0;
let written = 0;
let entries = 0;
let step = 0;
let segmentsTest = 0;

const iso = (seconds) => new Date(seconds * 1000).toISOString().replace('.000', '').replace(/\.\d+Z/, 'Z');
const local = (seconds) => `${iso(seconds + 3600).slice(0, 19)}+01:00`;
function log(name, code, text) {
  logs[name].unshift({ time: iso(now), code, text });
  logs[name].length = Math.min(logs[name].length, 100);
  entries += 1;
}

/** Per phase: volts, amps, lag in degrees. */
function phases() {
  const day = (now / 3600 + 1) % 24;
  const sun = Math.max(0, Math.sin(((day - 6) / 12) * Math.PI));
  return world.supply.phases.map((supply, index) => {
    const live = world.on ? supply.volts : 0;
    if (!disconnector.output_state || live === 0) return { volts: live, amps: 0, lag: 0, angle: supply.angle_deg };
    if ('phases' in world.load) return { volts: live, amps: world.load.phases[index].amps, lag: world.load.phases[index].angle_deg, angle: supply.angle_deg };
    const wobble = 1 + 0.6 * Math.sin(now / (307 + 90 * index) + index * 2) + 0.3 * Math.sin(now / 41 + index);
    const watts = world.load.level * 420 * Math.max(0.1, wobble) - (world.load.pv_watts * sun) / 3;
    return { volts: live - watts / 900, amps: Math.abs(watts) / live / 0.97, lag: watts >= 0 ? 14 : 176, angle: supply.angle_deg };
  });
}

function powers() {
  return phases().map((it) => {
    const lag = (it.lag * Math.PI) / 180;
    return { ...it, p: it.volts * it.amps * Math.cos(lag), q: it.volts * it.amps * Math.sin(lag) };
  });
}

function live(seconds) {
  if (!world.on) return;
  const all = powers();
  const p = all.reduce((sum, it) => sum + it.p, 0);
  const q = all.reduce((sum, it) => sum + it.q, 0);
  const before = Math.floor(now / PERIOD);
  const wh = (p * seconds) / 3600;
  if (wh >= 0) imported += wh; else exported -= wh;
  reactive += Math.abs(q * seconds) / 3600;
  pulses += Math.abs(wh);
  reactivePulses += Math.abs(q * seconds) / 3600;
  now += seconds;
  for (let nth = before + 1; nth <= Math.floor(now / PERIOD); nth += 1) {
    const rest = (now - nth * PERIOD) / Math.max(seconds, 1e-9);
    rows.push({ time: iso(nth * PERIOD), status: 0, values: [Math.floor(imported - Math.max(0, wh) * rest), Math.floor(exported + Math.min(0, wh) * rest)] });
    if (rows.length > 5760) rows.shift();
    written += 1;
  }
}

const TOTALS = () => ({ '1-0:1.8.0': Math.floor(imported), '1-0:2.8.0': Math.floor(exported), '1-0:3.8.0': Math.floor(reactive), '1-0:4.8.0': 0 });

function quantities() {
  if (!world.on) return {};
  const all = powers();
  const out = {};
  const put = (name, value, unit) => { out[`1-0:${name}`] = { value: Number(value.toFixed(3)), unit }; };
  const both = (base, value, unit) => { put(`${base}.7.0`, Math.max(0, value), unit); put(`${base + 1}.7.0`, Math.max(0, -value), unit); };
  const noise = () => 1 + (Math.random() - 0.5) * 2e-4;
  all.forEach((it, index) => {
    const base = 20 * index;
    put(`${32 + base}.7.0`, it.volts * noise(), 'V');
    put(`${31 + base}.7.0`, it.amps * noise(), 'A');
    both(21 + base, it.p * noise(), 'W');
    put(`${36 + base}.7.0`, it.p, 'W');
    both(23 + base, it.q * noise(), 'var');
    put(`${29 + base}.7.0`, it.volts * it.amps, 'VA');
    put(`${33 + base}.7.0`, it.amps ? it.p / it.volts / it.amps : 1, '1');
    put(`${32 + base}.7.124`, 1.4 + index / 10, '%');
    put(`${31 + base}.7.124`, 11.2 + index, '%');
  });
  const sum = (key) => all.reduce((total, it) => total + it[key], 0);
  both(1, sum('p'), 'W');
  put('16.7.0', sum('p'), 'W');
  both(3, sum('q'), 'var');
  put('9.7.0', Math.hypot(sum('p'), sum('q')), 'VA');
  put('13.7.0', sum('p') / (Math.hypot(sum('p'), sum('q')) || 1), '1');
  put('14.7.0', world.supply.frequency_hz * noise(), 'Hz');
  put('91.7.0', 0.412, 'A');
  return out;
}

function display() {
  const q = quantities();
  const kilo = (value) => (value / 1000).toFixed(3).padStart(9, '0');
  const list = [
    ['1-0:1.8.0', kilo(imported), 'kWh'], ['1-0:2.8.0', kilo(exported), 'kWh'], ['1-0:3.8.0', kilo(reactive), 'kvarh'], ['0-0:1.0.0', local(now).slice(11, 19), ''], ['0-0:0.9.2', '05.01.26', ''],
    ['1-0:16.7.0', ((q['1-0:16.7.0']?.value ?? 0) / 1000).toFixed(3), 'kW'], ['1-0:32.7.0', (q['1-0:32.7.0']?.value ?? 0).toFixed(1), 'V'], ['0-0:96.3.10', disconnector.output_state ? 'ConnEct' : 'diSConn', ''],
  ];
  if (!world.on) return { obis: '', text: '', unit: '', symbols: [], segments_test: false };
  const [obis, text, unit] = list[Math.floor(step) % list.length];
  const p = q['1-0:16.7.0'].value;
  const symbols = ['T1', p < 0 ? 'export' : 'import', p < 0 ? 'Q2' : 'Q1', 'comm'];
  world.supply.phases.forEach((phase, index) => { if (phase.volts > 20) symbols.push(`L${index + 1}`); });
  if (contacts.meter_cover === 'open') symbols.push('meter_cover');
  if (contacts.terminal_cover === 'open') symbols.push('terminal_cover');
  if (contacts.magnet) symbols.push('magnet');
  if (!disconnector.output_state) symbols.push('open');
  return { obis, text, unit, symbols, segments_test: segmentsTest > Date.now() };
}

const time = () => ({ utc: iso(now), local: local(now), deviation_minutes: -60, status: 0, speed, achieved_speed: speed === 'max' ? 4321.5 : speed * 0.998 });
const leds = () => ({ active: { pulses: Math.floor(pulses), constant: 1000 }, reactive: { pulses: Math.floor(reactivePulses), constant: 1000 } });
const head = () => ({ obis: '1-0:99.1.0', period_s: PERIOD, entries_in_use: rows.length, capacity: 5760 });
const state = () => ({
  variant: 'ST402D', serial: '40200001', system_title: '4652520000000001', firmware: '0.1.0', time: time(),
  registers: Object.fromEntries(Object.entries(TOTALS()).map(([name, value]) => [name, { value, unit: 'Wh' }])), quantities: quantities(), display: display(), leds: leds(),
  disconnector, contacts, world, logs, profiles: { 1: head() },
  links: { wrapper: { address: '127.0.0.1:4059', open: 1 }, hdlc: { address: '127.0.0.1:4060', open: 0 }, http: { address: '127.0.0.1:8089', open: 1 } },
});
let sequence = 0;
const event = () => ({
  sequence: (sequence += 1), time: time(), display: display(), leds: leds(), disconnector, contacts, on: world.on,
  quantities: Object.fromEntries(Object.entries(quantities()).map(([name, it]) => [name, it.value])), registers: TOTALS(),
  world_revision: revision, log_entries: entries, profile_entries: { 1: written },
});

function waveform() {
  const rate = 8000;
  const count = Math.round((4 * rate) / world.supply.frequency_hz);
  const all = world.on ? phases() : [];
  const wave = (rms, angle, third) => Array.from({ length: count }, (_, nth) => {
    const turn = (2 * Math.PI * world.supply.frequency_hz * nth) / rate + (angle * Math.PI) / 180;
    return Number((rms * Math.SQRT2 * (Math.sin(turn) + third * Math.sin(3 * turn + 2) + (third / 2) * Math.sin(7 * turn))).toFixed(3));
  });
  const bent = 'phases' in world.load ? 0 : 0.25;
  const currents = all.map((it) => wave(it.amps, it.angle - it.lag, bent));
  const channels = [
    ...all.map((it, index) => ({ name: `v${index + 1}`, unit: 'V', values: wave(it.volts, it.angle, 0.012) })),
    ...currents.map((values, index) => ({ name: `i${index + 1}`, unit: 'A', values })),
    ...(currents.length ? [{ name: 'in', unit: 'A', values: currents[0].map((_, nth) => -currents.reduce((sum, values) => sum + values[nth], 0)) }] : []),
  ];
  const wrap = (angle) => ((angle + 540) % 360) - 180;
  return {
    rate_hz: rate,
    channels,
    phasors: {
      frequency_hz: world.on ? world.supply.frequency_hz : null,
      voltages: all.map((it, index) => ({ phase: index + 1, rms: it.volts, angle_deg: it.angle })),
      currents: all.map((it, index) => ({ phase: index + 1, rms: it.amps, angle_deg: wrap(it.angle - it.lag) })),
    },
  };
}

const PUT = {
  'world/supply': (body) => { Object.assign(world.supply, body); revision += 1; return world.supply; },
  'world/load': (body) => {
    world.load = 'phases' in body ? body : { pv_watts: 0, level: 1, ...('household' in world.load ? world.load : {}), ...body };
    revision += 1;
    return world.load;
  },
  'world/contacts': ({ button, ...body }) => {
    if (body.meter_cover === 'open' && contacts.meter_cover === 'closed') log('fraud', 40, 'terminal or meter cover removed');
    Object.assign(contacts, body);
    if (button === 'short') step = Math.floor(step) + 1;
    if (button === 'long') segmentsTest = Date.now() + 2500;
    return contacts;
  },
  'world/power': ({ on }) => { if (on !== world.on) { log('standard', on ? 2 : 1, on ? 'power up' : 'power down'); world.on = on; } return { on }; },
  time: (body) => {
    if ('jump_s' in body) { log('standard', 4, 'clock adjusted (old time)'); now += body.jump_s; log('standard', 5, 'clock adjusted (new time)'); }
    if ('speed' in body) speed = body.speed;
    return time();
  },
};

const send = (response, status, value, type = 'application/json') => response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(JSON.stringify(value));

log('standard', 2, 'power up');
for (let quarter = 0; quarter < 40; quarter += 1) live(PERIOD);
setInterval(() => { live((speed === 'max' ? 4321 : speed) / 20); step += 1 / 60; }, 50);

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const path = url.pathname.replace(/^\/api\/v1\//, '');
  if (request.method === 'PUT' && PUT[path]) {
    let text = '';
    request.on('data', (part) => { text += part; }).on('end', () => {
      let body;
      try {
        body = JSON.parse(text);
      } catch (error) {
        send(response, 400, { type: 'urn:ferraris:problem:malformed-json', title: 'The body is not JSON', status: 400, detail: error.message, errors: [] }, 'application/problem+json');
        return;
      }
      const frequency = body.frequency_hz;
      if (frequency !== undefined && !(frequency >= 40 && frequency <= 70)) {
        const detail = `is ${frequency}; allowed are 40 to 70`;
        send(response, 422, { type: 'urn:ferraris:problem:out-of-range', title: 'A value is out of its range', status: 422, detail: `frequency_hz ${detail}`, errors: [{ pointer: '#/frequency_hz', detail }] }, 'application/problem+json');
      } else {
        send(response, 200, PUT[path](body));
      }
    });
  } else if (path === 'state') send(response, 200, state());
  else if (path === 'waveform') send(response, 200, waveform());
  else if (path === 'profile/1') {
    const limit = Number(url.searchParams.get('limit') ?? 500);
    send(response, 200, { ...head(), columns: [{ obis: '1-0:1.8.0', attribute: 2, unit: 'Wh' }, { obis: '1-0:2.8.0', attribute: 2, unit: 'Wh' }], rows: rows.slice(-limit), truncated: rows.length > limit });
  } else if (path === 'events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 1000\n\n');
    const tell = () => { const data = event(); response.write(`event: state\nid: ${data.sequence}\ndata: ${JSON.stringify(data)}\n\n`); };
    tell();
    const timer = setInterval(tell, 250);
    request.on('close', () => clearInterval(timer));
  } else {
    const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    try {
      const octets = readFileSync(dist + name.replaceAll('..', ''));
      response.writeHead(200, { 'Content-Type': TYPES[name.split('.').at(-1)] ?? 'text/plain', 'Content-Security-Policy': POLICY, 'Cache-Control': 'no-cache' }).end(octets);
    } catch {
      send(response, 404, { type: 'urn:ferraris:problem:not-found', title: 'There is nothing here', status: 404, detail: url.pathname, errors: [] }, 'application/problem+json');
    }
  }
});
server.listen(Number(process.env.PORT ?? 8089), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
