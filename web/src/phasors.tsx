// The phasor diagram: voltages as long arrows, currents as short ones, L1 upright, angles counter-clockwise.
import type { Phasor, Waveform } from './contract';
import { figure } from './figures';

const RADIUS = 92;

/** A round number that the longest arrow fits under, so that the scale does not tremble with the value. */
function scaleFor(phasors: Phasor[], least: number): number {
  const largest = Math.max(least, ...phasors.map((phasor) => phasor.rms));
  const decade = 10 ** Math.floor(Math.log10(largest));
  return ([1, 2, 2.5, 5, 10].find((step) => step * decade >= largest) ?? 10) * decade;
}

function Arrow({ phasor, scale, kind }: { phasor: Phasor; scale: number; kind: 'voltage' | 'current' }) {
  const length = (RADIUS * phasor.rms) / scale;
  const turn = -phasor.angle_deg;
  if (length < 1) return null;
  const head = Math.min(kind === 'voltage' ? 9 : 12, length / 2);
  // A voltage's name stands before its tip, a current's beside it, so that both can be read when they point the same way.
  const reach = kind === 'voltage' ? length + 10 : Math.max(length - 6, 18);
  const aside = kind === 'voltage' ? 0 : 11 / reach;
  const radians = ((turn - 90) * Math.PI) / 180 + aside;
  return (
    <g class={`${kind} l${phasor.phase}`} data-phasor={`${kind}-${phasor.phase}`}>
      <g transform={`rotate(${turn})`}>
        <line x1="0" y1="0" x2="0" y2={-(length - head / 2)} />
        <polygon points={`0,${-length} ${head / 2.4},${-(length - head)} ${-head / 2.4},${-(length - head)}`} />
      </g>
      <text x={reach * Math.cos(radians)} y={reach * Math.sin(radians)} text-anchor="middle" dominant-baseline="central">
        {kind === 'voltage' ? 'U' : 'I'}{phasor.phase}
      </text>
    </g>
  );
}

export function Phasors({ phasors }: { phasors: Waveform['phasors'] | undefined }) {
  const voltages = phasors?.voltages ?? [];
  const currents = phasors?.currents ?? [];
  const volts = scaleFor(voltages, 50);
  const amps = scaleFor(currents, 0.5) * 1.25;
  const say = (name: string, unit: string) => (phasor: Phasor) => `${name}${phasor.phase} ${figure(phasor.rms, 1)} ${unit} at ${figure(phasor.angle_deg, 0)} degrees`;
  return (
    <figure class="phasors">
      <svg viewBox="-112 -112 224 224" role="img" aria-label={`Phasors: ${[...voltages.map(say('U', 'V')), ...currents.map(say('I', 'A'))].join(', ') || 'none'}`}>
        <g class="grid">
          <circle r={RADIUS} /><circle r={RADIUS / 2} />
          {[0, 30, 60, 90, 120, 150].map((angle) => <line key={angle} y1={-RADIUS} y2={RADIUS} transform={`rotate(${angle})`} />)}
        </g>
        {voltages.map((phasor) => <Arrow key={phasor.phase} phasor={phasor} scale={volts} kind="voltage" />)}
        {currents.map((phasor) => <Arrow key={phasor.phase} phasor={phasor} scale={amps} kind="current" />)}
        <circle r="2.500" class="hub" />
      </svg>
      <figcaption>
        <span>Circle: {volts} V, {figure(amps, amps < 10 ? 2 : 0)} A</span>
        <span class="number">{phasors?.frequency_hz == null ? '–' : figure(phasors.frequency_hz, 3)} Hz</span>
      </figcaption>
    </figure>
  );
}
