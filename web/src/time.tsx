// How fast the meter's world runs, and jumps of its clock.
import type { Meter } from './api';
import type { Speed, Time } from './contract';
import { figure, wallClock } from './figures';

const SPEEDS: [Speed, string][] = [[0, 'Pause'], [1, '1×'], [10, '10×'], [60, '60×'], [600, '600×'], ['max', 'Max']];
const JUMPS: [number, string][] = [[-3600, '−1 h'], [900, '+15 min'], [3600, '+1 h'], [86_400, '+1 day']];

export function TimeControl({ meter, time }: { meter: Meter; time: Time | undefined }) {
  return (
    <div class="time">
      <p class="clock"><time class="number" dateTime={time?.local ?? ''}>{time ? wallClock(time.local) : '–'}</time>
        <small>{time ? `UTC${time.local.endsWith('Z') ? '' : time.local.slice(19).replace(/^\.\d+/, '')}, running at ${figure(time.achieved_speed ?? (time.speed === 'max' ? undefined : time.speed), 1)}×` : '\u00a0'}</small>
      </p>
      <div class="buttons" role="group" aria-label="Speed of time">
        {SPEEDS.map(([speed, name]) => (
          <button key={name} type="button" aria-pressed={time?.speed === speed} disabled={!time} onClick={() => void meter.putTime({ speed })}>{name}</button>
        ))}
      </div>
      <div class="buttons" role="group" aria-label="Jump of the clock">
        {JUMPS.map(([jump_s, name]) => (
          <button key={name} type="button" disabled={!time} onClick={() => void meter.putTime({ jump_s })}>{name}</button>
        ))}
      </div>
      <p class="hint">Speed moves the whole world. A jump sets only the clock.</p>
    </div>
  );
}
