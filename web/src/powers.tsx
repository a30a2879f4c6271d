// What is measured now, per phase and in total, and what has been counted.
import type { State, StateEvent } from './contract';
import { figure, quantity } from './figures';

interface Row { name: string; unit: string; decimals: number; scale?: number; phases: [string, string?][]; total: [string, string?] | null }

/** OBIS names C.D.E; where two stand, the row shows the first less the second. */
const ROWS: Row[] = [
  { name: 'Voltage', unit: 'V', decimals: 1, phases: [['32.7.0'], ['52.7.0'], ['72.7.0']], total: null },
  { name: 'Current', unit: 'A', decimals: 2, phases: [['31.7.0'], ['51.7.0'], ['71.7.0']], total: ['91.7.0'] },
  { name: 'Active', unit: 'W', decimals: 0, phases: [['21.7.0', '22.7.0'], ['41.7.0', '42.7.0'], ['61.7.0', '62.7.0']], total: ['1.7.0', '2.7.0'] },
  { name: 'Reactive', unit: 'var', decimals: 0, phases: [['23.7.0', '24.7.0'], ['43.7.0', '44.7.0'], ['63.7.0', '64.7.0']], total: ['3.7.0', '4.7.0'] },
  { name: 'Apparent', unit: 'VA', decimals: 0, phases: [['29.7.0', '30.7.0'], ['49.7.0', '50.7.0'], ['69.7.0', '70.7.0']], total: ['9.7.0', '10.7.0'] },
  { name: 'Factor', unit: '', decimals: 3, phases: [['33.7.0'], ['53.7.0'], ['73.7.0']], total: ['13.7.0'] },
  { name: 'THD U', unit: '%', decimals: 1, phases: [['32.7.124'], ['52.7.124'], ['72.7.124']], total: null },
  { name: 'THD I', unit: '%', decimals: 1, phases: [['31.7.124'], ['51.7.124'], ['71.7.124']], total: null },
];

const ENERGIES: [string, string, string][] = [
  ['1.8.0', 'Import', 'kWh'], ['2.8.0', 'Export', 'kWh'], ['3.8.0', 'Reactive import', 'kvarh'], ['4.8.0', 'Reactive export', 'kvarh'],
];

/** Net active power has an object of its own; it wins over the difference of two. */
function value(now: StateEvent | null, row: Row, names: [string, string?], column: number): number | undefined {
  if (row.name === 'Active') {
    const net = quantity(now, ['36.7.0', '56.7.0', '76.7.0', '16.7.0'][column] ?? '');
    if (net !== undefined) return net;
  }
  if (row.name === 'Apparent') {
    const [forward, backward] = [quantity(now, names[0]), names[1] === undefined ? undefined : quantity(now, names[1])];
    return forward === undefined ? backward : forward + (backward ?? 0);
  }
  return quantity(now, names[0], names[1]);
}

export function Powers({ now, phases }: { now: StateEvent | null; phases: number }) {
  return (
    <table class="powers">
      <thead>
        <tr><td />{[1, 2, 3].slice(0, phases).map((phase) => <th key={phase} scope="col" class={`key l${phase}`}>L{phase}</th>)}<th scope="col">Total</th></tr>
      </thead>
      <tbody>
        {ROWS.map((row) => (
          <tr key={row.name}>
            <th scope="row">{row.name}{row.unit && <small> {row.unit}</small>}</th>
            {row.phases.slice(0, phases).map((names, index) => (
              <td key={index} class="number" data-quantity={`${row.name}-${index + 1}`}>{figure(value(now, row, names, index), row.decimals)}</td>
            ))}
            <td class="number" data-quantity={`${row.name}-total`}>{row.name === 'Current' && <small class="of">N</small>}{row.total ? figure(value(now, row, row.total, 3), row.decimals) : ''}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Energies({ now, state }: { now: StateEvent | null; state: State | null }) {
  return (
    <dl class="energies">
      {ENERGIES.map(([name, title, unit]) => {
        const whole = now?.registers[`1-0:${name}`] ?? state?.registers[`1-0:${name}`]?.value;
        return (
          <div key={name}>
            <dt>{title} <small>{name}</small></dt>
            <dd class="number">{figure(whole === undefined ? undefined : whole / 1000, 3)} <small>{unit}</small></dd>
          </div>
        );
      })}
    </dl>
  );
}
