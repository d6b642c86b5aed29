// Pictures of a sweep for the metrics that the reader chooses: two metrics against each other, and one along an axis.
'use strict';
(() => {
  const source = document.getElementById('sweep-data');
  if (!source) return;
  const {number, element} = window.ampacity;
  const d = JSON.parse(source.textContent);
  const W = 992, H = 360, left = 84, top = 16, width = W - 84 - 200, height = H - 70;
  const svg = (name, attributes = {}, text) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const isWide = values => values.every(v => v > 0) && Math.max(...values) > 30 * Math.min(...values);
  const decades = (low, high) => {
    const out = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); ++e)
      for (const n of high > 1000 * low ? [1] : [1, 2, 5]) out.push(n * 10 ** e);
    return out.filter(v => v >= low && v <= high);
  };
  const ticks = (low, high) => {
    const raw = (high - low) / 5, size = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].find(n => n * size >= raw) * size;
    const out = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) out.push(Math.abs(v) < step / 1e6 ?
        0 : v);
    return out;
  };
  const range = values => {
    let low = Math.min(...values), high = Math.max(...values);
    if (!(high > low)) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
    const room = (high - low) * 0.06;
    return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
  };
  const frame = (host, label, yLabel, y) => {
    const g = svg('svg', {class: 'chart', viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': label});
    for (const v of y.ticks) {
      g.append(svg('path', {class: 'grid', d: `M${left} ${y(v)}H${left + width}`}),
               svg('text', {x: left - 8, y: y(v) + 4, class: 'dim', 'text-anchor': 'end'}, number(v)));
    }
    g.append(svg('text', {x: left, y: 10, class: 'dim'}, yLabel + y.note));
    host.replaceChildren(g);
    return g;
  };
  const scale = (from, to, values) => {
    if (isWide(values)) {
      const low = Math.min(...values) / 1.15, high = Math.max(...values) * 1.15;
      return Object.assign(v => from + (to - from) * Math.log(v / low) / Math.log(high / low),
                           {range: [low, high], ticks: decades(low, high), note: ', logarithmic'});
    }
    const r = range(values);
    return Object.assign(v => from + (to - from) * (v - r[0]) / (r[1] - r[0]), {range: r, ticks: ticks(...r),
        note: ''});
  };
  const choice = (tools, label, items, chosen, changed) => {
    const s = element('select', {ariaLabel: label}, ...items.map(([text, value]) =>
        element('option', {value, textContent: text})));
    s.value = chosen;
    s.onchange = changed;
    tools.append(element('label', {}, label + ' ', s));
    return s;
  };
  const metrics = d.metrics.map((m, i) => [m[1], i]);
  const colour = i => 'c' + [1, 2, 9, 5, 3, 7, 8, 4][i % 8];
  const by = d.axes.indexOf(d.by);
  const values = by < 0 ? [] : [...new Set(d.variants.map(v => v.at[by]))];
  const colourOf = v => by < 0 ? 'c1' : colour(values.indexOf(v.at[by]));
  const legend = (g, names) => names.slice(0, 14).forEach((name, i) => g.append(
      svg('rect', {class: 'solid ' + colour(i), x: left + width + 24, y: top + 20 * i, width: 11, height: 11}),
      svg('text', {x: left + width + 42, y: top + 20 * i + 10}, name.length > 22 ? name.slice(0, 21) +
          '\u2026' : name)));
  const told = (g, output, text) => {
    g.setAttribute('tabindex', '0');
    g.setAttribute('role', 'img');
    g.setAttribute('aria-label', text);
    for (const e of ['pointerenter', 'focus']) g.addEventListener(e, () => { output.textContent = text; });
  };

  // Two metrics.
  const pareto = document.getElementById('pareto');
  if (pareto) {
    const tools = document.getElementById('pareto-tools'), output = document.getElementById('pareto-readout');
    const draw = () => {
      const a = +x.value, b = +y.value;
      const points = d.variants.filter(v => v.values[a] && v.values[b]);
      const beats = (p, q) => {
        const in1 = (p.values[a][0] - q.values[a][0]) * d.metrics[a][2],
            in2 = (p.values[b][0] - q.values[b][0]) * d.metrics[b][2];
        return in1 >= 0 && in2 >= 0 && (in1 > 0 || in2 > 0);
      };
      const front = points.filter(q => !points.some(p => beats(p, q)));
      const sx = scale(left, left + width, points.flatMap(v => v.values[a]));
      const sy = scale(top + height, top, points.flatMap(v => v.values[b]));
      const g = frame(pareto, d.metrics[a][0] + ' against ' + d.metrics[b][0], d.metrics[b][1], sy);
      for (const v of sx.ticks) {
        g.append(svg('path', {class: 'grid', d: `M${sx(v)} ${top}V${top + height}`}),
                 svg('text', {x: sx(v), y: top + height + 18, class: 'dim', 'text-anchor': 'middle'}, number(v)));
      }
      g.append(svg('text', {x: left + width / 2, y: H - 12, class: 'dim', 'text-anchor': 'middle'}, d.metrics[a][1] +
          sx.note));
      const line = front.slice().sort((p, q) => p.values[a][0] - q.values[a][0]);
      if (line.length > 1)
        g.append(svg('path', {class: 'limit', d: 'M' + line.map(v => sx(v.values[a][0]) + ' ' +
            sy(v.values[b][0])).join('L')}));
      for (const v of points) {
        const [mx, lx, hx] = v.values[a], [my, ly, hy] = v.values[b];
        const mark = svg('g', {class: colourOf(v)});
        mark.append(svg('path', {class: 'curve', style: 'opacity:.5',
            d: `M${sx(lx)} ${sy(my)}H${sx(hx)}M${sx(mx)} ${sy(ly)}V${sy(hy)}`}),
                    svg('circle', {cx: sx(mx), cy: sy(my), r: 6, stroke: 'currentColor', 'stroke-width': 1.6,
                                   fill: front.includes(v) ? 'currentColor' : 'var(--back)'}));
        told(mark, output, v.name + ': ' + d.metrics[a][0] + ' ' + number(mx) + ', ' + d.metrics[b][0] + ' ' +
            number(my) +
            (front.includes(v) ? ', on the front' : ''));
        g.append(mark);
      }
      legend(g, values);
      pareto.dataset.front = front.length;
    };
    const x = choice(tools, 'across', metrics, 0, () => draw());
    const other = d.metrics.findIndex(m => m[2] !== d.metrics[0][2]);
    const y = choice(tools, 'up', metrics, other < 0 || other > 8 ? 1 : other, () => draw());
    draw();
  }

  // Along an axis.
  const lines = document.getElementById('lines');
  if (lines) {
    const tools = document.getElementById('lines-tools'), output = document.getElementById('lines-readout');
    const hidden = new Set();
    const keys = element('span');
    const amount = text => { const v = parseFloat(text); return Number.isFinite(v) ? v : NaN; };
    const draw = () => {
      const m = +metric.value, axis = +along.value;
      const points = d.variants.filter(v => v.values[m] && v.at[axis] !== null);
      let places = [...new Set(points.map(v => v.at[axis]))];
      const unit = places.map(p => p.replace(/^[-+.\deE]+/, ''));
      if (places.every(p => !Number.isNaN(amount(p))) && unit.every(u => u === unit[0])) places.sort((p, q) =>
          amount(p) - amount(q));
      const group = v => v.at.filter((_, i) => i !== axis).join(', ') || 'all';
      const groups = [...new Set(points.map(group))];
      const shown = points.filter(v => !hidden.has(group(v)));
      const sy = scale(top + height, top, (shown.length ? shown : points).flatMap(v => v.values[m]));
      const sx = p => left + width * (places.indexOf(p) + 0.5) / places.length;
      const g = frame(lines, d.metrics[m][0] + ' along ' + d.axes[axis], d.metrics[m][1], sy);
      g.append(svg('path', {class: 'base', d: `M${left} ${top + height}H${left + width}`}));
      const every = Math.ceil(places.length / 12);
      places.forEach((p, i) => i % every || g.append(svg('text', {x: sx(p), y: top + height + 18, class: 'dim',
          'text-anchor': 'middle'}, p.slice(0, 18))));
      g.append(svg('text', {x: left + width / 2, y: H - 12, class: 'dim', 'text-anchor': 'middle'}, d.axes[axis]));
      groups.forEach((name, i) => {
        const of = points.filter(v => group(v) === name).sort((p, q) => sx(p.at[axis]) - sx(q.at[axis]));
        if (hidden.has(name)) return;
        const line = svg('g', {class: colour(i), 'data-line': i});
        const offset = (i - (groups.length - 1) / 2) * Math.min(6, width / places.length / groups.length / 2);
        const x = v => sx(v.at[axis]) + offset;
        line.append(svg('path', {class: 'curve', d: 'M' + of.map(v => x(v) + ' ' + sy(v.values[m][0])).join('L')}));
        for (const v of of) {
          const [mean, low, high] = v.values[m];
          const mark = svg('g');
          mark.append(svg('path', {class: 'curve',
              d: `M${x(v)} ${sy(low)}V${sy(high)}M${x(v) - 4} ${sy(low)}h8M${x(v) - 4} ${sy(high)}h8`}),
                      svg('circle', {class: 'solid', cx: x(v), cy: sy(mean), r: 4}));
          told(mark, output, v.name + ': ' + number(mean) + ', interval ' + number(low) + ' to ' + number(high));
          line.append(mark);
        }
        g.append(line);
      });
      keys.replaceChildren(...groups.map((name, i) => {
        const key = element('i', {className: colour(i)});
        key.style.background = 'currentColor';
        const b = element('button', {type: 'button', onclick: () => {
          if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
          draw();
        }}, key, name);
        b.setAttribute('aria-pressed', String(!hidden.has(name)));
        b.style.marginRight = '6px';
        return b;
      }));
    };
    const metric = choice(tools, 'metric', metrics, 0, () => draw());
    const first = d.axes.findIndex((_, i) => i !== by);
    const along = choice(tools, 'along', d.axes.map((a, i) => [a, i]), Math.max(0, first), () =>
        { hidden.clear(); draw(); });
    tools.append(keys);
    draw();
  }
})();
