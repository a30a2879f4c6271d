// What hands can do to the meter from outside, and what its own switch does.
import type { Meter } from './api';
import type { Disconnector, StateEvent } from './contract';

function Toggle({ name, on, disabled, turn }: { name: string; on: boolean; disabled: boolean; turn: (on: boolean) => void }) {
  return (
    <button type="button" class="toggle" role="switch" aria-checked={on} disabled={disabled} onClick={() => turn(!on)}>
      <span class="track"><span class="knob" /></span>{name}
    </button>
  );
}

export function Switches({ meter, now }: { meter: Meter; now: StateEvent | null }) {
  const contacts = now?.contacts;
  const off = now === null;
  return (
    <div class="switches">
      <Toggle name="Mains on" on={now?.on ?? false} disabled={off} turn={(on) => void meter.putPower(on)} />
      <Toggle name="Meter cover open" on={contacts?.meter_cover === 'open'} disabled={off} turn={(on) => void meter.putContacts({ meter_cover: on ? 'open' : 'closed' })} />
      <Toggle name="Terminal cover open" on={contacts?.terminal_cover === 'open'} disabled={off} turn={(on) => void meter.putContacts({ terminal_cover: on ? 'open' : 'closed' })} />
      <Toggle name="Magnet near" on={contacts?.magnet ?? false} disabled={off} turn={(on) => void meter.putContacts({ magnet: on })} />
      <button type="button" class="sealed" disabled={!now?.on} title="The button under the seal ends the billing period" onClick={() => void meter.putContacts({ button: 'billing' })}>End billing period</button>
      <label class="tariff">
        <select disabled={off} value={contacts?.tariff_input ?? 1} onChange={(event) => void meter.putContacts({ tariff_input: Number(event.currentTarget.value) })}>
          {[1, 2, 3, 4, 5, 6, 7, 8].map((tariff) => <option key={tariff} value={tariff}>{tariff}</option>)}
        </select>
        Tariff input
      </label>
    </div>
  );
}

const STATES: Record<Disconnector['control_state'], string> = {
  connected: 'Connected', disconnected: 'Disconnected', ready_for_reconnection: 'Ready for reconnection',
};

export function DisconnectorState({ disconnector, known }: { disconnector: Disconnector | null | undefined; known: boolean }) {
  const closed = disconnector?.output_state ?? false;
  const text = !known ? '–' : disconnector ? STATES[disconnector.control_state] : 'This meter has no switch';
  return (
    <div class={`disconnector${closed ? ' closed' : ''}`} data-disconnector={disconnector?.control_state ?? 'none'}>
      <svg viewBox="0 0 120 40" role="img" aria-label={!disconnector ? 'No switch is known' : closed ? 'The switch is closed' : 'The switch is open'}>
        <line x1="4" y1="26" x2="40" y2="26" /><line x1="80" y1="26" x2="116" y2="26" />
        <circle cx="40" cy="26" r="4" /><circle cx="80" cy="26" r="4" />
        {disconnector && <line class="blade" x1="40" y1="26" x2="80" y2="26" />}
      </svg>
      <div><b>{text}</b><small>{disconnector ? `control mode ${disconnector.control_mode}` : '\u00a0'}</small></div>
    </div>
  );
}
