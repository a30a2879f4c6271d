// Seven-segment cells, as they are etched into the glass: dark when on, a shadow when off.

/** Segments a (top) clockwise to f, g in the middle. Letters are as well as seven segments can say them. */
const SHAPES: Record<string, string> = {
  ' ': '', '-': 'g', _: 'd',
  0: 'abcdef', 1: 'bc', 2: 'abdeg', 3: 'abcdg', 4: 'bcfg', 5: 'acdfg', 6: 'acdefg', 7: 'abc', 8: 'abcdefg', 9: 'abcdfg',
  A: 'abcefg', B: 'cdefg', C: 'adef', D: 'bcdeg', E: 'adefg', F: 'aefg', G: 'acdef', H: 'bcefg', I: 'ef', J: 'bcde', K: 'acefg', L: 'def', M: 'aceg',
  N: 'ceg', O: 'abcdef', P: 'abefg', Q: 'abcfg', R: 'eg', S: 'acdfg', T: 'defg', U: 'bcdef', V: 'bcdef', W: 'bdfg', X: 'bcefg', Y: 'bcdfg', Z: 'abdeg',
  c: 'deg', h: 'cefg', i: 'c', o: 'cdeg', u: 'cde', v: 'cde',
};

/** Outlines in a cell of 30 x 50 units. */
const OUTLINES: Record<string, string> = {
  a: '5,1 25,1 21,6 9,6', b: '26,2 26,24 21,21 21,7', c: '26,26 26,48 21,43 21,29', d: '5,49 25,49 21,44 9,44', e: '4,26 9,29 9,43 4,48', f: '4,2 9,7 9,21 4,24',
  g: '6,25 10,22 20,22 24,25 20,28 10,28',
};

interface Cell { shape: string; mark: '' | '.' | ':' }

/** Right-aligned cells; a mark belongs to the cell on its left. */
export function cells(text: string, count: number, everything: boolean): Cell[] {
  if (everything) return Array.from({ length: count }, (_, index) => ({ shape: 'abcdefg', mark: index < count - 1 ? ':' : '.' }) as Cell);
  const read: Cell[] = [];
  for (const letter of text) {
    const last = read.at(-1);
    if (letter === '.' || letter === ':') {
      if (last && last.mark === '') last.mark = letter;
      else read.push({ shape: '', mark: letter });
    } else {
      read.push({ shape: SHAPES[letter] ?? SHAPES[letter.toUpperCase()] ?? 'd', mark: '' });
    }
  }
  const blank = Array.from({ length: Math.max(0, count - read.length) }, (): Cell => ({ shape: '', mark: '' }));
  return [...blank, ...read].slice(-count);
}

interface Props { text: string; count: number; everything: boolean; x: number; y: number; height: number; colons?: boolean }

/** A row of cells inside an SVG. */
export function Segments({ text, count, everything, x, y, height, colons = true }: Props) {
  const scale = height / 50;
  return (
    <g transform={`translate(${x} ${y}) scale(${scale}) skewX(-5)`}>
      {cells(text, count, everything).map((cell, index) => (
        <g key={index} transform={`translate(${index * 37} 0)`}>
          {Object.entries(OUTLINES).map(([name, outline]) => (
            <polygon key={name} points={outline} class={cell.shape.includes(name) ? 'on' : 'off'} />
          ))}
          {index < count - 1 && (
            <>
              <rect x="28.5" y="43.500" width="6" height="6" class={cell.mark !== '' ? 'on' : 'off'} />
              {colons && <rect x="30.5" y="15" width="6" height="6" class={cell.mark === ':' ? 'on' : 'off'} />}
            </>
          )}
        </g>
      ))}
    </g>
  );
}
