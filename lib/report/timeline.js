// The timeline of jobs and the occupancy of the fleet, on canvases. Time runs from 0 to `units`, the vertical axis
// counts GPUs. Bars too small to be seen are left to the shading behind them, and those of a few pixels are summed up
// pixel by pixel, which costs a tenth of drawing them one by one.
'use strict';
(() => {
  const source = document.getElementById('timeline-data');
  if (!source) return;
  const {seconds, number, element} = window.ampacity;
  const d = JSON.parse(source.textContent);
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const reader = data => {
    let i = 0;
    return () => {
      let value = 0, scale = 1;
      for (;;) {
        const b = data[i++];
        value += (b & 127) * scale;
        if (b < 128) return value;
        scale *= 128;
      }
    };
  };
  const occupancy = bytes(d.occupancy);
  const states = ['unfinished', 'finished', 'rejected', 'killed'];
  const toSeconds = u => u / d.units * d.length;

  // Bars as columns, by start.
  const start = new Float64Array(d.count), end = new Float64Array(d.count), first = new Float64Array(d.count),
        gpus = new Float64Array(d.count), job = new Uint32Array(d.count);
  const next = reader(bytes(d.pieces));
  let jobs = 0, now = 0;
  for (let i = 0; i < d.count; ++i) {
    now += next();
    start[i] = now;
    end[i] = now + next();
    first[i] = next();
    gpus[i] = next();
    const back = next();
    job[i] = back === 0 ? jobs++ : jobs - back;
  }
  const fact = reader(bytes(d.facts));
  const facts = d.names.map(name => ({name, gpus: fact(), wait: fact(), state: states[fact()], runs: fact()}));

  // Colours: six classes of what is chosen.
  const palette = ['#5e4fa2', '#3288bd', '#66c2a5', '#e6c34a', '#f46d43', '#c2304d'];
  const modes = {
    size: {name: 'GPUs of the job', labels: ['1', '2\u20138', '9\u201364', '65\u2013512', '513\u20134096', 'more'],
           of: f => f.gpus < 2 ? 0 : Math.min(5, Math.ceil(Math.log2(f.gpus) / 3 - 1e-9))},
    wait: {name: 'its wait', labels: ['none', '< 1 min', '< 10 min', '< 1 h', '< 1 d', 'more'],
           of: f => [1e-3, 60, 600, 3600, 86400].filter(s => toSeconds(f.wait) >= s).length},
    state: {name: 'its state', labels: states, of: f => states.indexOf(f.state)}
  };
  let mode = 'size';
  let classOf, order;
  const sortByColour = () => {
    classOf = Uint8Array.from(facts, modes[mode].of);
    order = Array.from({length: 6}, () => []);
    for (let i = 0; i < d.count; ++i) order[classOf[job[i]]].push(i);
  };
  sortByColour();

  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const fit = canvas => {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = +(canvas.dataset.height = canvas.dataset.height || canvas.height);
    canvas.style.height = height + 'px';
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const g = canvas.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = '12px system-ui, sans-serif';
    return {g, width, height};
  };
  const steps = [1e-3, 1e-2, 0.1, 1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800,
                 2592000, 7776000, 31536000];
  const timeLabel = (s, step) => {
    const [unit, size] = step >= 86400 ? ['d', 86400] : step >= 3600 ? ['h', 3600] : step >= 60 ? ['min', 60] :
        ['s', 1];
    return +(s / size).toFixed(step < 1 ? 3 : 2) + ' ' + unit;
  };
  const timeAxis = (g, box, from, to) => {
    const span = toSeconds(to - from);
    const step = steps.find(s => span / s <= box.width / 90) || span / 8;
    g.fillStyle = css('--dim');
    g.strokeStyle = css('--line');
    g.textAlign = 'center';
    for (let s = Math.ceil(toSeconds(from) / step) * step; s <= toSeconds(to) * (1 + 1e-9); s += step) {
      const x = box.left + (s - toSeconds(from)) / span * box.width;
      g.beginPath(); g.moveTo(x, box.top + box.height); g.lineTo(x, box.top + box.height + 4); g.stroke();
      if (x > box.left + box.width - 12 && s !== 0) g.textAlign = 'right';
      g.fillText(timeLabel(s, step), x, box.top + box.height + 17);
    }
  };
  const bandLabels = (g, box, low, high) => {
    g.textAlign = 'right';
    g.fillStyle = css('--dim');
    g.strokeStyle = css('--line');
    let free = -1e9;
    for (const [name, begin, size] of d.bands) {
      const y0 = box.top + (begin - low) / (high - low) * box.height;
      const y1 = box.top + (begin + size - low) / (high - low) * box.height;
      if (y1 < box.top || y0 > box.top + box.height) continue;
      const bottom = box.top + box.height;
      const y = Math.max(box.top + 9, Math.min(bottom, (Math.max(y0, box.top) + Math.min(y1, bottom)) / 2 + 4));
      if (y1 - y0 > 6) { g.beginPath(); g.moveTo(box.left, y1); g.lineTo(box.left + box.width, y1); g.stroke(); }
      if (y - free < 14) continue;
      free = y;
      g.fillText(name.length > 20 ? name.slice(0, 19) + '\u2026' : name, box.left - 8, y);
    }
  };
  const labelWidth = () => Math.min(150, 20 + 7 * Math.max(...d.bands.map(b => Math.min(20, b[0].length))));

  // Occupancy as colours between two ends; a picture of one pixel for each cell.
  const heat = alpha => {
    const image = new ImageData(d.columns, d.bands.length);
    const low = [247, 240, 214], middle = [86, 180, 190], high = [38, 50, 120];
    for (let i = 0; i < occupancy.length; ++i) {
      const v = occupancy[i] / 250;
      const [a, b, t] = v < 0.5 ? [low, middle, 2 * v] : [middle, high, 2 * v - 1];
      for (let k = 0; k < 3; ++k) image.data[4 * i + k] = a[k] + (b[k] - a[k]) * t;
      image.data[4 * i + 3] = occupancy[i] === 0 ? 0 : alpha * (alpha < 255 ? v : 1);
    }
    const small = element('canvas', {width: d.columns, height: d.bands.length});
    small.getContext('2d').putImageData(image, 0, 0);
    return small;
  };
  const shading = heat(90), cells = heat(255);

  // The timeline.
  const canvas = document.getElementById('timeline');
  const output = document.getElementById('timeline-readout');
  const tools = document.getElementById('timeline-tools');
  const view = {from: 0, to: d.units, low: 0, high: d.gpus};
  let box = {left: 0, top: 8, width: 1, height: 1};
  let drawn = 0;
  const drawImage = (g, image) => {
    g.imageSmoothingEnabled = false;
    d.bands.forEach(([, begin, size], b) => {
      if (begin + size < view.low || begin > view.high) return;
      const y = box.top + (begin - view.low) / (view.high - view.low) * box.height;
      const h = size / (view.high - view.low) * box.height;
      const x = box.left - view.from / (view.to - view.from) * box.width;
      g.drawImage(image, 0, b, d.columns, 1, x, y, d.units / (view.to - view.from) * box.width, h);
    });
  };
  // Small bars as shares of pixels; of several in one pixel the larger one gives the colour. They do not overlap.
  const rgb = palette.map(c => parseInt(c.slice(5, 7) + c.slice(3, 5) + c.slice(1, 3), 16));
  const speckle = element('canvas');
  let specks = null, pixel = null;
  const beginSpecks = (width, height) => {
    if (!specks || specks.width !== width || specks.height !== height) {
      speckle.width = width;
      speckle.height = height;
      specks = new ImageData(width, height);
      pixel = new Uint32Array(specks.data.buffer);
    }
    pixel.fill(0);
  };
  const addSpeck = (x0, y0, x1, y1, colour) => {
    const width = specks.width, right = Math.min(width, Math.ceil(x1)), bottom = Math.min(specks.height, Math.ceil(y1));
    for (let y = Math.max(0, Math.floor(y0)); y < bottom; ++y) {
      const tall = 255 * (Math.min(y + 1, y1) - Math.max(y, y0));
      for (let x = Math.max(0, Math.floor(x0)); x < right; ++x) {
        const share = tall * (Math.min(x + 1, x1) - Math.max(x, x0));
        const old = pixel[y * width + x], before = old >>> 24;
        const alpha = Math.min(255, before + Math.ceil(share));
        pixel[y * width + x] = (alpha << 24 | (share >= before / 2 ? rgb[colour] : old & 0xffffff)) >>> 0;
      }
    }
  };
  const smallBar = 64;  // device pixels
  const draw = () => {
    const {g, width, height} = fit(canvas);
    const ratio = window.devicePixelRatio || 1;
    const left = labelWidth();
    box = {left, top: 8, width: width - left - 12, height: height - 36};
    g.save();
    g.beginPath();
    g.rect(box.left, box.top, box.width, box.height);
    g.clip();
    drawImage(g, shading);
    const sx = box.width / (view.to - view.from), sy = box.height / (view.high - view.low);
    drawn = 0;
    const ox = Math.floor(box.left * ratio), oy = Math.floor(box.top * ratio);
    beginSpecks(Math.ceil(box.width * ratio) + 1, Math.ceil(box.height * ratio) + 1);
    order.forEach((bars, colour) => {
      g.fillStyle = palette[colour];
      for (const i of bars) {
        if (start[i] > view.to) break;
        if (end[i] < view.from || first[i] > view.high || first[i] + gpus[i] < view.low) continue;
        let w = (end[i] - start[i]) * sx, h = gpus[i] * sy;
        if (w * h < 0.2) continue;
        const x = box.left + (start[i] - view.from) * sx, y = box.top + (first[i] - view.low) * sy;
        if (w > 4) w -= 1;
        if (h > 4) h -= 1;
        w = Math.max(w, 0.5);
        h = Math.max(h, 0.5);
        ++drawn;
        if (w * h * ratio * ratio >= smallBar) { g.fillRect(x, y, w, h); continue; }
        addSpeck(x * ratio - ox, y * ratio - oy, (x + w) * ratio - ox, (y + h) * ratio - oy, colour);
      }
    });
    speckle.getContext('2d').putImageData(specks, 0, 0);
    g.imageSmoothingEnabled = false;
    g.drawImage(speckle, ox / ratio, oy / ratio, specks.width / ratio, specks.height / ratio);
    names(g, sx, sy);
    g.restore();
    timeAxis(g, box, view.from, view.to);
    bandLabels(g, box, view.low, view.high);
    canvas.dataset.drawn = drawn;
  };
  const names = (g, sx, sy) => {
    g.textAlign = 'left';
    let left = 400;
    for (let i = 0; i < d.count && left > 0 && start[i] < view.to; ++i) {
      const w = (end[i] - Math.max(start[i], view.from)) * sx, h = gpus[i] * sy;
      if (end[i] < view.from || w < 46 || h < 15) continue;
      const y = box.top + (first[i] - view.low) * sy;
      if (y > box.top + box.height || y + h < box.top) continue;
      const text = facts[job[i]].name;
      if (text.length * 7 + 8 > w) continue;
      g.fillStyle = [2, 3].includes(classOf[job[i]]) ? '#1f2328' : '#fff';
      g.fillText(text, box.left + Math.max(0, (start[i] - view.from) * sx) + 4, y + Math.min(h / 2, 30) + 4);
      --left;
    }
  };
  let pending = false;
  const redraw = () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => { pending = false; draw(); });
  };
  const clamp = (low, high, least, most, smallest) => {
    const size = Math.min(most - least, Math.max(smallest, high - low));
    const begin = Math.min(most - size, Math.max(least, low));
    return [begin, begin + size];
  };
  const set = (from, to, low, high) => {
    [view.from, view.to] = clamp(from, to, 0, d.units, d.units / 1e6);
    [view.low, view.high] = clamp(low, high, 0, d.gpus, Math.min(4, d.gpus));
    redraw();
  };
  const zoomTime = (by, at = (view.from + view.to) / 2) =>
      set(at - (at - view.from) * by, at + (view.to - at) * by, view.low, view.high);
  const zoomRows = (by, at = (view.low + view.high) / 2) =>
      set(view.from, view.to, at - (at - view.low) * by, at + (view.high - at) * by);
  const pan = (x, y) => {
    const dx = x * (view.to - view.from), dy = y * (view.high - view.low);
    set(view.from + dx, view.to + dx, view.low + dy, view.high + dy);
  };
  const all = () => set(0, d.units, 0, d.gpus);

  const at = e => {
    const r = canvas.getBoundingClientRect();
    return [view.from + (e.clientX - r.left - box.left) / box.width * (view.to - view.from),
            view.low + (e.clientY - r.top - box.top) / box.height * (view.high - view.low)];
  };
  const bandAt = gpu => d.bands.findIndex(b => gpu >= b[1] && gpu < b[1] + b[2]);
  const tell = e => {
    const [t, gpu] = at(e);
    const b = bandAt(gpu);
    if (t < view.from || t > view.to || b < 0) { output.textContent = ''; return; }
    let text = seconds(toSeconds(t)) + ', ' + d.bands[b][0] + ', GPU ' + number(Math.floor(gpu)) + ': ';
    for (let i = 0; i < d.count && start[i] <= t; ++i) {
      if (end[i] <= t || gpu < first[i] || gpu >= first[i] + gpus[i]) continue;
      const f = facts[job[i]];
      output.textContent = text + 'job ' + f.name + ', ' + number(f.gpus) + ' GPUs, waited ' +
          seconds(toSeconds(f.wait)) + ', runs ' + seconds(toSeconds(start[i])) + ' to ' + seconds(toSeconds(end[i])) +
          ', ' + f.state + (f.runs > 1 ? ', ' + f.runs + ' runs' : '');
      return;
    }
    output.textContent = text + 'no job';
  };
  let drag = null;
  canvas.addEventListener('pointerdown', e => { drag = e; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener('pointerup', () => { drag = null; });
  canvas.addEventListener('pointermove', e => {
    if (!drag) { tell(e); return; }
    pan((drag.clientX - e.clientX) / box.width, (drag.clientY - e.clientY) / box.height);
    drag = e;
  });
  canvas.addEventListener('dblclick', all);
  canvas.addEventListener('wheel', e => {
    if (document.activeElement !== canvas && !e.ctrlKey) return;
    e.preventDefault();
    const by = Math.exp(Math.sign(e.deltaY) * 0.2);
    const [t, gpu] = at(e);
    if (e.shiftKey) zoomRows(by, gpu); else zoomTime(by, t);
  }, {passive: false});
  const keys = {
    ArrowLeft: () => pan(-0.1, 0), ArrowRight: () => pan(0.1, 0), ArrowUp: () => pan(0, -0.1),
    ArrowDown: () => pan(0, 0.1), '+': () => zoomTime(1 / 1.5), '=': () => zoomTime(1 / 1.5),
    '-': () => zoomTime(1.5), PageUp: () => zoomRows(1 / 1.5), PageDown: () => zoomRows(1.5), 0: all
  };
  canvas.addEventListener('keydown', e => {
    if (!keys[e.key] || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    keys[e.key]();
  });

  // Buttons, colours and their key.
  const legend = element('span');
  const showLegend = () => legend.replaceChildren(...modes[mode].labels.map((text, i) => {
    const box = element('i');
    box.style.background = palette[i];
    const item = element('span', {}, box, text);
    item.style.marginRight = '10px';
    return item;
  }));
  const button = (text, f) => element('button', {type: 'button', textContent: text, onclick: f});
  const select = element('select', {ariaLabel: 'what colours tell'},
                         ...Object.entries(modes).map(([value, m]) => element('option', {value, textContent: m.name})));
  select.onchange = () => { mode = select.value; sortByColour(); showLegend(); redraw(); };
  tools.append(button('Time +', () => zoomTime(1 / 1.5)), button('Time \u2212', () => zoomTime(1.5)),
               button('Rows +', () => zoomRows(1 / 1.5)), button('Rows \u2212', () => zoomRows(1.5)),
               button('All', all), element('span', {}, 'Colour: '), select, legend);
  tools.hidden = false;
  showLegend();
  canvas.title = 'Drag or arrow keys: move. + and \u2212, or wheel: time. ' +
      'Page up and down, or Shift and wheel: rows. 0: all.';

  // The occupancy.
  const map = document.getElementById('occupancy');
  const mapOutput = document.getElementById('occupancy-readout');
  map.height = map.dataset.height = Math.min(420, Math.max(90, d.bands.length * 12)) + 60;
  let mapBox;
  const drawMap = () => {
    const {g, width, height} = fit(map);
    const left = labelWidth();
    mapBox = {left, top: 8, width: width - left - 12, height: height - 62};
    g.imageSmoothingEnabled = false;
    d.bands.forEach(([, begin, size], b) => {
      g.drawImage(cells, 0, b, d.columns, 1, mapBox.left, mapBox.top + begin / d.gpus * mapBox.height, mapBox.width,
                  size / d.gpus * mapBox.height + 0.5);
    });
    timeAxis(g, mapBox, 0, d.units);
    bandLabels(g, mapBox, 0, d.gpus);
    const ramp = g.createLinearGradient(mapBox.left, 0, mapBox.left + 160, 0);
    ['rgb(247,240,214)', 'rgb(86,180,190)', 'rgb(38,50,120)'].forEach((c, i) => ramp.addColorStop(i / 2, c));
    g.fillStyle = ramp;
    g.fillRect(mapBox.left, height - 20, 160, 10);
    g.fillStyle = css('--dim');
    g.textAlign = 'left';
    const about = ['0 to 100 % of GPU-time held by jobs; blank: none', '0 to 100 % held'];
    g.fillText(about.find(t => g.measureText(t).width < mapBox.width - 170) || '', mapBox.left + 170, height - 11);
  };
  map.addEventListener('pointermove', e => {
    const r = map.getBoundingClientRect();
    const c = Math.floor((e.clientX - r.left - mapBox.left) / mapBox.width * d.columns);
    const b = bandAt((e.clientY - r.top - mapBox.top) / mapBox.height * d.gpus);
    if (c < 0 || c >= d.columns || b < 0) { mapOutput.textContent = ''; return; }
    mapOutput.textContent = d.bands[b][0] + ', from ' + seconds(d.length * c / d.columns) + ': ' +
        (occupancy[b * d.columns + c] / 2.5).toFixed(1) + ' % held';
  });

  const drawAll = () => { draw(); drawMap(); };
  addEventListener('resize', drawAll);
  document.addEventListener('themechange', drawAll);
  drawAll();
})();
