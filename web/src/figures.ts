// How numbers and times are written on the page.
import type { StateEvent } from './contract';

/** A figure with a true minus sign, or a dash if there is none. */
export function figure(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? (0).toFixed(decimals) : text).replace('-', '−');
}

/** A quantity by its OBIS name without `1-0:`; with a second name, the first less the second (import less export). */
export function quantity(now: StateEvent | null, name: string, less?: string): number | undefined {
  const value = now?.quantities[`1-0:${name}`];
  if (less === undefined) return value;
  const other = now?.quantities[`1-0:${less}`];
  return value === undefined && other === undefined ? undefined : (value ?? 0) - (other ?? 0);
}

/** Date and time as the meter's own clock has it; the offset is dropped. */
export function wallClock(local: string): string {
  return local.slice(0, 19).replace('T', ' ');
}

/** A UTC time as the meter's wall clock; COSEM's deviation is UTC less local time. */
export function toWallClock(utc: string, deviationMinutes: number): string {
  const at = Date.parse(utc);
  return Number.isNaN(at) ? utc : wallClock(new Date(at - deviationMinutes * 60_000).toISOString());
}

export const PHASES = [1, 2, 3] as const;
