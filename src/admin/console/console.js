// Drafts that keep themselves, live previews, parameter rows, copying. Everything
// here has a button that does the same without it.
'use strict';

// The sentences, in the language of the page.
const said = JSON.parse(document.body.dataset.said || '{}');
const say = (name, values = {}) => (said[name] || '').replace(/\{(\w+)\}/g, (all, value) => values[value] ?? all);

function later(run, wait) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(run, wait); };
}

// As the server writes a sentence: its first letter large, `this` as code.
function sentence(place, text) {
  text.split('`').forEach((piece, i, all) => {
    const code = i % 2 === 1 && all.length % 2 === 1;
    const part = code ? document.createElement('code') : document.createElement('span');
    part.textContent = i === 0 ? piece.charAt(0).toUpperCase() + piece.slice(1) : piece;
    place.append(part);
  });
}

function fillFindings(form, findings) {
  for (const place of form.querySelectorAll('[data-findings]')) {
    const key = place.dataset.findings;
    const mine = findings.filter((finding) => finding.key === key);
    const input = document.getElementById(key);
    if (mine.length === 0 && input && input.value === '' && place.childElementCount > 0) continue;
    place.replaceChildren(...mine.map((finding) => {
      const line = document.createElement('span');
      line.className = finding.severity === 'error' ? 'wrong' : 'warn';
      sentence(line, finding.message);
      if (finding.hint) {
        const hint = document.createElement('span');
        hint.className = 'hint';
        sentence(hint, finding.hint);
        line.append(hint);
      }
      return line;
    }));
    if (input) {
      if (mine.some((finding) => finding.severity === 'error')) input.setAttribute('aria-invalid', 'true');
      else input.removeAttribute('aria-invalid');
    }
  }
}

function onlyWhere(form) {
  for (const part of form.querySelectorAll('[data-only]')) {
    const [name, value] = part.dataset.only.split('=');
    const chosen = form.querySelector(`[name="${CSS.escape(name)}"]:checked`);
    part.hidden = chosen ? chosen.value !== value : false;
  }
}

// The login over a page whose session ended. What is typed stays where it is.
function loginAgain() {
  const open = document.querySelector('dialog.again');
  if (open) return;
  const dialog = document.createElement('dialog');
  dialog.className = 'again';
  dialog.setAttribute('aria-labelledby', 'again-title');
  dialog.innerHTML = `<h2 id="again-title" data-say="ended"></h2>
<p data-say="ended_about"></p>
<p class="notice bad" role="alert" hidden></p>
<form method="post" action="/admin/login">
<p class="field"><label for="again-email" data-say="email"></label><input id="again-email" name="email" type="email" autocomplete="username" required></p>
<p class="field"><label for="again-password" data-say="password"></label><input id="again-password" name="password" type="password" autocomplete="current-password" required></p>
<p class="actions"><button class="main" data-say="sign_in"></button><a class="button" href="/admin/login" target="_blank" data-say="another_way"></a></p>
</form>`;
  for (const part of dialog.querySelectorAll('[data-say]')) part.textContent = say(part.dataset.say);
  document.body.append(dialog);
  const wrong = dialog.querySelector('[role=alert]');
  const over = async () => {
    if (!(await session())) return false;
    removeEventListener('focus', over);
    dialog.close();
    dialog.remove();
    for (const form of document.querySelectorAll('form[data-preview]')) form.dispatchEvent(new Event('input'));
    return true;
  };
  dialog.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const form = event.target;
      const answer = await fetch(form.getAttribute('action'), { method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'same-origin', redirect: 'manual' });
      if (await over()) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const code = page.querySelector('form[action="/admin/login/code"]');
      if (code && form.getAttribute('action') !== '/admin/login/code') {
        // The second step, in place of the first.
        form.setAttribute('action', '/admin/login/code');
        form.querySelectorAll('.field').forEach((field) => field.remove());
        const field = code.querySelector('.field');
        form.prepend(document.adoptNode(field));
        field.querySelector('input').focus();
        wrong.hidden = true;
        return;
      }
      wrong.textContent = page.querySelector('[role=alert]')?.textContent || say('own_page');
    } catch { wrong.textContent = say('no_answer'); }
    wrong.hidden = false;
  });
  addEventListener('focus', over);
  dialog.showModal();
}

