// The push button on the case: a short press, or a long one when held.
import { useEffect, useRef, useState } from 'preact/hooks';

const LONG_MS = 800;

export function PushButton({ press }: { press: (kind: 'short' | 'long') => void }) {
  const [down, setDown] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);

  const release = () => {
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = null;
    setDown(false);
  };
  const begin = () => {
    if (timer.current !== null) return;
    setDown(true);
    timer.current = setTimeout(() => { release(); press('long'); }, LONG_MS);
  };
  const end = () => {
    if (timer.current === null) return;
    release();
    press('short');
  };
  useEffect(() => release, []);

  const isPress = (event: KeyboardEvent) => event.key === ' ' || event.key === 'Enter';
  return (
    <button
      type="button"
      class={`push${down ? ' down' : ''}`}
      aria-label="Meter button: press to step the display, hold for the manual list, hold again for the service mode"
      title="Press to step the display, hold for the manual list, hold again for the service mode"
      onPointerDown={begin}
      onPointerUp={end}
      onPointerLeave={release}
      onPointerCancel={release}
      onBlur={release}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => { if (isPress(event)) { event.preventDefault(); begin(); } }}
      onKeyUp={(event) => { if (isPress(event)) { event.preventDefault(); end(); } }}
    />
  );
}
