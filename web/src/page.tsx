// The whole page: the meter on one side, what it measures and the world around it on the other.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Meter, View } from './api';
import { Log } from './log';
import { MeterCase } from './meter';
import { Phasors } from './phasors';
import { Energies, Powers } from './powers';
import { ProfileChart, useProfile } from './profile';
import { LoadSliders, SupplySliders } from './sliders';
import { DisconnectorState, Switches } from './switches';
import { TimeControl } from './time';
import { useWaveform, Waveforms } from './waveform';

function useView(meter: Meter): View {
  const [view, setView] = useState(meter.view);
  useEffect(() => meter.subscribe(() => setView(meter.view)), []);
  return view;
}

function Panel({ name, area, children }: { name: string; area: string; children: ComponentChildren }) {
  return (
    <section class={`panel ${area}`} aria-labelledby={`panel-${area}`}>
      <h2 id={`panel-${area}`}>{name}</h2>
      {children}
    </section>
  );
}

const SHOWN_LINKS = [['wrapper', 'DLMS wrapper'], ['hdlc', 'HDLC']] as const;
const LINK = { connecting: 'Connecting', live: 'Live', lost: 'Connection lost' };

export function Page({ meter }: { meter: Meter }) {
  const { link, state, now, trouble } = useView(meter);
  const waveform = useWaveform(meter, link === 'live');
  const profile = useProfile(meter, now?.profile_entries['1']);
  const phases = state?.world.supply.phases.length ?? 3;
  return (
    <div class={`page ${link}`} data-link={link}>
      <header class="top">
        <h1>Ferraris <span>{state?.variant ?? '\u00a0'}</span></h1>
        <p class="links">{SHOWN_LINKS.map(([name, title]) => { const it = state?.links[name]; return it && <span key={name}>{title} <code>{it.address}</code></span>; })}</p>
        <p class={`link ${link}`} role="status"><i />{LINK[link]}</p>
      </header>
      <main>
        <div class="near">
          <MeterCase state={state} now={now} press={(button) => void meter.putContacts({ button })} />
          <Panel name="Hands on the meter" area="hands"><Switches meter={meter} now={now} /></Panel>
          <Panel name="Disconnector" area="switch"><DisconnectorState disconnector={now?.disconnector} known={now !== null} /></Panel>
        </div>
        <div class="wide">
          <Panel name="Phasors" area="vectors"><Phasors phasors={waveform?.phasors} /></Panel>
          <Panel name="Measured now" area="measured"><Powers now={now} phases={phases} /></Panel>
          <Panel name="Waveforms" area="waves"><Waveforms waveform={waveform} /></Panel>
          <Panel name="Counted" area="counted"><Energies now={now} state={state} /></Panel>
          <Panel name="Load" area="load">{state && <LoadSliders meter={meter} world={state.world} />}</Panel>
          <Panel name="Mains" area="supply">{state && <SupplySliders meter={meter} world={state.world} />}</Panel>
          <Panel name="Load profile" area="intervals"><ProfileChart profile={profile} deviation={now?.time.deviation_minutes ?? 0} /></Panel>
          <Panel name="Time" area="tempo"><TimeControl meter={meter} time={now?.time} /></Panel>
          <Panel name="Log" area="events"><Log state={state} /></Panel>
        </div>
      </main>
      <div class="notice" role="alert">
        {link === 'lost' && <p class="lost">{now ? 'The connection to the meter is lost. What you see is the last that came.' : 'The meter does not answer.'} Trying again…</p>}
        {trouble !== null && link !== 'lost' && <p class="refused">{trouble}<button type="button" aria-label="Dismiss" onClick={() => meter.dismiss()}>×</button></p>}
      </div>
    </div>
  );
}