// Whether somebody is signed in; the page's forms are of their session then.
async function session() {
  const answer = await fetch('/admin/session', { credentials: 'same-origin' });
  if (!answer.ok) return false;
  const { csrf } = await answer.json();
  for (const input of document.querySelectorAll('input[name=csrf]')) input.value = csrf;
  return true;
}

// What others changed meanwhile in fields that are not touched here.
function fillFresh(form, fresh) {
  for (const [key, value] of fresh) {
    const from = form.elements[`${key}.from`];
    const at = value.indexOf(':');
    if (from) from.value = value.slice(0, at);
    if (form.elements[key]) form.elements[key].value = from ? value.slice(at + 1) : value;
  }
}

for (const form of document.querySelectorAll('form[data-preview]')) {
  const pane = form.querySelector('[data-pane]');
  const kept = form.querySelector('[data-kept]');
  let sent = Promise.resolve();
  let changed = false;
  const tell = (text) => { if (kept && kept.textContent !== text) kept.textContent = text; };
  const keep = async (again = true) => {
    if (!changed) return;
    changed = false;
    let answer;
    try {
      const body = new URLSearchParams(new FormData(form));
      answer = await fetch(form.dataset.preview, { method: 'POST', body, credentials: 'same-origin' });
    } catch {
      changed = true;
      tell(say('no_answer'));
      return;
    }
    if (answer.status === 401 || answer.status === 403) {
      changed = true;
      if (again && await session()) { await keep(false); return; }
      if (answer.status === 401) { tell(say('not_kept_ended')); loginAgain(); }
      else tell(say('not_kept_role'));
      return;
    }
    if (!answer.ok) {
      changed = true;
      tell(say(answer.status === 404 || answer.status === 410 ? 'gone' : 'not_kept'));
      return;
    }
    const { preview, findings, seen, conflicts, fresh } = await answer.json();
    form.elements.seen.value = seen;
    fillFresh(form, fresh);
    if (preview !== undefined && !changed) pane.innerHTML = preview;
    if (!changed) fillFindings(form, findings);
    tell(conflicts.length === 0 ? say('kept') : say('not_kept_conflict', { fields: conflicts.map((one) => say('theirs', one)).join(', ') }));
  };
  const soon = later(() => { sent = sent.then(() => keep()); }, 150);
  const ask = () => { changed = true; soon(); };
  form.addEventListener('input', () => { onlyWhere(form); ask(); });
  onlyWhere(form);
  // A button waits for what is on its way, so that one form is not two changes.
  let going = false;
  form.addEventListener('submit', (event) => {
    if (going) { event.preventDefault(); return; }
    const button = event.submitter;
    event.preventDefault();
    going = true;
    sent.then(() => session()).then((signedIn) => {
      going = false;
      if (!signedIn) { changed = true; loginAgain(); return; }
      changed = false;
      const action = document.createElement('input');
      action.type = 'hidden';
      action.name = 'action';
      action.value = button ? button.value : '';
      form.append(action);
      going = true;
      form.submit();
    }, () => { going = false; tell(say('no_answer')); });
  });
  addEventListener('pagehide', () => {
    if (!changed || going) return;
    fetch(form.dataset.preview, { method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'same-origin', keepalive: true }).catch(() => {});
  });
  addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

  const kind = form.querySelector('select[name="client.secret.from"]');
  const secret = kind && form.querySelector('[name="client.secret"]');
  if (kind) {
    kind.addEventListener('change', () => {
      secret.type = kind.value === 'literal' ? 'password' : 'text';
      if (kind.value !== 'literal' && secret.value === '[redacted]') secret.value = '';
    });
  }

  for (const rows of form.querySelectorAll('[data-rows]')) {
    const template = rows.querySelector('template');
    let next = 1000;
    rows.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (!button) return;
      if (button.matches('.trash')) {
        event.preventDefault();
        button.closest('.row').remove();
        rows.querySelector('[data-add]').focus();
        ask();
      } else if (button.matches('[data-add]')) {
        event.preventDefault();
        const row = template.content.firstElementChild.cloneNode(true);
        for (const part of row.querySelectorAll('[name]')) {
          part.name = part.name.replace('.N.', `.${next}.`);
          if (part.value === 'remove-N') part.value = `remove-${next}`;
        }
        next += 1;
        rows.insertBefore(row, button);
        row.querySelector('input').focus();
      }
    });
  }
}

