// What a reader does with a page of `ampacity report`, and what must then have happened. Writes the outcome into the
// page: "passed", or what failed.
'use strict';
const faults = [];
const check = (holds, what) => { if (!holds) faults.push(what); };
window.addEventListener('error', e => faults.push('error: ' + e.message));
window.addEventListener('securitypolicyviolation', e => faults.push('policy: ' + e.violatedDirective));
// A browser without a screen may draw no frames.
window.requestAnimationFrame = draw => setTimeout(draw, 1);
const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
const press = (element, key) => element.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true,
    cancelable: true}));
const pixels = canvas => canvas.toDataURL();
const back = () => getComputedStyle(document.body).backgroundColor;

const themes = async () => {
  const before = back();
  const button = document.getElementById('theme');
  const text = button.textContent;
  button.click();
  await frame();
  check(back() !== before, 'the theme changes the page');
  check(button.textContent !== text, 'the theme button says what it does next');
  button.click();
  await frame();
  check(back() === before, 'the theme changes back');
};

const charts = async () => {
  for (const svg of document.querySelectorAll('svg.chart')) {
    check(svg.getAttribute('role') === 'img' && svg.getAttribute('aria-label'), 'a chart has a name');
    for (const text of svg.querySelectorAll('text')) {
      const box = text.getBBox(), all = svg.viewBox.baseVal;
      check(box.x > -12 && box.x + box.width < all.width + 12 && box.y + box.height < all.height + 6,
            'a text lies within its chart: ' + text.textContent);
    }
  }
  const data = document.querySelector('script.readout');
  if (!data) return;
  const figure = data.closest('figure'), svg = figure.querySelector('svg'), output = figure.querySelector('output');
  press(svg, 'ArrowRight');
  const first = output.textContent;
  check(first !== '', 'an arrow key shows values');
  press(svg, 'PageDown');
  check(svg.querySelector('.cursor'), 'a cursor stands in the chart');
  const toggle = figure.querySelector('button[aria-pressed]');
  const line = svg.querySelector('[data-line="0"]');
  check(line.getBoundingClientRect().width > 0, 'a line is drawn');
  toggle.click();
  check(line.getBoundingClientRect().width === 0 && toggle.getAttribute('aria-pressed') === 'false',
      'a line can be hidden');
  toggle.click();
  check(line.getBoundingClientRect().width > 0, 'and shown again');
};

const timeline = async () => {
  const canvas = document.getElementById('timeline');
  if (!canvas) return;
  const all = pixels(canvas);
  check(+canvas.dataset.drawn > 0, 'bars are drawn');
  const seen = new Set([all]);
  for (const key of ['+', 'ArrowRight', 'PageUp', 'ArrowDown']) {
    press(canvas, key);
    await frame();
    const now = pixels(canvas);
    check(!seen.has(now), 'the timeline changes on ' + key);
    seen.add(now);
  }
  press(canvas, '0');
  await frame();
  check(pixels(canvas) === all, 'the timeline is as before on 0');
  const select = document.querySelector('#timeline-tools select');
  select.value = 'wait';
  select.dispatchEvent(new Event('change'));
  await frame();
  check(pixels(canvas) !== all, 'colours can be chosen');
  const box = canvas.getBoundingClientRect();
  let told = false;
  for (let y = 12; y < box.height - 30; y += 3)
    for (let x = 0.2; x < 1; x += 0.05) {
      canvas.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width * x, clientY: box.top + y}));
      told = told || document.getElementById('timeline-readout').textContent.includes('job ');
    }
  check(told, 'the pointer tells the job');
  check(document.getElementById('occupancy').height > 0, 'the occupancy is drawn');
};

const sweep = async () => {
  const pareto = document.getElementById('pareto');
  if (!pareto) return;
  check(+pareto.dataset.front > 0 && pareto.querySelectorAll('circle').length > 1, 'variants are drawn');
  const before = pareto.innerHTML;
  const select = document.querySelector('#pareto-tools select');
  select.value = String(select.options.length - 1);
  select.dispatchEvent(new Event('change'));
  check(pareto.innerHTML !== before, 'another metric gives another picture');
  const lines = document.getElementById('lines');
  const count = lines.querySelectorAll('[data-line]').length;
  document.querySelector('#lines-tools button').click();
  check(lines.querySelectorAll('[data-line]').length === count - 1, 'a line can be hidden');
  lines.querySelector('g[tabindex]').dispatchEvent(new Event('focus'));
  check(document.getElementById('lines-readout').textContent !== '', 'a point tells its numbers');
};

(async () => {
  try {
    for (const test of [themes, charts, timeline, sweep]) await test();
    check(performance.getEntriesByType('resource').length === 0, 'nothing is loaded');
    check(!window.injected, 'text of a scenario does not run');
  } catch (e) {
    faults.push('exception: ' + e.message);
  }
  const result = document.createElement('pre');
  result.id = 'self-test';
  result.textContent = 'self-test: ' + (faults.length ? [...new Set(faults)].join('; ') : 'passed') + ' :end';
  document.body.append(result);
})();
