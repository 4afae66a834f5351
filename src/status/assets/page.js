/*
 * Keeps the status page new: takes the sections that changed from /api/events and carries their differences over into the
 * page, so that focus, selection and scroll position stay. And reads single moments off the chart, by pointer and by
 * keyboard. Without it the page is the same, only older. The HTML was escaped by the server (page.ts).
 */

(() => {
  const link = document.getElementById('link');
  const parser = new DOMParser();
  let source;
  let closing;

  function say(state, text) {
    link.hidden = false;
    link.className = `link ${state}`;
    if (link.textContent !== text) link.textContent = text;
  }

  function open() {
    clearTimeout(closing);
    if (source && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource('/api/events');
    source.onopen = () => say('live', 'live');
    source.onerror = () => {
      say('lost', 'no answer from the daemon: trying again');
      // After an answer that was no stream, the browser gives up by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 10000);
    };
    source.addEventListener('sections', (event) => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) {
        const old = document.getElementById(id);
        const fresh = parser.parseFromString(html, 'text/html').body.firstElementChild;
        if (old && fresh) carryOver(old, fresh);
      }
      showMoment();
    });
  }

  /* Makes `old` like `fresh`, with as few changes as it takes. */
  function carryOver(old, fresh) {
    if (old.isEqualNode(fresh) || old.hasAttribute('data-keep')) return;
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    for (const [i, node] of after.entries()) {
      const was = before[i];
      if (!was) old.append(node);
      else if (was.nodeType !== node.nodeType || was.nodeName !== node.nodeName) was.replaceWith(node);
      else if (node.nodeType === Node.ELEMENT_NODE) carryOver(was, node);
      else if (was.data !== node.data) was.data = node.data;
    }
    for (const node of before.slice(after.length)) node.remove();
  }

  /* The chart: which moment is looked at, in steps before now. */
  const NAMES = ['Local network', 'Other peers', 'Cache', 'Mirrors', 'Given'];
  const KINDS = ['lan', 'peers', 'store', 'mirror', 'given'];
  let back;

  function reader() {
    return document.getElementById('reader');
  }

  function samples() {
    const { samples, stepSeconds, samplesMax } = document.querySelector('.chart').dataset;
    const rows = samples === '' ? [] : samples.split(';').map((row) => row.split(',').map(Number));
    return { rows, step: Number(stepSeconds), max: Number(samplesMax) };
  }

  function words(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let [value, unit] = [bytes, 0];
    for (; Math.round(value) >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
    const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
    return `${value.toFixed(digits)} ${units[unit]}/s`;
  }

  function element(tag, className, text = '') {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  }

  function showMoment() {
    const box = reader();
    const { rows, step, max } = samples();
    box.setAttribute('aria-valuemin', String(-(max - 1) * step));
    box.setAttribute('aria-valuenow', String(-(back ?? 0) * step));
    const row = rows[rows.length - 1 - (back ?? 0)];
    const when = back ? `${back * step} s ago` : 'now';
    const said = row ? KINDS.map((_, i) => `${NAMES[i]} ${words(row[i])}`).join(', ') : 'nothing known';
    box.setAttribute('aria-valuetext', `${when}: ${said}`);
    box.replaceChildren();
    if (back === undefined || !row) return;
    const at = (max - 1 - back) / (max - 1);
    const rule = element('div', 'rule');
    rule.style.left = `${at * 100}%`;
    const card = element('div', 'card');
    card.append(element('p', 'when', when));
    for (const [i, kind] of KINDS.entries()) {
      const line = element('p', 'row');
      line.append(
        element('i', `key ${kind}`),
        element('span', '', NAMES[i]),
        element('b', '', words(row[i])),
      );
      card.append(line);
    }
    card.style[at > 0.5 ? 'right' : 'left'] = `calc(${(at > 0.5 ? 1 - at : at) * 100}% + .6rem)`;
    box.append(rule, card);
  }

  function readChart() {
    const box = reader();
    const { max } = samples();
    box.tabIndex = 0;
    box.setAttribute('role', 'slider');
    box.setAttribute('aria-label', 'Moment of the chart');
    box.setAttribute('aria-valuemax', '0');
    const look = (steps) => {
      back = steps === undefined ? undefined : Math.max(0, Math.min(max - 1, steps));
      showMoment();
    };
    box.addEventListener('pointermove', (event) => {
      const { left, width } = box.getBoundingClientRect();
      look(Math.round((1 - (event.clientX - left) / width) * (max - 1)));
    });
    box.addEventListener('pointerleave', () => look(undefined));
    box.addEventListener('blur', () => look(undefined));
    box.addEventListener('focus', () => look(back ?? 0));
    box.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: 1, ArrowDown: 1, ArrowRight: -1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[
        event.key
      ];
      if (event.key === 'Escape') look(undefined);
      else if (event.key === 'Home') look(max - 1);
      else if (event.key === 'End') look(0);
      else if (by !== undefined) look((back ?? 0) + by);
      else return;
      event.preventDefault();
    });
    showMoment();
  }

  readChart();
  open();
  // Nobody looks: nothing need be sent.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) open();
    else closing = setTimeout(() => source.close(), 30000);
  });
})();
