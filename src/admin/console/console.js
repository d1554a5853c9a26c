// Live previews, parameter rows, copying. Everything here has a button that
// does the same without it.
'use strict';

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

for (const form of document.querySelectorAll('form[data-preview]')) {
  const pane = form.querySelector('[data-pane]');
  let asked = 0;
  const ask = later(async () => {
    const turn = ++asked;
    try {
      const answer = await fetch(form.dataset.preview, {
        method: 'POST',
        body: new URLSearchParams(new FormData(form)),
        credentials: 'same-origin',
      });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok || turn !== asked) return;
      const { preview, findings } = await answer.json();
      pane.innerHTML = preview;
      fillFindings(form, findings);
    } catch { /* offline: the last preview stays */ }
  }, 150);
  form.addEventListener('input', () => { onlyWhere(form); ask(); });
  onlyWhere(form);

  const kind = form.querySelector('select[name="client.secret.from"]');
  const secret = kind && form.querySelector('[name="client.secret"]');
  if (kind) kind.addEventListener('change', () => { secret.type = kind.value === 'literal' ? 'password' : 'text'; });

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

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = 'Copied';
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
