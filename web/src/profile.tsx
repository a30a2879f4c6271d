// Load profile 1 as a chart: mean power over each interval, made of the register readings that the meter stored.
import { useEffect, useMemo, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Meter } from './api';
import { axis, Chart, type Colours } from './chart';
import type { Profile } from './contract';
import { figure, toWallClock } from './figures';

const ROWS = 192;
/** At high speed rows come quickly; they are asked for at most this often. */
const PAUSE_MS = 1000;

/** The newest rows, asked for again when the meter has written more. */
export function useProfile(meter: Meter, written: number | undefined): Profile | undefined {
  const [profile, setProfile] = useState<Profile>();
  const [turn, setTurn] = useState(0);
  const [asked, setAsked] = useState<number>();
  useEffect(() => {
    if (written === undefined || written === asked) return;
    setAsked(written);
    let over = false;
    meter.get<Profile>(`profile/1?limit=${ROWS + 1}`).then(
      (fresh) => { if (!over) setProfile(fresh); },
      () => { if (!over) setAsked(undefined); },
    );
    return () => { over = true; };
  }, [turn]);
  useEffect(() => {
    const timer = setInterval(() => setTurn((count) => count + 1), PAUSE_MS);
    return () => clearInterval(timer);
  }, []);
  return profile;
}

interface Bar { at: number; kilowatts: (number | null)[] }

/** Which columns count energy, and what they are called. */
function counted(profile: Profile): { index: number; name: string }[] {
  const names: Record<string, string> = { '1-0:1.8.0': 'Import', '1-0:2.8.0': 'Export' };
  return profile.columns.flatMap((column, index) => {
    const name = names[column.obis];
    return name !== undefined && column.attribute === 2 ? [{ index, name }] : [];
  });
}

/** A bar needs two neighbouring rows: where one is missing or the clock stepped back, there is a gap. */
export function bars(profile: Profile, columns: number[]): Bar[] {
  return profile.rows.slice(1).map((row, nth) => {
    const before = profile.rows[nth];
    const at = Date.parse(row.time) / 1000;
    const seconds = before ? at - Date.parse(before.time) / 1000 : 0;
    return {
      at,
      kilowatts: columns.map((index) => {
        const [now, then] = [row.values[index], before?.values[index]];
        if (now == null || then == null || now < then || seconds <= 0 || seconds > profile.period_s) return null;
        return ((now - then) * 3.6) / seconds;
      }),
    };
  });
}

export function ProfileChart({ profile, deviation }: { profile: Profile | undefined; deviation: number }) {
  const [hovered, setHovered] = useState<number | null>(null);
  const columns = profile ? counted(profile) : [];
  const drawn = useMemo(() => {
    const rows = profile ? bars(profile, columns.map((column) => column.index)) : [];
    // A clock that was set back repeats times; the chart shows the newest run of rising ones.
    const start = rows.findLastIndex((row, nth) => nth > 0 && row.at <= (rows[nth - 1]?.at ?? 0));
    return rows.slice(Math.max(start, 0));
  }, [profile]);
  const data = useMemo(
    () => [drawn.map((bar) => bar.at - deviation * 60), ...columns.map((_, nth) => drawn.map((bar) => bar.kilowatts[nth] ?? null))] as uPlot.AlignedData,
    [drawn, deviation],
  );
  const period = profile?.period_s ?? 900;
  const options = (colour: Colours): Omit<uPlot.Options, 'width' | 'height'> => ({
    padding: [10, 22, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    hooks: { setCursor: [(plot) => setHovered(plot.cursor.idx ?? null)] },
    // The times in the data are the meter's wall clock already.
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    scales: { x: { range: (_plot, low, high) => [(low ?? 0) - period, high ?? 1] }, y: { range: (_plot, _low, high) => [0, Math.max(0.1, high ?? 0) * 1.1] } },
    axes: [
      axis(colour, { space: 64, size: 30, values: (plot, ticks) => ticks.map((tick) => { if (plot.data[0].length === 0) return ''; const text = new Date(tick * 1000).toISOString(); return text.slice(11, 16) === '00:00' ? text.slice(5, 10) : text.slice(11, 16); }) }),
      axis(colour, { size: 48 }),
    ],
    series: [{}, ...columns.map((_, nth) => ({
      fill: colour(nth === 0 ? 'import' : 'export'),
      width: 0,
      // A row is written at the end of its interval, so its bar stands to the left of it.
      paths: uPlot.paths.bars?.({ size: [0.86, Infinity], align: -1 }) as uPlot.Series.PathBuilder,
      points: { show: false },
    }))],
  });
  const shown = drawn[hovered ?? drawn.length - 1];
  return (
    <div class="profile">
      <p class="readout">
        <span class="number">{shown ? toWallClock(new Date(shown.at * 1000).toISOString(), deviation).slice(0, 16) : 'No complete interval yet'}</span>
        {columns.map((column, nth) => <span key={column.name} class={`key ${nth === 0 ? 'import' : 'export'}`}>{column.name} <b class="number">{figure(shown?.kilowatts[nth], 3)}</b> kW</span>)}
      </p>
      <Chart label={`Load profile: ${drawn.length} intervals`} height={210} data={data} options={options} shape={`${period} ${columns.map((column) => column.name).join(' ')}`} />
      <p class="hint">{profile ? `${profile.obis}, every ${profile.period_s / 60} min, ${profile.entries_in_use} of ${profile.capacity} rows in use` : '\u00a0'}</p>
    </div>
  );
}
