"""Verifies what vezne hands over, for a merchant's server: Python 3.9 or later,
standard library only. Copy this file. What is checked, and why: docs/verify.md and
docs/callbacks.md of vezne.

Secrets are a text or, while one is being replaced, a list of texts. What does not
verify raises a VerificationError; what is returned has been verified, and is all
that should be used from then on.
"""

import base64
import hashlib
import hmac
import json
import time

SIGNED = ("session", "status", "conversationId", "timestamp", "tokenDigest")


class VerificationError(Exception):
    """Not from vezne, or not for this server.

    `code` is one of `missing`, `signature`, `token`, `time`, `body`.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def verify_result(result, secrets):
    """A result as it came by redirect, posted form, message or callback, or from the
    API: a dictionary of session, status, conversationId, timestamp and, where there
    is one, cardToken.

    It is genuine, no more: check that `session` is the one of this very order.
    """
    values = [result.get(name) for name in SIGNED]
    # A line break in a value could move the border between two of them.
    if not all(isinstance(value, str) and "\n" not in value for value in values):
        raise VerificationError("missing", "a signed field of the result is missing or is no plain text")
    text = "\n".join(["vezne-result-v1", *values]).encode(errors="surrogatepass")
    given = _bytes(result.get("signature"))
    keys = [secret.encode() for secret in _some_of(secrets, "vzsig_")]
    if not any(hmac.compare_digest(_base64url(hmac.new(key, text, hashlib.sha256).digest()), given) for key in keys):
        raise VerificationError("signature", "the result was not signed with a secret of this merchant")
    verified = {name: result[name] for name in SIGNED[:-1]}
    token = result.get("cardToken")
    if token:
        digest = _base64url(hashlib.sha256(str(token).encode(errors="surrogatepass")).digest())
        if not hmac.compare_digest(digest, _bytes(result["tokenDigest"])):
            raise VerificationError("token", "the card token is not the one that was signed")
        verified["cardToken"] = token
    return verified


def verify_callback(headers, body, secrets, tolerance=300, now=None):
    """A callback (Standard Webhooks 1.0): a dictionary of id, type, timestamp and data.
    The same id may come more than once.

    `headers` finds lower-case names, `body` is the bytes as they were received.
    `tolerance` and `now` are seconds.
    """
    identifier, sent, signatures = (headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not (identifier and sent and signatures):
        raise VerificationError("missing", "a webhook- header is missing")
    now = time.time() if now is None else now
    if not (sent.isascii() and sent.isdecimal() and len(sent) <= 12) or abs(now - int(sent)) > tolerance:
        raise VerificationError("time", "the callback was not sent just now: is this clock right?")
    signed = f"{identifier}.{sent}.".encode() + body
    given = [_bytes(one[3:]) for one in signatures.split(" ") if one.startswith("v1,")]
    for secret in _some_of(secrets, "whsec_"):
        key = base64.b64decode(secret[len("whsec_"):])
        genuine = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        if any([hmac.compare_digest(genuine, one) for one in given]):
            break
    else:
        raise VerificationError("signature", "the callback was not signed with a secret of this merchant")
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict) or not event.get("data"):
        raise VerificationError("body", "the callback is no event")
    return {**event, "id": identifier}


def _some_of(secrets, prefix):
    """An empty secret would let anybody sign."""
    some = [secrets] if isinstance(secrets, str) else list(secrets or [])
    if not some or not all(isinstance(one, str) and one.startswith(prefix) and one != prefix for one in some):
        raise ValueError(f"a secret of vezne starts with {prefix}")
    return some


def _bytes(text):
    return text.encode(errors="surrogatepass") if isinstance(text, str) else b""


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