// A form that is on its way is not sent again: two clicks are one.
const onTheWay = new Set();
addEventListener('submit', (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== 'post') return;
  if (onTheWay.has(form)) { event.preventDefault(); return; }
  onTheWay.add(form);
  setTimeout(() => onTheWay.delete(form), 5000);
});
addEventListener('pageshow', () => onTheWay.clear());

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = say('copied');
  });
}

// A test login that is awaited: look again whenever the page is looked at.
if (document.querySelector('[data-wait]')) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { credentials: 'same-origin' });
    if (answer.ok && !(await answer.text()).includes('data-wait')) location.reload();
  }, 2000);
}

// What is shown once is gone from a page that is kept for going back to.
addEventListener('pagehide', () => {
  for (const part of document.querySelectorAll('[data-once]')) part.remove();
});

// Times in the reader's own zone. The page has them in UTC, which stays as the title.
function localTimes(root) {
  const time = /(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/;
  const short = new Intl.DateTimeFormat(document.documentElement.lang || 'en', { dateStyle: 'medium', timeStyle: 'short' });
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (time.test(node.data) && !node.parentElement.closest('pre, code, textarea, title, .unseen')) found.push(node);
  }
  for (let node of found) {
    for (let hit = time.exec(node.data); hit; hit = time.exec(node.data)) {
      const at = new Date(`${hit[1]}T${hit[2]}:00Z`);
      if (Number.isNaN(at.getTime())) break;
      const text = node.splitText(hit.index);
      node = text.splitText(hit[0].length);
      let place = text.parentElement.closest('time');
      if (!place) {
        place = document.createElement('time');
        place.dateTime = at.toISOString();
        text.replaceWith(place);
      }
      place.title = hit[0];
      place.textContent = short.format(at);
      if (!node.isConnected) break;
    }
  }
}
localTimes(document.body);

// A colour that is typed, picked: one follows the other.
for (const picker of document.querySelectorAll('[data-picks]')) {
  const typed = document.getElementById(picker.dataset.picks);
  picker.hidden = false;
  const follow = () => { if (/^#[0-9a-f]{6}$/i.test(typed.value)) picker.value = typed.value; };
  follow();
  typed.addEventListener('input', follow);
  picker.addEventListener('input', () => {
    typed.value = picker.value;
    typed.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

// How the login page would look, as it is typed. A logo that does not load leaves the name.
for (const look of document.querySelectorAll('[data-look]')) {
  // Who may not change it has no form.
  const form = document.getElementById('color')?.form;
  const part = (name) => look.querySelector(`[data-look-${name}]`);
  const show = () => {
    const name = form ? form.elements.name.value : part('name').textContent;
    const color = form ? form.elements.color.value : look.dataset.look;
    part('name').textContent = name;
    part('mark').textContent = [...name.trim()][0]?.toUpperCase() ?? '';
    const own = /^#[0-9a-f]{6}$/i.test(color);
    // Black or white, whichever reads better (WCAG 2.2, relative luminance).
    const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    const white = 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) >= 4.5;
    look.style.setProperty('--look', own ? color : '');
    look.style.setProperty('--on-look', own ? (white ? '#fff' : '#000') : '');
  };
  form?.addEventListener('input', show);
  show();
  const logo = part('logo');
  const dead = () => { logo.hidden = true; part('mark').hidden = false; part('name').hidden = false; };
  if (logo && logo.complete && !logo.naturalWidth) dead();
  logo?.addEventListener('error', dead);
  const file = document.getElementById('file');
  file?.addEventListener('change', () => {
    const [chosen] = file.files;
    if (!logo || !chosen || !/^image[/](png|jpeg|webp|svg[+]xml)$/.test(chosen.type) || chosen.size > 131072) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => { logo.src = reader.result; });
    reader.readAsDataURL(chosen);
  });
}

// What is good to know once, put away in this browser.
for (const tip of document.querySelectorAll('[data-tip]')) {
  const key = `vestibule.tip.${tip.dataset.tip}`;
  let away = null;
  try { away = localStorage.getItem(key); } catch { continue; }
  tip.hidden = away !== null;
  const button = tip.querySelector('[data-tip-away]');
  button.hidden = false;
  button.addEventListener('click', () => {
    localStorage.setItem(key, 'away');
    tip.hidden = true;
    document.getElementById('main').querySelector('a, button, input')?.focus();
  });
}
