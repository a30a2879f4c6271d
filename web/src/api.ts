// The page's line to the meter: one stream that it listens to, and requests that it sends.
import type { Contacts, Load, Problem, State, StateEvent, Supply, Time } from './contract';

export type Link = 'connecting' | 'live' | 'lost';

/** What the page knows. `state` is asked for when something rare has changed; `now` moves four times a second. */
export interface View {
  readonly link: Link;
  readonly state: State | null;
  readonly now: StateEvent | null;
  /** The last refusal or failure, until it is dismissed. */
  readonly trouble: string | null;
}

/** Longer than this without an event, and the line counts as lost. */
const PATIENCE_MS = 4000;
const RETRY_MS = 1000;
/** At high speed logs grow quickly; the state is asked for at most this often. */
const STATE_PAUSE_MS = 500;

export class Meter {
  view: View = { link: 'connecting', state: null, now: null, trouble: null };
  #listeners = new Set<() => void>();
  #source: EventSource | null = null;
  #lastEvent = 0;
  #seen = '';
  #asking = false;

  start(): void {
    this.#open();
    setInterval(() => {
      if (this.view.link === 'live' && performance.now() - this.#lastEvent > PATIENCE_MS) this.#lost();
    }, 500);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks for a part of the meter that the view does not hold. */
  async get<T>(path: string): Promise<T> {
    return read<T>(await fetch(`/api/v1/${path}`));
  }

  putSupply(body: Partial<Supply>): Promise<void> {
    return this.#put<Supply>('world/supply', body, (state, supply) => ({ ...state, world: { ...state.world, supply } }));
  }

  putLoad(body: Partial<Load>): Promise<void> {
    return this.#put<Load>('world/load', body, (state, load) => ({ ...state, world: { ...state.world, load } }));
  }

  putContacts(body: Partial<Contacts> & { button?: 'short' | 'long' | 'billing' }): Promise<void> {
    return this.#put<Contacts>('world/contacts', body, (state, contacts) => ({ ...state, contacts }));
  }

  putPower(on: boolean): Promise<void> {
    return this.#put<{ on: boolean }>('world/power', { on }, (state, power) => ({ ...state, world: { ...state.world, on: power.on } }));
  }

  putTime(body: { speed?: Time['speed']; jump_s?: number }): Promise<void> {
    return this.#put<Time>('time', body, (state, time) => ({ ...state, time }));
  }

  dismiss(): void {
    this.#change({ trouble: null });
  }

  async #put<T>(path: string, body: unknown, take: (state: State, answer: T) => State): Promise<void> {
    try {
      const answer = await read<T>(
        await fetch(`/api/v1/${path}`, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
      );
      if (this.view.state) this.#change({ state: take(this.view.state, answer), trouble: null });
    } catch (error) {
      this.#change({ trouble: error instanceof Error ? error.message : String(error) });
    }
  }

  #open(): void {
    const source = new EventSource('/api/v1/events');
    this.#source = source;
    source.addEventListener('state', (event) => {
      this.#lastEvent = performance.now();
      const now = JSON.parse((event as MessageEvent<string>).data) as StateEvent;
      this.#change({ link: 'live', now });
      const seen = `${now.world_revision}/${now.log_entries}/${now.on}`;
      if (seen !== this.#seen || this.view.state === null) void this.#ask(seen);
    });
    source.addEventListener('error', () => {
      if (this.#source === source) this.#lost();
    });
  }

  /** Closes the stream and tries again. The browser's own retry gives up on some errors, so it is not relied on. */
  #lost(): void {
    this.#source?.close();
    this.#source = null;
    this.#seen = '';
    this.#change({ link: 'lost' });
    setTimeout(() => {
      if (this.#source === null) this.#open();
    }, RETRY_MS);
  }

  async #ask(seen: string): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.#change({ state: await this.get<State>('state') });
      this.#seen = seen;
    } catch {
      // The next event asks again; if there is none, the line is shown as lost.
    }
    setTimeout(() => { this.#asking = false; }, STATE_PAUSE_MS);
  }

  #change(part: Partial<View>): void {
    this.view = { ...this.view, ...part };
    for (const listener of this.#listeners) listener();
  }
}

async function read<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => null)) as Problem | null;
  throw new Error(problem ? `${problem.title}: ${problem.detail}` : `The meter answered ${response.status}`);
}
