<?php
// A merchant's server in one file: PHP 8.0 or later, no packages.
//
//   VEZNE_URL=https://127.0.0.1:8443 VEZNE_API_KEY=vz_test_… \
//   VEZNE_SIGNING_SECRET=vzsig_… VEZNE_WEBHOOK_SECRET=whsec_… \
//   php -d openssl.cafile=ca.pem -S 127.0.0.1:3000 docs/examples/merchant.php
//
// SHOP_URL is this server as browsers call it. CALLBACK_URL is its /callback as
// vezne calls it: https, or http on this machine in test mode; leave it out to do
// without callbacks. Both must be under an entry of the merchant's allow-list.

declare(strict_types=1);

define('VEZNE_URL', getenv('VEZNE_URL') ?: 'https://127.0.0.1:8443');
define('VEZNE_API_KEY', getenv('VEZNE_API_KEY') ?: '');
define('VEZNE_SIGNING_SECRET', getenv('VEZNE_SIGNING_SECRET') ?: '');
define('VEZNE_WEBHOOK_SECRET', getenv('VEZNE_WEBHOOK_SECRET') ?: '');
define('SHOP_URL', getenv('SHOP_URL') ?: 'http://localhost:3000');
define('CALLBACK_URL', getenv('CALLBACK_URL') ?: null);

// readme:begin
/** Opens a session. Keep its `id` with the order; send the browser to its `url`. */
function createSession(string $orderId): array
{
    $wanted = ['purpose' => 'tokenize', 'conversationId' => $orderId, 'returnUrl' => SHOP_URL . '/return'];
    if (CALLBACK_URL) {
        $wanted['callbackUrl'] = CALLBACK_URL;
    }
    return callVezne('POST', '/v1/sessions', 201, json_encode($wanted, JSON_THROW_ON_ERROR));
}

function callVezne(string $method, string $path, int $expected, string $body = ''): array
{
    $header = ['Authorization: Bearer ' . VEZNE_API_KEY, 'Content-Type: application/json'];
    $http = ['method' => $method, 'header' => $header, 'content' => $body, 'timeout' => 10,
        'ignore_errors' => true, 'follow_location' => 0];
    $text = file_get_contents(VEZNE_URL . $path, false, stream_context_create(['http' => $http]));
    $answer = json_decode((string) $text, true, 16, JSON_THROW_ON_ERROR);
    if (!str_contains($http_response_header[0], " $expected ")) {
        throw new RuntimeException("{$answer['title']} ({$answer['requestId']})");
    }
    return $answer;
}

function base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

/** Whether vezne signed this result, and for this token where there is one. */
function verifyResult(array $result, string $secret = VEZNE_SIGNING_SECRET): bool
{
    $lines = ['vezne-result-v1'];
    foreach (['session', 'status', 'conversationId', 'timestamp', 'tokenDigest'] as $name) {
        $lines[] = is_string($result[$name] ?? null) ? $result[$name] : '';
    }
    $signature = is_string($result['signature'] ?? null) ? $result['signature'] : '';
    $genuine = base64url(hash_hmac('sha256', implode("\n", $lines), $secret, true));
    if (!hash_equals($genuine, $signature)) {
        return false;
    }
    $token = $result['cardToken'] ?? '';
    return $token === '' || (is_string($token) && base64url(hash('sha256', $token, true)) === $result['tokenDigest']);
}

/** Whether vezne sent this body, within five minutes of `$now` (seconds). `$body` is as received. */
function verifyCallback(array $headers, string $body, string $secret = VEZNE_WEBHOOK_SECRET, ?int $now = null): bool
{
    [$id, $sent] = [$headers['webhook-id'] ?? '', $headers['webhook-timestamp'] ?? ''];
    if ($id === '' || !ctype_digit($sent) || abs(($now ?? time()) - (int) $sent) > 300) {
        return false;
    }
    $key = base64_decode(substr($secret, strlen('whsec_')), true);
    $genuine = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$sent.$body", (string) $key, true));
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $one) {
        if (hash_equals($genuine, $one)) {
            return true;
        }
    }
    return false;
}
// readme:end

