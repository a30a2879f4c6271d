// Drives the page of a running meter (BASE_URL) in a real browser, as a person would, and looks at what it shows.
// SHOTS names a folder for pictures; CHROMIUM another browser than Debian's.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';

const base = process.env.BASE_URL;
assert.ok(base, 'BASE_URL names the meter, such as http://127.0.0.1:8080');
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** For what takes a moment of real time. */
const SOON = 15_000;
/** For what takes minutes of the meter's time while it runs fast. */
const LATER = 120_000;

const ask = async (path) => (await fetch(new URL(path, base))).json();
const state = () => ask('/api/v1/state');
async function put(path, body) {
  const response = await fetch(new URL(`/api/v1/${path}`, base), { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.clone().text());
}

/** Asks again and again until the answer satisfies. */
async function until(what, probe, patience = SOON) {
  const end = Date.now() + patience;
  for (;;) {
    const got = await probe();
    if (got) return got;
    assert.ok(Date.now() < end, `waited ${patience / 1000} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('the face of the meter', { timeout: 600_000 }, () => {
  let profileFolder;
  let context;
  let page;
  let first;
  const complaints = [];
  const strangers = [];

  const shot = async (name, of = page) => { if (shots) await of.screenshot({ path: join(shots, `${name}.png`), fullPage: true }); };
  const figureOf = async (name, of = page) => Number((await of.locator(`[data-quantity="${name}"]`).innerText()).replace('−', '-').replace(/[^0-9.-]/g, '') || NaN);
  const glass = () => page.locator('svg.lcd').evaluate((lcd) => ({ obis: lcd.dataset.obis, text: lcd.dataset.text, lit: lcd.querySelectorAll('polygon.on').length }));

  function watch(watched) {
    watched.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
    watched.on('pageerror', (error) => complaints.push(error.message));
    watched.on('request', (request) => { if (!request.url().startsWith(base) && !request.url().startsWith('data:')) strangers.push(request.url()); });
  }

  before(async () => {
    first = await state();
    await put('world/power', { on: true });
    await put('time', { speed: 1 });
    await put('world/contacts', { meter_cover: 'closed', terminal_cover: 'closed', magnet: false });
    profileFolder = mkdtempSync(join(tmpdir(), 'ferraris-face-'));
    context = await chromium.launchPersistentContext(profileFolder, {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS, viewport: { width: 1280, height: 900 }, colorScheme: 'light',
    });
    page = context.pages()[0] ?? await context.newPage();
    watch(page);
    await page.addInitScript(() => {
      globalThis.shifted = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shifted += entry.value; }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(base);
    await page.locator('[data-link="live"]').waitFor({ timeout: SOON });
  });

  after(async () => {
    await put('world/power', { on: true });
    await put('world/contacts', first.contacts);
    await put('world/supply', first.world.supply);
    await put('world/load', first.world.load);
    await put('time', { speed: first.time.speed });
    await context?.close();
    if (profileFolder) rmSync(profileFolder, { recursive: true, force: true });
  });

  test('the glass shows an OBIS code and rolls on to other values', async () => {
    const seen = new Set();
    await until('three different pages of the display', async () => {
      const { obis, text, lit } = await glass();
      if (obis !== '') {
        assert.match(obis, /^\d+-\d+:\d+\.\d+\.\d+$/);
        assert.ok(lit > 0, 'segments are dark');
        seen.add(`${obis} ${text}`);
      }
      return seen.size >= 3;
    }, 40_000);
    assert.match(await page.locator('svg.lcd').getAttribute('aria-label'), /^Display: /);
    await shot('wide-light');
  });

  test('the LED flashes with the energy that passes', async () => {
    await page.getByLabel('Fixed currents').check();
    const slider = page.getByRole('slider', { name: 'Current L1', exact: true });
    await slider.fill('40');
    const led = page.locator('[data-led="active"]');
    const [pulses, flashes] = [Number(await led.getAttribute('data-pulses')), Number(await led.getAttribute('data-flashes'))];
    await until('three more pulses', async () => Number(await led.getAttribute('data-pulses')) >= pulses + 3);
    await until('three more flashes', async () => Number(await led.getAttribute('data-flashes')) >= flashes + 3);
  });

  test('a load slider changes the power that the meter measures', async () => {
    const active = await until('the power of L1', async () => { const watts = await figureOf('Active-1'); return watts > 8000 && watts; });
    assert.ok(active < 11_000, `${active} W at 40 A`);
    await page.getByRole('slider', { name: 'Current L1', exact: true }).fill('10');
    await until('the lower power of L1', async () => { const watts = await figureOf('Active-1'); return watts > 2000 && watts < 2800; });
    const lag = page.getByLabel('Lag of the current L1 in °');
    await lag.fill('60');
    await lag.press('Tab');
    await until('half the power at 60 degrees', async () => Math.abs(await figureOf('Factor-1') - 0.5) < 0.05);
    const load = (await state()).world.load;
    assert.equal(load.phases[0].amps, 10);
    assert.equal(load.phases[0].angle_deg, 60);
  });

  test('three voltages stand in the phasor diagram, 120 degrees apart', async () => {
    for (const phase of [1, 2, 3]) await page.locator(`[data-phasor="voltage-${phase}"]`).waitFor({ timeout: SOON });
    const { phasors } = await ask('/api/v1/waveform');
    const turn = (from, to) => ((phasors.voltages[to].angle_deg - phasors.voltages[from].angle_deg + 540) % 360) - 180;
    assert.ok(Math.abs(turn(0, 1) + 120) < 2 && Math.abs(turn(0, 2) - 120) < 2, JSON.stringify(phasors.voltages));
    const lag = phasors.voltages[0].angle_deg - phasors.currents[0].angle_deg;
    assert.ok(Math.abs(lag - 60) < 3, `the current of L1 lags by ${lag}`);
  });

  test('the waveforms have points, and a sine its peak', async () => {
    for (const title of ['Voltages', 'Currents']) {
      const chart = page.getByRole('img', { name: `${title} over the last cycles` });
      await until(`points of ${title}`, async () => Number(await chart.getAttribute('data-points')) > 300);
      assert.ok(await chart.locator('canvas').evaluate((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, index) => index % 4 === 3 && value > 0).length > 2000;
      }), `${title} are drawn`);
    }
    const { channels } = await ask('/api/v1/waveform');
    const peak = Math.max(...channels.find((channel) => channel.name === 'v1').values);
    assert.ok(peak > 230 * 1.25 && peak < 230 * 1.6, `${peak} V`);
  });

  test('the mains follow their sliders', async () => {
    await page.getByRole('slider', { name: 'Frequency' }).fill('51');
    const volts = page.getByLabel('Voltage L2 in V');
    await volts.fill('215');
    await volts.press('Tab');
    await until('51 Hz and 215 V', async () => {
      const caption = await page.locator('.phasors figcaption').innerText();
      return /5[01]\.\d+ Hz/.test(caption) && Math.abs(Number(caption.match(/([\d.]+) Hz/)[1]) - 51) < 0.05 && Math.abs(await figureOf('Voltage-2') - 215) < 4;
    });
    await put('world/supply', first.world.supply);
    await until('the slider to follow a change from elsewhere', async () => Number(await page.getByRole('slider', { name: 'Frequency' }).inputValue()) === first.world.supply.frequency_hz);
  });

  test('opening a cover and holding a magnet near reach the meter', async () => {
    const cover = page.getByRole('switch', { name: 'Meter cover open' });
    await cover.focus();
    await page.keyboard.press('Space');
    await until('the open meter cover', async () => (await state()).contacts.meter_cover === 'open');
    await page.getByRole('switch', { name: 'Terminal cover open' }).click();
    await page.getByRole('switch', { name: 'Magnet near' }).click();
    await until('everything', async () => { const { contacts } = await state(); return contacts.terminal_cover === 'open' && contacts.magnet; });
    await page.locator('.hood.opened').waitFor({ timeout: SOON });
    await page.locator('.lid.opened').waitFor({ timeout: SOON });
    assert.equal(await cover.getAttribute('aria-checked'), 'true');
    await shot('tampered');
    await cover.click();
    await until('the closed meter cover', async () => (await state()).contacts.meter_cover === 'closed');
  });

  test('the button on the case takes a short press and a long one', async () => {
    const pressed = [];
    const note = (request) => { if (request.method() === 'PUT') pressed.push(request.postDataJSON().button); };
    page.on('request', note);
    const button = page.getByRole('button', { name: 'Meter button' });
    await button.click();
    await until('a short press', () => pressed.includes('short'));
    await button.focus();
    await page.keyboard.down('Space');
    await until('a long press', () => pressed.includes('long'));
    await page.keyboard.up('Space');
    page.off('request', note);
    assert.deepEqual(pressed, ['short', 'long']);
  });

  test('a second long press shows the service mode', async () => {
    const list = async () => (await state()).display.list;
    const hold = async () => {
      const before = await list();
      await page.keyboard.down('Space');
      await until('another list', async () => await list() !== before);
      await page.keyboard.up('Space');
    };
    await page.getByRole('button', { name: 'Meter button' }).focus();
    // The press before has led to the manual list, unless nobody has pressed for a while.
    for (let presses = 0; presses < 6 && await list() !== 'service'; presses += 1) await hold();
    assert.equal(await list(), 'service');
    await until('the errors on the glass', async () => await page.locator('svg.lcd').getAttribute('data-obis') === '0-0:97.97.0');
    await hold();
    assert.equal(await list(), 'automatic');
  });

  test('the sealed button ends the billing period, and the tariff input takes a tariff', async () => {
    const pressed = [];
    const note = (request) => { if (request.method() === 'PUT') pressed.push(request.postDataJSON()); };
    page.on('request', note);
    await page.getByRole('button', { name: 'End billing period' }).click();
    await until('the press', () => pressed.some((body) => body.button === 'billing'));
    await page.getByLabel('Tariff input').selectOption('4');
    await until('the tariff input', async () => (await state()).contacts.tariff_input === 4);
    await page.getByLabel('Tariff input').selectOption('1');
    await until('the tariff input', async () => (await state()).contacts.tariff_input === 1);
    page.off('request', note);
  });

  test('the state of the disconnector is shown as the meter has it', async () => {
    const { disconnector } = await state();
    const shown = page.locator('[data-disconnector]');
    assert.equal(await shown.getAttribute('data-disconnector'), disconnector?.control_state ?? 'none');
    assert.match(await shown.innerText(), disconnector ? /Connected|Disconnected|Ready/ : /no switch/);
  });

  test('the load profile fills in accelerated time', async () => {
    const chart = page.getByRole('img', { name: /^Load profile: / });
    const points = Number(await chart.getAttribute('data-points'));
    await page.getByRole('button', { name: 'Max' }).click();
    await until('the meter to run faster', async () => (await state()).time.speed === 'max');
    await until('four more points', async () => Number(await chart.getAttribute('data-points')) >= points + 4, LATER);
    await page.getByRole('button', { name: '1×', exact: true }).click();
    await until('the meter to run at ease', async () => (await state()).time.speed === 1);
    await chart.scrollIntoViewIfNeeded();
    await chart.hover();
    await shot('profile');
  });

  test('a jump of the clock and the power up stand in the log', async () => {
    const log = page.getByRole('region', { name: 'Standard log' });
    await until('power up', async () => /power up/i.test(await log.innerText()));
    const utc = Date.parse((await state()).time.utc);
    await page.getByRole('button', { name: '+1 h' }).click();
    await until('the clock an hour on', async () => Date.parse((await state()).time.utc) - utc >= 3_600_000);
    await until('the adjustment', async () => /\b5\b/.test(await log.innerText()));
  });

  test('without mains the glass is blank, and the meter comes back', async () => {
    const mains = page.getByRole('switch', { name: 'Mains on' });
    await mains.click();
    await until('a blank glass', async () => { const { text, lit } = await glass(); return text === '' && lit === 0; });
    await shot('without-mains');
    const ups = (await state()).logs.standard.filter((entry) => entry.code === 2).length;
    await mains.click();
    await until('a lit glass', async () => (await glass()).lit > 0, 30_000);
    await until('one more power up', async () => (await state()).logs.standard.filter((entry) => entry.code === 2).length > ups);
  });

  test('everything to operate has a name', async () => {
    const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, [role="img"], [role="region"]')]
      .filter((element) => !(element.getAttribute('aria-label') || element.closest('label')?.innerText || element.innerText?.trim()))
      .map((element) => element.outerHTML.slice(0, 120)));
    assert.deepEqual(nameless, []);
  });

  test('it fits a telephone in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.waitForTimeout(600);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.equal(content, window, 'nothing sticks out');
    const cut = await page.evaluate(() => [...document.querySelectorAll('.panel')].filter((panel) => panel.scrollWidth > panel.clientWidth + 1).map((panel) => panel.className));
    assert.deepEqual(cut, [], 'no panel is cut');
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.ok(ground.match(/\d+/g).slice(0, 3).every((part) => Number(part) < 64), `${ground} is dark`);
    await shot('narrow-dark');
    await page.setViewportSize({ width: 1280, height: 900 });
    await shot('wide-dark');
    await page.emulateMedia({ colorScheme: 'light' });
  });

  test('nothing moved by itself, nothing complained, nothing came from elsewhere', async () => {
    const fresh = await context.newPage();
    watch(fresh);
    await fresh.addInitScript(() => {
      globalThis.shifted = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) globalThis.shifted += entry.value; }).observe({ type: 'layout-shift', buffered: true });
    });
    await fresh.goto(base);
    await fresh.locator('[data-link="live"]').waitFor({ timeout: SOON });
    await fresh.waitForTimeout(3000);
    const shifted = await fresh.evaluate(() => globalThis.shifted);
    assert.ok(shifted < 0.02, `layout shifted by ${shifted}`);
    await fresh.close();
    assert.deepEqual(complaints, []);
    assert.deepEqual(strangers, []);
  });

  test('a lost connection is shown, and mended by itself', async () => {
    const cut = await context.newPage();
    await cut.goto(base);
    await cut.locator('[data-link="live"]').waitFor({ timeout: SOON });
    await cut.route('**/api/v1/events', (route) => route.abort());
    await cut.reload();
    await cut.getByText('Connection lost').waitFor({ timeout: SOON });
    await cut.getByRole('alert').getByText('Trying again').waitFor({ timeout: SOON });
    await shot('lost', cut);
    await cut.unroute('**/api/v1/events');
    await cut.locator('[data-link="live"]').waitFor({ timeout: SOON });
    await cut.close();
  });
});
