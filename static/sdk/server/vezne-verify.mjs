// Verifies what vezne hands over, for a merchant's server: Node 20 or later, no
// dependencies. Copy this file. What is checked, and why: docs/verify.md and
// docs/callbacks.md of vezne.
//
// Secrets are a text or, while one is being replaced, a list of texts. What does
// not verify throws a VerificationError; what is returned has been verified, and
// is all that should be used from then on.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const SIGNED = ['session', 'status', 'conversationId', 'timestamp', 'tokenDigest'];

/** Not from vezne, or not for this server. `code` is one of `missing`, `signature`, `token`, `time`, `body`. */
export class VerificationError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'VerificationError';
    this.code = code;
  }
}

/**
 * A result as it came by redirect, posted form, message or callback, or from the
 * API: `{ session, status, conversationId, timestamp, cardToken? }`.
 *
 * It is genuine, no more: check that `session` is the one of this very order.
 */
export function verifyResult(result, secrets) {
  const values = SIGNED.map((name) => result?.[name]);
  // A line break in a value could move the border between two of them.
  if (!values.every((value) => typeof value === 'string' && !value.includes('\n'))) {
    throw new VerificationError('missing', 'a signed field of the result is missing or is no plain text');
  }
  const text = ['vezne-result-v1', ...values].join('\n');
  const given = bytesOf(result.signature, 'base64url');
  const isGenuine = (secret) => isSame(createHmac('sha256', secret).update(text).digest(), given);
  if (!someOf(secrets, 'vzsig_').some(isGenuine)) {
    throw new VerificationError('signature', 'the result was not signed with a secret of this merchant');
  }
  const { session, status, conversationId, timestamp, tokenDigest, cardToken } = result;
  if (!cardToken) return { session, status, conversationId, timestamp };
  if (!isSame(createHash('sha256').update(String(cardToken)).digest(), bytesOf(tokenDigest, 'base64url'))) {
    throw new VerificationError('token', 'the card token is not the one that was signed');
  }
  return { session, status, conversationId, timestamp, cardToken };
}

/**
 * A callback (Standard Webhooks 1.0): `{ id, type, timestamp, data }`. The same
 * `id` may come more than once.
 *
 * `headers` have lower-case names, `body` is the bytes as they were received.
 * `tolerance` and `now` are seconds.
 */
export function verifyCallback(headers, body, secrets, { tolerance = 300, now = Date.now() / 1000 } = {}) {
  const [id, sent, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => headers[name]);
  if (![id, sent, signatures].every((value) => typeof value === 'string' && value !== '')) {
    throw new VerificationError('missing', 'a webhook- header is missing');
  }
  if (!/^\d{1,12}$/.test(sent) || Math.abs(now - Number(sent)) > tolerance) {
    throw new VerificationError('time', 'the callback was not sent just now: is this clock right?');
  }
  const given = signatures.split(' ').filter((one) => one.startsWith('v1,')).map((one) => bytesOf(one.slice(3), 'base64'));
  const isGenuine = (secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const genuine = createHmac('sha256', key).update(`${id}.${sent}.`).update(body).digest();
    return given.some((one) => isSame(genuine, one));
  };
  if (!someOf(secrets, 'whsec_').some(isGenuine)) {
    throw new VerificationError('signature', 'the callback was not signed with a secret of this merchant');
  }
  return { ...eventIn(Buffer.from(body).toString('utf8')), id };
}

function eventIn(body) {
  try {
    const event = JSON.parse(body);
    if (event?.data) return event;
  } catch { /* said below */ }
  throw new VerificationError('body', 'the callback is no event');
}

// An empty secret would let anybody sign.
function someOf(secrets, prefix) {
  const all = [secrets].flat();
  if (all.length === 0 || !all.every((one) => typeof one === 'string' && one.startsWith(prefix) && one.length > prefix.length)) {
    throw new TypeError(`a secret of vezne starts with ${prefix}`);
  }
  return all;
}

function bytesOf(text, encoding) {
  const bytes = Buffer.from(String(text ?? ''), encoding);
  // Node skips what it does not know: only the one spelling counts.
  return bytes.toString(encoding) === text ? bytes : Buffer.alloc(0);
}

function isSame(genuine, given) {
  return genuine.length === given.length && timingSafeEqual(genuine, given);
}
