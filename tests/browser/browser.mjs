// Debian's Chromium, which trusts this demo's certificate and nothing else
// that a public browser would not.
import { chromium } from 'playwright-core';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // Reports of a page's policy are sent at once, not after a minute.
  '--short-reporting-delay',
];

// Playwright switches the back/forward cache off; customers have it.
const AS_CUSTOMERS_HAVE_IT = ['--disable-back-forward-cache'];

export async function launch(demo, { trusting = true } = {}) {
  const trust = trusting ? [`--ignore-certificate-errors-spki-list=${await keyOf(demo)}`] : [];
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [...FLAGS, ...trust],
    ignoreDefaultArgs: AS_CUSTOMERS_HAVE_IT,
  });
}

// The SHA-256 of the window's public key, checked against the demo's authority.
async function keyOf({ url, authority }) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port, ca: authority });
  await once(socket, 'secureConnect');
  const key = socket.getPeerX509Certificate().publicKey.export({ type: 'spki', format: 'der' });
  socket.destroy();
  return createHash('sha256').update(key).digest('base64');
}
