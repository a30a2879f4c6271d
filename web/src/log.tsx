// The event logs, newest entry first.
import { useState } from 'preact/hooks';
import type { State } from './contract';
import { toWallClock } from './figures';

const NAMES: Record<string, string> = {
  standard: 'Standard', fraud: 'Fraud', disconnect: 'Switch', power_failure: 'Power failures', quality: 'Quality', communication: 'Communication', security: 'Security',
};

export function Log({ state }: { state: State | null }) {
  const [chosen, setChosen] = useState('standard');
  const logs = state?.logs ?? {};
  const name = chosen in logs ? chosen : 'standard';
  const entries = logs[name] ?? [];
  const present = state ? Object.keys(NAMES).filter((log) => log in logs) : ['standard'];
  return (
    <div class="log">
      <div class="buttons" role="group" aria-label="Which log">
        {present.map((log) => (
          <button key={log} type="button" aria-pressed={log === name} onClick={() => setChosen(log)}>{NAMES[log] ?? log}</button>
        ))}
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label={`${NAMES[name] ?? name} log`}>
        <table>
          <thead><tr><th scope="col">Time</th><th scope="col">Code</th><th scope="col">Event</th></tr></thead>
          <tbody>
            {entries.map((entry, index) => (
              <tr key={index}><td class="number">{toWallClock(entry.time, state?.time.deviation_minutes ?? 0)}</td><td class="number">{entry.code}</td><td>{entry.text}</td></tr>
            ))}
            {entries.length === 0 && <tr><td colSpan={3}>Empty</td></tr>}
          </tbody>
        </table>
      </div>
    </div>
  );
}
