// A document in a shop's frame. Its one conversation is with the page around it,
// whose origin the server wrote down: that page hands over a port, and from then
// on nothing is said or heard but over the port. docs/sdk.md has the messages.
'use strict';
{
  const PROTOCOL = 1;
  const PATIENCE = 8000;
  const data = JSON.parse(document.getElementById('frame').textContent);
  const unconnected = document.getElementById('unconnected');
  let port;
  let told;

  const leaving = document.querySelector('[data-leave-alone]');

  function greet(event) {
    const hello = event.data;
    if (port || event.source !== parent || event.origin !== data.origin) return;
    if (!hello || hello.vezne !== 'hello' || event.ports.length !== 1) return;
    removeEventListener('message', greet);
    port = event.ports[0];
    if (hello.version !== PROTOCOL) {
      tell('error', { code: 'version', message: 'This version of vezne.js does not fit the card page.' });
      return;
    }
    port.onmessage = hear;
    if (unconnected) unconnected.hidden = true;
    for (const part of document.querySelectorAll('[data-unheard]')) part.hidden = true;
    tell('ready', { title: document.title, height: measured() });
    new ResizeObserver(() => {
      if (told !== measured()) tell('height', { height: measured() });
    }).observe(document.body);
    if (data.trouble) tell('error', data.trouble);
    if (data.result) tell('result', { result: data.result });
  }

  function measured() {
    return Math.ceil(document.body.getBoundingClientRect().height);
  }

  function tell(type, more) {
    told = more.height || told;
    port.postMessage({ type, ...more });
  }

  function hear(event) {
    if (!event.data || event.data.type !== 'focus') return;
    // What is hidden does not take it.
    for (const part of document.querySelectorAll('#alert, input, a, button')) {
      part.focus();
      if (document.activeElement === part) return;
    }
  }

  const noScript = document.getElementById('no-script');
  if (noScript) noScript.remove();
  if (parent !== self) {
    document.documentElement.classList.add('framed');
    addEventListener('message', greet);
    if (unconnected) setTimeout(() => { unconnected.hidden = Boolean(port); }, PATIENCE);
  } else if (leaving) {
    // Nobody has this page in a frame: the result goes the usual way.
    location.replace(leaving.href);
  }
}
