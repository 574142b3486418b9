// The shop's two scripts: is the card page's certificate trusted, and has the callback come?
"use strict";

const body = document.body;

// A certificate that the browser refuses would make the card page a dead end, so ask first.
async function windowIsTrusted(url) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 5000);
  try {
    await fetch(url + "/livez", { mode: "no-cors", cache: "no-store", credentials: "omit", signal: stop.signal });
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function check() {
  const trusted = await windowIsTrusted(body.dataset.window);
  document.getElementById("untrusted").hidden = trusted;
  for (const button of document.querySelectorAll(".pay")) button.disabled = !trusted;
}

async function watchCallback(place, order) {
  for (let tries = 0; tries < 120; tries += 1) {
    const answer = await fetch("/orders/" + encodeURIComponent(order)).catch(() => null);
    const known = answer && answer.ok ? await answer.json() : {};
    if (known.callback) {
      place.textContent = place.dataset.verified;
      place.className = "arrived";
      return;
    }
    await new Promise((later) => setTimeout(later, 500));
  }
}

if (body.dataset.window) {
  check();
  document.getElementById("again").addEventListener("click", check);
  window.addEventListener("focus", check);
}
const callback = document.getElementById("callback");
if (callback) watchCallback(callback, callback.dataset.order);
