// The case of the meter: hood with glass, LEDs and button, name plate, and the terminals under their cover.
import type { State, StateEvent } from './contract';
import { PushButton } from './button';
import { Lcd } from './lcd';
import { MetrologyLed } from './leds';

const RATING: Record<State['variant'], string> = {
  SM402D: '230 V  5(100) A  50 Hz',
  ST402D: '3×230/400 V  5(100) A  50 Hz',
  ST402C: '3×230/400 V  5(6) A  50 Hz',
};

interface Props { state: State | null; now: StateEvent | null; press: (kind: 'short' | 'long') => void }

export function MeterCase({ state, now, press }: Props) {
  const contacts = now?.contacts;
  const on = now?.on ?? false;
  const variant = state?.variant ?? 'ST402D';
  const poles = variant === 'SM402D' ? ['l1', 'l1', 'n', 'n'] : ['l1', 'l1', 'l2', 'l2', 'l3', 'l3', 'n', 'n'];
  const opened = (cover: 'meter_cover' | 'terminal_cover') => (contacts?.[cover] === 'open' ? ' opened' : '');
  return (
    <section class="meter" aria-label="The meter">
      <div class={`hood${opened('meter_cover')}`}>
        <span class="screw left" /><span class="screw right" />
        <header>
          <b class="brand">FERRARIS</b>
          <span class="type">{state ? variant : '\u00a0'}</span>
        </header>
        <div class="glass"><Lcd display={now?.display} on={on} /></div>
        <div class="controls">
          <div class="lamps">
            <MetrologyLed name="active" unit="kWh" led={now?.leds.active} sequence={now?.sequence ?? 0} />
            <MetrologyLed name="reactive" unit="kvarh" led={now?.leds.reactive} sequence={now?.sequence ?? 0} />
          </div>
          <span class="optical" aria-hidden="true" />
          <PushButton press={press} />
        </div>
        <div class="plate">
          <span>{RATING[variant]}</span>
          <span>No. {state?.serial ?? '–'}</span>
          <span class="mono">{state?.system_title ?? '–'}</span>
          <span>Virtual meter, not for billing</span>
        </div>
      </div>
      <div class="base">
        <div class="terminals" aria-hidden="true">
          {poles.map((pole, index) => <i key={index} class={`pole ${pole}`} />)}
        </div>
        <div class={`lid${opened('terminal_cover')}`} aria-hidden="true"><span class="screw left" /><span class="screw right" /></div>
      </div>
      <div class="wires" aria-hidden="true">
        {poles.map((pole, index) => <i key={index} class={`wire ${pole}`} />)}
      </div>
      <svg class={`magnet${contacts?.magnet ? ' near' : ''}`} viewBox="0 0 60 80" aria-hidden="true">
        <path d="M6 34a24 24 0 0 1 48 0v40H38V34a8 8 0 0 0-16 0v40H6z" class="body" />
        <path d="M6 58h16v16H6zM38 58h16v16H38z" class="pole-shoe" />
      </svg>
    </section>
  );
}
