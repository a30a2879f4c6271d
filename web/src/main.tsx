// Begins: connects to the meter that served this page and draws it.
import { render } from 'preact';
import { Meter } from './api';
import { Page } from './page';

const root = document.getElementById('face');
if (root) {
  const meter = new Meter();
  meter.start();
  render(<Page meter={meter} />, root);
}
