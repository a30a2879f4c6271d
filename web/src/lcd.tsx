// The glass: what is shown now with its OBIS code, value, unit, directions and symbols.
import type { Display } from './contract';
import { Segments } from './segments';

const SAID: Record<string, string> = {
  L1: 'phase 1 present', L2: 'phase 2 present', L3: 'phase 3 present', reverse: 'phase sequence reversed', import: 'importing', export: 'exporting',
  open: 'switch open', ready: 'ready for reconnection', meter_cover: 'meter cover opened', terminal_cover: 'terminal cover opened', magnet: 'magnetic field',
  clock: 'clock invalid', battery: 'replace battery', error: 'error', comm: 'client connected', manual: 'manual list',
};

/** Drawn symbols of 18 x 16 units, from left to right as on the glass. */
const DRAWN: [string, string][] = [
  ['comm', 'M3 13a1.5 1.5 0 1 0 .1 0M3 8a6 6 0 0 1 6 6M3 3a11 11 0 0 1 11 11'],
  ['manual', 'M6 15V4a1.3 1.3 0 0 1 3 0v5l5 1.5V13l-1 2zM6 10l-3 1'],
  ['meter_cover', 'M2 7h12v8H2zM4 7V4a3 3 0 0 1 6-1'],
  ['terminal_cover', 'M2 11h13v4H2zM2 9 13 3M5 13h.1M8.500 13h.1M12 13h.1'],
  ['magnet', 'M3 2v7a5.500 5.500 0 0 0 11 0V2h-3.500v7a2 2 0 0 1-4 0V2zM3 5h3.500M10.500 5H14'],
  ['clock', 'M8.500 2a6.500 6.500 0 1 0 .1 0M8.500 5v4l3 2'],
  ['battery', 'M1 5h13v7H1zM14 7h2v3h-2M4 5v7'],
  ['error', 'M8.500 1 16 15H1zM8.500 6v4M8.500 12.500v.1'],
];

/** Filled up on the right, so that the code stands at the left of its cells. */
const left = (text: string, count: number) => text.padEnd(count + text.replace(/[^.:]/g, '').length);

export function Lcd({ display, on }: { display: Display | undefined; on: boolean }) {
  const everything = on && (display?.segments_test ?? false);
  const symbols = new Set(on ? display?.symbols : []);
  const lit = (name: string) => (everything || symbols.has(name) ? 'on' : 'off');
  const text = (on && display?.text) || '';
  const obis = (on && display?.obis) || '';
  const unit = (on && display?.unit) || '';
  const tariff = [...symbols].find((name) => /^T[1-8]$/.test(name));
  const said = text === '' && !everything
    ? 'The display is blank'
    : `Display: ${obis} ${everything ? 'all segments' : text.trim()} ${unit}; ${[...symbols].map((name) => SAID[name] ?? name).join(', ')}`;
  return (
    <svg class="lcd" viewBox="0 0 476 176" role="img" aria-label={said} data-obis={obis} data-text={text}>
      <Segments text={left(obis, 11)} count={11} everything={everything} x={16} y={14} height={25} />

      <g class="strokes" transform="translate(372 8)">
        <path class={lit('export')} d="M2 18h20M8 12l-6 6 6 6" />
        <path class={lit('import')} d="M68 18h20m-6-6 6 6-6 6" />
        <path class="on" style={{ opacity: on ? 1 : 0.07 }} d="M28 18h34M45 1v34" />
      </g>
      {([['Q1', 47, 2], ['Q2', 30, 2], ['Q3', 30, 20], ['Q4', 47, 20]] as const).map(([name, x, y]) => (
        <rect key={name} class={lit(name)} x={372 + x} y={8 + y} width="13" height="14" />
      ))}

      <Segments text={text} count={8} everything={everything} x={14} y={58} height={64} />
      <text class="unit on" x="468" y="121" text-anchor="end">{everything ? 'kvarh' : unit}</text>

      <g class="letters">
        {['L1', 'L2', 'L3'].map((name, index) => <text key={name} class={lit(name)} x={14 + index * 27} y="158">{name}</text>)}
        <text class={lit('reverse')} x="94" y="158">⇄</text>
        <text class={everything || tariff ? 'on' : 'off'} x="120" y="158">{everything ? 'T8' : tariff ?? 'T8'}</text>
      </g>
      <g class="strokes" transform="translate(162 142)">
        <path class={lit('open')} d="M0 12h7l12-9M20 12h8" />
        <path class={lit('ready')} d="M36 12h7l12-5M56 12h8M46 0v0M50 0l-4 3 4 3" />
      </g>
      <g class="strokes">
        {DRAWN.map(([name, path], index) => <path key={name} class={lit(name)} d={path} transform={`translate(${254 + index * 27} 143)`} />)}
      </g>
    </svg>
  );
}