/** Runs `$change` on the orders, alone. The file stands for the shop's database. */
function withOrders(callable $change): mixed
{
    $file = fopen(getenv('SHOP_FILE') ?: sys_get_temp_dir() . '/vezne-example-orders.json', 'c+');
    flock($file, LOCK_EX);
    $kept = json_decode(stream_get_contents($file) ?: '{"orders":{},"events":{}}', true);
    try {
        return $change($kept);
    } finally {
        rewind($file);
        ftruncate($file, 0);
        fwrite($file, json_encode($kept));
        fclose($file);
    }
}

/**
 * Takes a verified result over into its order. The return and the callback both
 * come here, in either order and as often as they like. Null when the result is
 * not of an order of ours.
 */
function settle(array &$kept, array $result): ?array
{
    $order = $kept['orders'][$result['conversationId']] ?? null;
    if ($order === null || $order['session'] !== $result['session']) {
        return null;
    }
    if ($result['status'] === 'completed' && !isset($order['cardToken'])) {
        // A redirect names the session only; the token comes over the API.
        $session = isset($result['cardToken'])
            ? $result
            : callVezne('GET', '/v1/sessions/' . rawurlencode($result['session']), 200);
        if (!verifyResult($session) || $session['session'] !== $order['session'] || empty($session['cardToken'])) {
            throw new RuntimeException('the session does not verify');
        }
        $order['cardToken'] = $session['cardToken'];
        $order['card'] = $session['card'];
    }
    $order['status'] = $result['status'];
    $kept['orders'][$result['conversationId']] = $order;
    return $order;
}

function checkout(): void
{
    $orderId = 'order-' . bin2hex(random_bytes(16));
    $session = createSession($orderId);
    withOrders(function (array &$kept) use ($orderId, $session): void {
        $kept['orders'][$orderId] = ['session' => $session['id'], 'status' => $session['status']];
    });
    header('Location: ' . $session['url'], true, 303);
}

function returned(array $result): void
{
    header('Content-Type: text/plain; charset=utf-8');
    $order = verifyResult($result)
        ? withOrders(fn (array &$kept): ?array => settle($kept, $result))
        : null;
    if ($order === null) {
        http_response_code(400);
        echo "This is not a result of an order here.\n";
    } elseif ($order['status'] !== 'completed') {
        echo "No card: {$order['status']}.\n";
    } else {
        echo "We have your card ending in {$order['card']['lastFour']}.\n";
    }
}

function callback(): void
{
    $body = (string) file_get_contents('php://input');
    $headers = array_change_key_case(getallheaders());
    if (!verifyCallback($headers, $body)) {
        http_response_code(401);
        return;
    }
    withOrders(function (array &$kept) use ($headers, $body): void {
        // The same event may come more than once: its id is the same each time.
        if (!isset($kept['events'][$headers['webhook-id']])) {
            $result = json_decode($body, true)['data'];
            if (verifyResult($result)) {
                settle($kept, $result);
            }
            $kept['events'][$headers['webhook-id']] = true;
        }
    });
    http_response_code(204);
}

// Only when served, not when included by a command-line script.
if (PHP_SAPI !== 'cli') {
    // An empty secret would let anybody sign.
    if (VEZNE_API_KEY === '' || VEZNE_SIGNING_SECRET === '' || VEZNE_WEBHOOK_SECRET === '') {
        throw new RuntimeException('set VEZNE_API_KEY, VEZNE_SIGNING_SECRET and VEZNE_WEBHOOK_SECRET');
    }
    $path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    switch ($_SERVER['REQUEST_METHOD'] . ' ' . $path) {
        case 'GET /':
            echo '<form method="post" action="/checkout"><button>Pay by card</button></form>';
            break;
        case 'POST /checkout':
            checkout();
            break;
        case 'GET /return':
            returned($_GET);
            break;
        case 'POST /callback':
            callback();
            break;
        default:
            http_response_code(404);
            echo "Not found.\n";
    }
}
