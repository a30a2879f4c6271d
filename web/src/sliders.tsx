// The mains and the load, phase by phase, under sliders that can also be typed into.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Meter } from './api';
import type { Load, LoadPhase, Supply, SupplyPhase, World } from './contract';

/** How long after the last answer the meter's own figure is shown again. */
const SETTLE_MS = 400;

/**
 * The user's figure while it is being moved, the meter's otherwise. One request is under way at a time and the newest figure goes next, so that a
 * dragged slider does not flood the meter.
 */
function useDraft<T>(actual: T, send: (value: T) => Promise<void>): [T, (value: T) => void] {
  const [draft, setDraft] = useState<{ value: T } | null>(null);
  const latest = useRef<{ value: T } | null>(null);
  const busy = useRef(false);
  const settle = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => () => { if (settle.current !== null) clearTimeout(settle.current); }, []);

  const pump = async () => {
    if (busy.current) return;
    busy.current = true;
    while (latest.current) {
      const { value } = latest.current;
      latest.current = null;
      await send(value);
    }
    busy.current = false;
    settle.current = setTimeout(() => setDraft(null), SETTLE_MS);
  };
  const set = (value: T) => {
    if (settle.current !== null) clearTimeout(settle.current);
    setDraft({ value });
    latest.current = { value };
    void pump();
  };
  return [draft ? draft.value : actual, set];
}

interface SliderProps { name: string; label?: string; unit: string; value: number; low: number; high: number; step: number; most?: number; mark?: string; set: (value: number) => void }

/** `high` ends the slider; up to `most` may be typed. */
function Slider({ name, label, unit, value, low, high, step, most = high, mark, set }: SliderProps) {
  const title = label ?? name;
  // What is being typed stays as it is until it is finished, though the page is drawn anew four times a second.
  const [typed, setTyped] = useState<string | null>(null);
  const take = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    if (input.value !== '' && input.reportValidity()) set(input.valueAsNumber);
  };
  const shown = Number(value.toFixed(3));
  return (
    <div class="slider">
      <span class={mark ? `key ${mark}` : ''}>{name}</span>
      <input type="range" aria-label={title} min={low} max={high} step={step} value={shown} onInput={take} />
      <input type="number" aria-label={`${title} in ${unit}`} min={low} max={most} step="any" value={typed ?? shown}
        onInput={(event) => setTyped(event.currentTarget.value)} onChange={take} onBlur={() => setTyped(null)} />
      <small>{unit}</small>
    </div>
  );
}

const replaced = <T,>(list: T[], index: number, part: Partial<T>): T[] => list.map((item, nth) => (nth === index ? { ...item, ...part } : item));

export function SupplySliders({ meter, world }: { meter: Meter; world: World }) {
  const [supply, setSupply] = useDraft<Supply>(world.supply, (value) => meter.putSupply(value));
  const phase = (index: number, part: Partial<SupplyPhase>) => setSupply({ ...supply, phases: replaced(supply.phases, index, part) });
  return (
    <div class="sliders">
      {supply.phases.map((it, index) => (
        <Slider key={index} name={`L${index + 1}`} label={`Voltage L${index + 1}`} mark={`l${index + 1}`} unit="V" low={0} high={300} most={400} step={1} value={it.volts} set={(volts) => phase(index, { volts })} />
      ))}
      <Slider name="f" label="Frequency" unit="Hz" low={40} high={70} step={0.1} value={supply.frequency_hz} set={(frequency_hz) => setSupply({ ...supply, frequency_hz })} />
    </div>
  );
}

const AMPS_AT_FIRST = 5;

export function LoadSliders({ meter, world }: { meter: Meter; world: World }) {
  const [load, setLoad] = useDraft<Load>(world.load, (value) => meter.putLoad(value));
  const household = 'household' in load;
  const fixed = (): Load => ({ phases: world.supply.phases.map(() => ({ amps: AMPS_AT_FIRST, angle_deg: 0, harmonics: [] })) });
  const phase = (index: number, part: Partial<LoadPhase>) => { if (!household) setLoad({ phases: replaced(load.phases, index, part) }); };
  return (
    <div class="sliders">
      <div class="choice" role="radiogroup" aria-label="Kind of load">
        <label><input type="radio" name="load" checked={household} onChange={() => setLoad({ household: true, pv_watts: 0, level: 1 })} />Household</label>
        <label><input type="radio" name="load" checked={!household} onChange={() => setLoad(fixed())} />Fixed currents</label>
      </div>
      {household ? (
        <>
          <Slider name="Load" label="Household load" unit="×" low={0} high={5} step={0.05} value={load.level} set={(level) => setLoad({ ...load, level })} />
          <Slider name="PV" label="Solar power" unit="W" low={0} high={15000} most={30000} step={100} value={load.pv_watts} set={(pv_watts) => setLoad({ ...load, pv_watts })} />
          <p class="hint">Appliances come and go through the day; the sun follows the meter’s clock.</p>
        </>
      ) : load.phases.map((it, index) => (
        <div key={index} class="pair">
          <Slider name={`L${index + 1}`} label={`Current L${index + 1}`} mark={`l${index + 1}`} unit="A" low={0} high={100} most={120} step={0.1} value={it.amps} set={(amps) => phase(index, { amps })} />
          <Slider name="φ" label={`Lag of the current L${index + 1}`} unit="°" low={-180} high={180} step={1} value={it.angle_deg} set={(angle_deg) => phase(index, { angle_deg })} />
        </div>
      ))}
    </div>
  );
}
