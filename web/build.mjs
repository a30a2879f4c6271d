// Builds the page into dist/, or with --check says whether dist/ is what the source gives.
import { build } from 'esbuild';
import { gzipSync } from 'node:zlib';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'dist');

/** The notice that the licences of what we bundle ask for. */
function notice() {
  const licences = ['preact', 'uplot'].map((name) => readFileSync(join(here, 'node_modules', name, 'LICENSE'), 'utf8'));
  const holders = licences.map((text) => text.match(/^Copyright.*$/m)[0]);
  const [terms] = licences.map((text) => text.slice(text.indexOf('Permission is')).trim());
  return `/*!\nFerraris, the face of a meter. MIT OR Apache-2.0.\nContains Preact and uPlot, The MIT License (MIT):\n${holders.join('\n')}\n\n${terms}\n*/`;
}

/** Every file of the page by name; the same source gives the same octets. */
async function page() {
  const result = await build({
    entryPoints: [{ in: join(here, 'src/main.tsx'), out: 'face' }, { in: join(here, 'src/face.css'), out: 'face' }],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    outdir: dist,
    format: 'esm',
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    charset: 'utf8',
    banner: { js: notice() },
    logLevel: 'warning',
  });
  const files = new Map(result.outputFiles.map((file) => [file.path.slice(dist.length + 1), Buffer.from(file.contents)]));
  files.set('index.html', readFileSync(join(here, 'src/index.html')));
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const files = await page();
if (process.argv.includes('--check')) {
  const present = readdirSync(dist).sort();
  const stale = [...files].filter(([name, octets]) => !present.includes(name) || !octets.equals(readFileSync(join(dist, name))));
  const strange = present.filter((name) => !files.has(name));
  for (const [name] of stale) console.error(`dist/${name} is not what the source gives`);
  for (const name of strange) console.error(`dist/${name} comes from nowhere`);
  if (stale.length + strange.length > 0) {
    console.error('Run `npm run build` in web/ and commit dist/.');
    process.exit(1);
  }
  console.log('dist/ is fresh');
} else {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist);
  for (const [name, octets] of files) writeFileSync(join(dist, name), octets);
}
let packed = 0;
for (const [name, octets] of files) {
  const small = gzipSync(octets, { level: 9 }).length;
  packed += small;
  console.log(`${name.padEnd(12)} ${String(octets.length).padStart(7)} octets, ${String(small).padStart(6)} by gzip -9`);
}
console.log(`together by gzip -9: ${packed} octets`);
