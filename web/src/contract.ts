// The shapes of docs/openapi.yaml that the page uses.

export interface Reading { value: number; unit: string }
export type Speed = number | 'max';
export interface Time { utc: string; local: string; deviation_minutes: number; status: number; speed: Speed; achieved_speed?: number }
export interface Display { obis: string; text: string; unit: string; symbols: string[]; segments_test: boolean; list: 'automatic' | 'manual' | 'service' | 'verification'; page: number; pages: number }
export interface Led { pulses: number; constant: number }
export interface Leds { active: Led; reactive: Led }
export interface Disconnector { output_state: boolean; control_state: 'disconnected' | 'connected' | 'ready_for_reconnection'; control_mode: number }
export type Cover = 'open' | 'closed';
export interface Contacts { meter_cover: Cover; terminal_cover: Cover; magnet: boolean; tariff_input: number }
export interface Harmonic { order: number; percent: number; phase_deg: number }
export interface SupplyPhase { volts: number; angle_deg: number; harmonics: Harmonic[] }
export interface Supply { frequency_hz: number; phases: SupplyPhase[] }
export interface LoadPhase { amps: number; angle_deg: number; harmonics: Harmonic[] }
export interface FixedLoad { phases: LoadPhase[] }
export interface Household { household: true; pv_watts: number; level: number }
export type Load = FixedLoad | Household;
export interface World { on: boolean; supply: Supply; load: Load }
export interface LogEntry { time: string; code: number; text: string }
export interface ProfileHead { obis: string; period_s: number; entries_in_use: number; capacity: number }
export interface LinkHead { address: string; open: number }
export interface State {
  variant: 'SM402D' | 'ST402D' | 'ST402C';
  serial: string;
  system_title: string;
  firmware: string;
  time: Time;
  registers: Record<string, Reading>;
  quantities: Record<string, Reading>;
  display: Display;
  leds: Leds;
  disconnector: Disconnector | null;
  contacts: Contacts;
  world: World;
  logs: Record<string, LogEntry[]>;
  profiles: Record<string, ProfileHead>;
  links: Record<string, LinkHead>;
}
export interface StateEvent {
  sequence: number;
  time: Time;
  display: Display;
  leds: Leds;
  disconnector: Disconnector | null;
  contacts: Contacts;
  on: boolean;
  quantities: Record<string, number>;
  registers: Record<string, number>;
  world_revision: number;
  log_entries: number;
  profile_entries: Record<string, number>;
}
export interface Phasor { phase: number; rms: number; angle_deg: number }
export interface Waveform {
  rate_hz: number;
  channels: { name: string; unit: string; values: number[] }[];
  phasors: { frequency_hz: number | null; voltages: Phasor[]; currents: Phasor[] };
}
export interface Profile extends ProfileHead {
  columns: { obis: string; attribute: number; unit: string }[];
  rows: { time: string; status: number; values: (number | null)[] }[];
  truncated: boolean;
}
export interface Problem { title: string; detail: string; errors: { pointer?: string; detail: string }[] }
