<?php
// Verifies what vezne hands over, for a merchant's server: PHP 8.0 or later, no
// packages. Copy this file. What is checked, and why: docs/verify.md and
// docs/callbacks.md of vezne.
//
// Secrets are a text or, while one is being replaced, a list of texts. What does
// not verify throws a VerificationError; what is returned has been verified, and
// is all that should be used from then on.

declare(strict_types=1);

namespace Vezne;

const SIGNED = ['session', 'status', 'conversationId', 'timestamp', 'tokenDigest'];

/** Not from vezne, or not for this server. `$reason` is one of `missing`, `signature`, `token`, `time`, `body`. */
final class VerificationError extends \Exception
{
    public function __construct(public string $reason, string $message)
    {
        parent::__construct($message);
    }
}

/**
 * A result as it came by redirect, posted form, message or callback, or from the
 * API: session, status, conversationId, timestamp and, where there is one, cardToken.
 *
 * It is genuine, no more: check that `session` is the one of this very order.
 */
function verifyResult(array $result, string|array $secrets): array
{
    $values = array_map(fn (string $name): mixed => $result[$name] ?? null, SIGNED);
    foreach ($values as $value) {
        // A line break in a value could move the border between two of them.
        if (!is_string($value) || str_contains($value, "\n")) {
            throw new VerificationError('missing', 'a signed field of the result is missing or is no plain text');
        }
    }
    $text = implode("\n", ['vezne-result-v1', ...$values]);
    $given = is_string($result['signature'] ?? null) ? $result['signature'] : '';
    $genuine = false;
    foreach (someOf($secrets, 'vzsig_') as $secret) {
        $genuine = $genuine || hash_equals(base64url(hash_hmac('sha256', $text, $secret, true)), $given);
    }
    if (!$genuine) {
        throw new VerificationError('signature', 'the result was not signed with a secret of this merchant');
    }
    $verified = array_intersect_key($result, array_flip(array_slice(SIGNED, 0, -1)));
    $token = $result['cardToken'] ?? '';
    if ($token !== '') {
        if (!is_string($token) || !hash_equals(base64url(hash('sha256', $token, true)), $result['tokenDigest'])) {
            throw new VerificationError('token', 'the card token is not the one that was signed');
        }
        $verified['cardToken'] = $token;
    }
    return $verified;
}

/**
 * A callback (Standard Webhooks 1.0): id, type, timestamp and data. The same id
 * may come more than once.
 *
 * `$headers` have lower-case names, `$body` is the bytes as they were received.
 * `$tolerance` and `$now` are seconds.
 */
function verifyCallback(
    array $headers,
    string $body,
    string|array $secrets,
    int $tolerance = 300,
    ?int $now = null,
): array {
    [$id, $sent, $signatures] = array_map(
        fn (string $name): string => (string) ($headers["webhook-$name"] ?? ''),
        ['id', 'timestamp', 'signature'],
    );
    if ($id === '' || $sent === '' || $signatures === '') {
        throw new VerificationError('missing', 'a webhook- header is missing');
    }
    if (!preg_match('/^\d{1,12}$/D', $sent) || abs(($now ?? time()) - (int) $sent) > $tolerance) {
        throw new VerificationError('time', 'the callback was not sent just now: is this clock right?');
    }
    $isGenuine = false;
    foreach (someOf($secrets, 'whsec_') as $secret) {
        $key = (string) base64_decode(substr($secret, strlen('whsec_')), true);
        $genuine = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$sent.$body", $key, true));
        foreach (explode(' ', $signatures) as $given) {
            $isGenuine = $isGenuine || hash_equals($genuine, $given);
        }
    }
    if (!$isGenuine) {
        throw new VerificationError('signature', 'the callback was not signed with a secret of this merchant');
    }
    $event = json_decode($body, true);
    if (!is_array($event) || empty($event['data'])) {
        throw new VerificationError('body', 'the callback is no event');
    }
    return ['id' => $id] + $event;
}

/** An empty secret would let anybody sign. */
function someOf(string|array $secrets, string $prefix): array
{
    $some = (array) $secrets;
    $isSecret = fn (mixed $one): bool => is_string($one) && str_starts_with($one, $prefix) && $one !== $prefix;
    if ($some === [] || array_filter($some, $isSecret) !== $some) {
        throw new \InvalidArgumentException("a secret of vezne starts with $prefix");
    }
    return $some;
}

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}
