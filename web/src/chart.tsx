// A uPlot chart that follows the width of its place and the colours of the page.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';

export type Colours = (name: string) => string;

interface Props {
  label: string;
  height: number;
  data: uPlot.AlignedData;
  /** Describes the chart; called again when the colours of the page change, or `shape` does. */
  options: (colour: Colours) => Omit<uPlot.Options, 'width' | 'height'>;
  shape: string;
}

/** Counts the changes between light and dark. */
function useScheme(): number {
  const [turns, setTurns] = useState(0);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const turn = () => setTurns((count) => count + 1);
    dark.addEventListener('change', turn);
    return () => dark.removeEventListener('change', turn);
  }, []);
  return turns;
}

export function Chart({ label, height, data, options, shape }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useScheme();

  useEffect(() => {
    const root = place.current;
    if (!root) return;
    // Canvas knows no CSS variables: a probe resolves them, light-dark() included.
    const probe = root.appendChild(document.createElement('i'));
    const colour: Colours = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    const chart = new uPlot({ ...options(colour), width: Math.max(root.clientWidth, 100), height }, data, root);
    probe.remove();
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: Math.max(root.clientWidth, 100), height }));
    observer.observe(root);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [scheme, shape, height]);

  useEffect(() => { plot.current?.setData(data); }, [data]);

  const points = data.slice(1).reduce((sum, series) => sum + Array.from(series as ArrayLike<number | null>).filter((value) => value !== null).length, 0);
  return <div class="chart" ref={place} role="img" aria-label={label} data-points={points} style={{ height: `${height}px` }} />;
}

/** Axes in the colours of the page. */
export function axis(colour: Colours, more: uPlot.Axis = {}): uPlot.Axis {
  return {
    stroke: colour('soft'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1, size: 4 },
    ...more,
  };
}
