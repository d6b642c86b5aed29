// What every page has: the switch between light and dark, and values of charts at the pointer or by arrow keys.
'use strict';
(() => {
  const root = document.documentElement;

  const seconds = s => {
    const units = [['d', 86400, 172800], ['h', 3600, 7200], ['min', 60, 120], ['s', 1, 1], ['ms', 1e-3, 1e-3],
                   ['\u00b5s', 1e-6, 1e-6]];
    if (s === 0) return '0 s';
    for (const [name, size, from] of units) if (Math.abs(s) >= from) return number(s / size) + '\u00a0' + name;
    return number(s / 1e-9) + '\u00a0ns';
  };
  const number = v => Math.abs(v) >= 1000 ? Math.round(v).toLocaleString('en-US') : String(+v.toPrecision(3));
  const shown = (v, unit) => v === null || v === undefined ? '\u2013' : unit === 's' ? seconds(v) :
      unit === 'share' ? (100 * v).toFixed(1) + '\u00a0%' : number(v) + (unit ? '\u00a0' + unit : '');

  const element = (name, properties = {}, ...children) => {
    const e = Object.assign(document.createElement(name), properties);
    e.append(...children);
    return e;
  };
  window.ampacity = {seconds, number, element};

  // Light and dark: the system's choice until the reader makes another one.
  const isDark = () => root.dataset.theme ? root.dataset.theme === 'dark' :
      matchMedia('(prefers-color-scheme: dark)').matches;
  const theme = element('button', {id: 'theme', type: 'button'});
  const label = () => { theme.textContent = isDark() ? 'Light page' : 'Dark page'; };
  theme.onclick = () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    label();
    document.dispatchEvent(new Event('themechange'));
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    label();
    document.dispatchEvent(new Event('themechange'));
  });
  label();
  document.body.prepend(theme);

  // A list of the sections to jump to.
  const sections = [...document.querySelectorAll('main > section')];
  const nav = element('nav', {ariaLabel: 'Sections'});
  sections.forEach((s, i) => {
    s.id = s.id || 's' + i;
    nav.append(element('a', {href: '#' + s.id, textContent: s.querySelector('h2').textContent}));
  });
  if (sections.length > 2) document.querySelector('header').append(nav);

  // Charts with data: a cursor, its values below, and a button for each line.
  const attach = data => {
    const figure = data.closest('figure');
    const svg = figure.querySelector('svg');
    const d = JSON.parse(data.textContent);
    const [left, top, width, height] = d.plot;
    const share = x => d.log ? Math.log(x / d.low) / Math.log(d.high / d.low) : (x - d.low) / (d.high - d.low);
    const output = element('output', {className: 'readout'});
    const tools = element('div', {className: 'tools'});
    let at = -1;
    const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'line');
    cursor.setAttribute('class', 'cursor');
    const show = i => {
      at = Math.max(0, Math.min(d.x.length - 1, i));
      const x = left + width * share(d.x[at]);
      for (const [k, v] of Object.entries({x1: x, x2: x, y1: top, y2: top + height})) cursor.setAttribute(k, v);
      svg.append(cursor);
      const where = d.kind === 'time' ? 'from ' + seconds(d.x[at]) : 'up to ' + seconds(d.x[at]);
      output.textContent = where + ': ' + d.curves.map(c => c.name + ' ' + shown(c.values[at],
          c.unit)).join(' \u00b7 ');
    };
    const find = e => {
      const box = svg.getBoundingClientRect();
      const p = ((e.clientX - box.left) / box.width * svg.viewBox.baseVal.width - left) / width;
      let low = 0, high = d.x.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (share(d.x[middle]) <= p) low = middle; else high = middle - 1;
      }
      return low;
    };
    svg.setAttribute('tabindex', '0');
    svg.addEventListener('pointermove', e => show(find(e)));
    svg.addEventListener('pointerleave', () => { cursor.remove(); output.textContent = ''; });
    svg.addEventListener('keydown', e => {
      const step = {ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20}[e.key];
      if (step === undefined) return;
      e.preventDefault();
      show(at < 0 ? 0 : at + step);
    });
    if (d.curves.length > 1) {
      tools.append('Show: ');
      d.curves.forEach((c, i) => {
        const key = element('i', {className: c.css});
        key.style.background = 'currentColor';
        const b = element('button', {type: 'button'}, key, c.name);
        b.setAttribute('aria-pressed', 'true');
        b.onclick = () => {
          const on = b.getAttribute('aria-pressed') !== 'true';
          b.setAttribute('aria-pressed', String(on));
          for (const g of svg.querySelectorAll(`[data-line="${i}"]`)) g.style.display = on ? '' : 'none';
        };
        tools.append(b);
      });
    }
    svg.parentElement.after(output, tools);
  };
  document.querySelectorAll('script.readout').forEach(attach);
})();
