// The metrology LEDs: one flash per pulse, a steady glow when the pulses come too fast to tell apart.
import { useEffect, useRef } from 'preact/hooks';
import type { Led } from './contract';

/** Events come a quarter of a second apart; their pulses are spread over the time to the next one. */
const SPREAD_MS = 250;
/** More pulses than this between two events, and flashes would run into each other. */
const APART = 3;
const FLASH_MS = 70;

export function MetrologyLed({ name, unit, led, sequence }: { name: string; unit: string; led: Led | undefined; sequence: number }) {
  const lamp = useRef<HTMLSpanElement>(null);
  const before = useRef<{ sequence: number; pulses: number } | null>(null);
  const flashes = useRef(0);

  useEffect(() => {
    const last = before.current;
    before.current = led ? { sequence, pulses: led.pulses } : null;
    if (!lamp.current || !led || !last || sequence <= last.sequence || led.pulses <= last.pulses) return;
    const fresh = led.pulses - last.pulses;
    const glow = (delay: number, length: number) => {
      lamp.current?.animate([{ opacity: 1 }, { opacity: 1, offset: 0.75 }, { opacity: 0 }], { duration: length, delay });
    };
    if (fresh > APART) glow(0, SPREAD_MS * 1.6);
    else for (let nth = 0; nth < fresh; nth += 1) glow((nth * SPREAD_MS) / fresh, FLASH_MS);
    flashes.current += fresh;
    lamp.current.dataset['flashes'] = String(flashes.current);
  }, [sequence]);

  return (
    <div class="led" role="img" aria-label={`${name} LED, ${led?.pulses ?? 0} pulses, ${led?.constant ?? '–'} per ${unit}`}>
      <span class="lens"><span class="light" ref={lamp} data-led={name} data-pulses={led?.pulses ?? 0} data-flashes="0" /></span>
      <span class="legend">{led?.constant ?? '–'} imp/{unit}</span>
    </div>
  );
}
