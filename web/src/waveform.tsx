// The last cycles of every channel as the converter saw them: voltages above, currents below.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Meter } from './api';
import { axis, Chart, type Colours } from './chart';
import type { Waveform } from './contract';

const PAUSE_MS = 500;

/** Asks for the waveform again and again while the page is seen and the line is up. */
export function useWaveform(meter: Meter, live: boolean): Waveform | undefined {
  const [waveform, setWaveform] = useState<Waveform>();
  useEffect(() => {
    if (!live) return;
    let over = false;
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      if (!document.hidden) {
        try {
          const fresh = await meter.get<Waveform>('waveform?cycles=4');
          if (!over) setWaveform(fresh);
        } catch {
          // The stream of events tells whether the line is up; the next round asks again.
        }
      }
      if (!over) timer = setTimeout(() => void ask(), PAUSE_MS);
    };
    void ask();
    return () => { over = true; clearTimeout(timer); };
  }, [live]);
  return waveform;
}

const COLOUR: Record<string, string> = { 1: 'l1', 2: 'l2', 3: 'l3', n: 'neutral' };

function traces(waveform: Waveform | undefined, kind: 'v' | 'i') {
  return (waveform?.channels ?? []).filter((channel) => channel.name.startsWith(kind) && channel.values.length > 0);
}

function Traces({ waveform, kind, title, unit, least }: { waveform: Waveform | undefined; kind: 'v' | 'i'; title: string; unit: string; least: number }) {
  const shown = traces(waveform, kind);
  const shape = shown.map((channel) => channel.name).join(' ');
  const data = useMemo(() => {
    const rate = waveform?.rate_hz ?? 1;
    const length = shown[0]?.values.length ?? 0;
    const milliseconds = Array.from({ length }, (_, nth) => (nth * 1000) / rate);
    return [milliseconds, ...shown.map((channel) => channel.values)] as uPlot.AlignedData;
  }, [waveform, kind]);
  const options = (colour: Colours): Omit<uPlot.Options, 'width' | 'height'> => ({
    padding: [8, 22, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false },
      // Symmetric and never smaller than the least, so that noise looks like noise.
      y: { range: (_plot, low, high) => { const peak = Math.max(least, -(low ?? 0), high ?? 0) * 1.05; return [-peak, peak]; } },
    },
    axes: [axis(colour, { size: 30, values: (_plot, ticks) => ticks.map((tick) => `${tick}`), space: 60 }), axis(colour, { size: 44, space: 28 })],
    series: [{}, ...shown.map((channel) => ({ stroke: colour(COLOUR[channel.name.slice(1)] ?? 'ink'), width: 1.5, points: { show: false } }))],
  });
  return (
    <div class="traces">
      <h3>{title}<small>{unit} over ms</small>
        <span class="keys">{shown.map((channel) => <span key={channel.name} class={`key ${COLOUR[channel.name.slice(1)]}`}>{channel.name === 'in' ? 'N' : `L${channel.name.slice(1)}`}</span>)}</span>
      </h3>
      <Chart label={`${title} over the last cycles`} height={170} data={data} options={options} shape={shape} />
    </div>
  );
}

export function Waveforms({ waveform }: { waveform: Waveform | undefined }) {
  return (
    <>
      <Traces waveform={waveform} kind="v" title="Voltages" unit="V" least={100} />
      <Traces waveform={waveform} kind="i" title="Currents" unit="A" least={0.5} />
    </>
  );
}
