// The card form with scripts: everything here is comfort, the form works
// without it. Card data stays in the fields; it is wiped when the page is left.
'use strict';
{
  const form = document.getElementById('card');
  const cancel = document.getElementById('cancel');
  const alertBox = document.getElementById('alert');
  const status = document.getElementById('status');
  const openFor = document.getElementById('open-for');
  const button = form.querySelector('button');
  const caption = button.querySelector('span');
  const data = JSON.parse(document.getElementById('data').textContent);
  const thisMonth = form.dataset.thisMonth.split('-').map(Number);
  const names = ['cardNumber', 'expiry', 'cvv'];
  const field = (name) => document.getElementById(name);
  const submitText = caption.textContent;
  let brand = 'unknown';
  let busy = false;
  let pressing = false;

  // Messages at the fields

  const problems = {
    cardNumber: (text) => Typing.numberProblem(text),
    expiry: (text) => Typing.expiryProblem(text, thisMonth),
    cvv: (text) => Typing.codeProblem(text, data.brands[brand].cvv),
  };

  function messageFor(name) {
    const problem = problems[name](field(name).value);
    return problem && data.fields[name][problem];
  }

  function showMessage(name, message) {
    document.getElementById(name + '-error').textContent = message || '';
    if (message) field(name).setAttribute('aria-invalid', 'true');
    else field(name).removeAttribute('aria-invalid');
  }

  const isMarked = (name) => field(name).hasAttribute('aria-invalid');

  // The box above the form

  function element(tag, text) {
    const made = document.createElement(tag);
    made.textContent = text;
    return made;
  }

  function linkTo(address, text) {
    const link = element('a', text);
    link.href = address;
    return link;
  }

  // The provider's words stand apart: their language is not ours, nor need their direction be.
  function paragraph(text, foreign) {
    const at = foreign ? text.lastIndexOf(foreign) : -1;
    if (at < 0) return element('p', text);
    const line = element('p', text.slice(0, at));
    const words = element('bdi', foreign);
    words.lang = '';
    line.append(words, text.slice(at + foreign.length));
    return line;
  }

  function showAlert({ title, message, reason, note }, extra) {
    const lines = [message, note].filter(Boolean).map((text) => paragraph(text, text === message && reason));
    alertBox.replaceChildren(element('h2', title), ...lines, ...(extra ? [extra] : []));
    alertBox.hidden = false;
    document.title = form.dataset.problemTitle;
    alertBox.focus();
  }

  function hideAlert() {
    alertBox.hidden = true;
    alertBox.replaceChildren();
    document.title = form.dataset.title;
  }

  // One mistake takes the caret to its field; several are listed.
  function showMistakes(mistakes) {
    for (const name of names) showMessage(name, mistakes[name]);
    const wrong = names.filter((name) => mistakes[name]);
    if (wrong.length === 1) {
      hideAlert();
      field(wrong[0]).focus();
      return;
    }
    const list = document.createElement('ul');
    for (const name of wrong) {
      const item = document.createElement('li');
      item.append(linkTo('#' + name, mistakes[name]));
      list.append(item);
    }
    showAlert({ title: data.problem.fieldsTitle }, list);
  }

  // A link of the list moves to its field and leaves the address alone.
  alertBox.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    field(link.getAttribute('href').slice(1)).focus();
  });

  // Typing

  const groupsOf = (digits) => data.brands[Typing.brandOf(digits, data.ranges)].groups;
  const edits = {
    cardNumber: (before, edit) => Typing.cardNumber(before, edit, groupsOf),
    expiry: (before, edit) => Typing.expiry(before, edit),
    cvv: (before, edit) => Typing.code(before, edit, Math.max(...data.brands[brand].cvv)),
  };

  function showBrand() {
    const found = Typing.brandOf(Typing.digitsOf(field('cardNumber').value), data.ranges);
    if (found === brand) return;
    brand = found;
    const known = brand !== 'unknown';
    const icon = document.getElementById('brand');
    icon.firstElementChild.setAttribute('href', '#brand-' + brand);
    icon.setAttribute('aria-hidden', String(!known));
    icon.setAttribute('aria-label', known ? data.script.brandKnown.replace('{brand}', data.brands[brand].title) : '');
    const onFront = brand === 'amex';
    const { hint, hintThree, hintFour } = data.fields.cvv;
    document.getElementById('cvv-hint').textContent = onFront ? hintFour : known ? hintThree : hint;
    document.getElementById('code-icon').firstElementChild.setAttribute('href', onFront ? '#code-front' : '#code-back');
    field('cvv').maxLength = Math.max(...data.brands[brand].cvv);
    if (field('cvv').value !== '' && isMarked('cvv')) showMessage('cvv', messageFor('cvv'));
  }

  // Setting a field's value empties the browser's own undo list, so each field
  // keeps one of its states.
  function watch(name) {
    const input = field(name);
    let states = [{ value: '', caret: 0 }];
    let at = 0;

    function put({ value, caret }) {
      if (input.value !== value) input.value = value;
      if (document.activeElement === input) input.setSelectionRange(caret, caret);
      if (name === 'cardNumber') showBrand();
      if (isMarked(name) && !messageFor(name)) showMessage(name, null);
    }

    function change(type) {
      const caret = input.selectionStart === null ? input.value.length : input.selectionStart;
      const state = edits[name](states[at].value, { value: input.value, caret, type });
      put(state);
      if (state.value === states[at].value) return;
      states = [...states.slice(0, at + 1), state].slice(-100);
      at = states.length - 1;
    }

    function travel(step) {
      at = Math.min(states.length - 1, Math.max(0, at + step));
      put(states[at]);
    }

    input.addEventListener('input', (event) => {
      if (!event.isComposing) change(event.inputType || '');
    });
    input.addEventListener('compositionend', () => change('insertText'));
    // Some browsers and password managers fill in with this event alone.
    input.addEventListener('change', () => {
      if (input.value !== states[at].value) change('');
    });
    input.addEventListener('beforeinput', (event) => {
      if (event.inputType !== 'historyUndo' && event.inputType !== 'historyRedo') return;
      event.preventDefault();
      travel(event.inputType === 'historyUndo' ? -1 : 1);
    });
    input.addEventListener('keydown', (event) => {
      const key = event.key.toLowerCase();
      if (!(event.ctrlKey || event.metaKey) || event.altKey || (key !== 'z' && key !== 'y')) return;
      event.preventDefault();
      if (!input.readOnly) travel(key === 'y' || event.shiftKey ? 1 : -1);
    });
    input.addEventListener('blur', () => {
      if (name === 'expiry' && !messageFor(name)) put({ value: Typing.settledExpiry(input.value), caret: 5 });
      // A message that appears while a button is being pressed would move it away.
      if (input.value === '' || pressing || busy) return;
      const message = messageFor(name);
      showMessage(name, message);
      if (message) say(message, false);
    });
    form.addEventListener('reset', () => {
      states = [{ value: '', caret: 0 }];
      at = 0;
    });
    // What the browser restored or filled in before this script ran.
    if (input.value !== '') change('');
  }

  document.addEventListener('pointerdown', (event) => {
    pressing = event.target.closest('button, a') !== null;
  }, true);
  for (const end of ['pointerup', 'pointercancel']) {
    document.addEventListener(end, () => { pressing = false; }, true);
  }

  // Sending

  function setBusy(now) {
    busy = now;
    for (const name of names) field(name).readOnly = now;
    for (const control of document.querySelectorAll('button')) control.setAttribute('aria-disabled', String(now));
    form.classList.toggle('busy', now);
    caption.textContent = now ? data.script.working : submitText;
    say(now ? data.script.working : '', false);
  }

  // For screen readers; to be seen only where nothing else shows it.
  function say(text, seen) {
    status.textContent = text;
    status.classList.toggle('unseen', !seen);
  }

  function wipe() {
    form.reset();
    for (const name of names) field(name).value = '';
  }

  function webAddress(address) {
    const next = new URL(address, location.href);
    if (next.protocol !== 'https:' && next.protocol !== 'http:') throw new TypeError('address');
    return next.href;
  }

  // Out of a frame to another site only by the top window. A browser that does
  // not let it happen shows the hand-off page, where a link does the same.
  function leave(address) {
    const next = webAddress(address);
    wipe();
    if (parent === self || new URL(next).origin === location.origin) {
      location.replace(next);
      return;
    }
    const handoff = () => location.replace(form.getAttribute('action') + '/done');
    setTimeout(handoff, 3000);
    try {
      top.location.replace(next);
    } catch {
      handoff();
    }
  }

  // The session takes no card any more: say so, then go where it leads.
  function end(answer) {
    const link = linkTo(webAddress(answer.next), data.script.leave);
    link.className = 'button';
    wipe();
    form.hidden = true;
    if (cancel) cancel.hidden = true;
    openFor.hidden = true;
    clearInterval(clock);
    showAlert(answer, link);
    setTimeout(() => leave(answer.next), 4000);
  }

  function take(answer) {
    for (const token of document.getElementsByName('formToken')) token.value = answer.formToken || token.value;
    if (answer.outcome === 'done' || answer.outcome === 'waiting') {
      leave(answer.next);
      return;
    }
    setBusy(false);
    if (answer.outcome === 'invalid') showMistakes(Object.fromEntries(answer.errors.map((it) => [it.field, it.message])));
    else if (answer.outcome === 'ended') end(answer);
    else if (answer.title) showAlert(answer);
    else throw new TypeError('outcome');
  }

  // Sending twice is safe: of one session's submits one counts.
  function post(signal) {
    const headers = { Accept: 'application/json' };
    const body = new FormData(form);
    return fetch(form.getAttribute('action'), { method: 'POST', headers, body, cache: 'no-store', signal });
  }

  async function send() {
    hideAlert();
    setBusy(true);
    const stop = new AbortController();
    const patience = setTimeout(() => say(data.script.workingLong, true), 8000);
    // Longer than the server ever takes.
    const limit = setTimeout(() => stop.abort(), 90000);
    let failure = { title: data.problem.networkTitle, message: data.problem.networkMessage };
    try {
      const reply = await post(stop.signal);
      failure = data.trouble;
      take(await reply.json());
    } catch {
      setBusy(false);
      showAlert(failure);
    } finally {
      clearTimeout(patience);
      clearTimeout(limit);
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (busy) return;
    const mistakes = Object.fromEntries(names.map((name) => [name, messageFor(name)]));
    if (names.some((name) => mistakes[name])) showMistakes(mistakes);
    else send();
  });
  if (cancel) cancel.addEventListener('submit', (event) => {
    if (busy) event.preventDefault();
  });

  // Time

  const deadline = Date.now() + Math.max(5, Number(form.dataset.expiresIn)) * 1000;
  let warned = false;

  function tick() {
    const left = Math.ceil((deadline - Date.now()) / 1000);
    if (left <= 0 && !busy) {
      leave(form.getAttribute('action'));
      return;
    }
    if (left > 120) {
      openFor.textContent = data.openFor.replace('{minutes}', String(Math.floor(left / 60)));
      return;
    }
    const shown = Math.max(0, left);
    const time = Math.floor(shown / 60) + ':' + String(shown % 60).padStart(2, '0');
    openFor.textContent = data.script.closesIn.replace('{time}', time);
    openFor.classList.add('soon');
    if (!warned && !busy) say(data.script.closesSoon, false);
    warned = true;
  }

  const clock = setInterval(tick, 1000);

  // A page that was left, for the shop or for good, must not come back filled
  // in; one that does come back asks the server how things stand.
  addEventListener('pagehide', wipe);
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });

  for (const name of names) watch(name);
  form.noValidate = true;
}
