<?php
// A merchant's server: PHP 8.0 or later, and vezne_verify.php.
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
require_once __DIR__ . '/../../static/sdk/server/vezne_verify.php';
use Vezne\VerificationError;
use function Vezne\verifyCallback, Vezne\verifyResult;

/** Opens a session. Keep its `id` with the order; send the browser to its `url`. */
function createSession(string $orderId): array
{
    $wanted = ['purpose' => 'tokenize', 'conversationId' => $orderId, 'returnUrl' => SHOP_URL . '/return'];
    if (CALLBACK_URL) {
        $wanted['callbackUrl'] = CALLBACK_URL;
    }
    // With the key, a call that is sent again opens no second session.
    $key = "Idempotency-Key: $orderId";
    return callVezne('POST', '/v1/sessions', 201, json_encode($wanted, JSON_THROW_ON_ERROR), [$key]);
}

function callVezne(string $method, string $path, int $expected, string $body = '', array $more = []): array
{
    $header = ['Authorization: Bearer ' . VEZNE_API_KEY, 'Content-Type: application/json', ...$more];
    $http = ['method' => $method, 'header' => $header, 'content' => $body, 'timeout' => 10,
        'ignore_errors' => true, 'follow_location' => 0];
    $text = file_get_contents(VEZNE_URL . $path, false, stream_context_create(['http' => $http]));
    $answer = json_decode((string) $text, true, 16, JSON_THROW_ON_ERROR);
    if (!str_contains($http_response_header[0], " $expected ")) {
        throw new RuntimeException("{$answer['title']} ({$answer['requestId']})");
    }
    return $answer;
}

/** The browser comes back with the result in the query. */
function returned(array $query): void
{
    $result = verifyResult($query, VEZNE_SIGNING_SECRET);
    $order = withOrders(fn (array &$kept): array => settle($kept, $result));
    header('Content-Type: text/plain; charset=utf-8');
    echo $order['status'] === 'completed'
        ? "We have your card ending in {$order['card']['lastFour']}.\n"
        : "No card: {$order['status']}.\n";
}

/** vezne tells the same; the body is taken as it came. */
function callback(): void
{
    $headers = array_change_key_case(getallheaders());
    $event = verifyCallback($headers, (string) file_get_contents('php://input'), VEZNE_WEBHOOK_SECRET);
    withOrders(function (array &$kept) use ($event): void {
        // The same event may come more than once: its id is the same each time.
        if (str_starts_with($event['type'], 'session.') && !isset($kept['events'][$event['id']])) {
            settle($kept, verifyResult($event['data'], VEZNE_SIGNING_SECRET));
            $kept['events'][$event['id']] = true;
        }
    });
    http_response_code(204);
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
 * come here, in either order and as often as they like.
 */
function settle(array &$kept, array $result): array
{
    $order = $kept['orders'][$result['conversationId']] ?? null;
    if ($order === null || $order['session'] !== $result['session']) {
        throw new VerificationError('order', 'this is no order of ours');
    }
    if ($result['status'] === 'completed' && !isset($order['cardToken'])) {
        // A redirect names the session only; token and card come over the API.
        $session = callVezne('GET', '/v1/sessions/' . rawurlencode($order['session']), 200);
        $order['cardToken'] = verifyResult($session, VEZNE_SIGNING_SECRET)['cardToken'];
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

// Only when served, not when included by a command-line script.
if (PHP_SAPI !== 'cli') {
    // An empty secret would let anybody sign.
    if (VEZNE_API_KEY === '' || VEZNE_SIGNING_SECRET === '' || VEZNE_WEBHOOK_SECRET === '') {
        throw new RuntimeException('set VEZNE_API_KEY, VEZNE_SIGNING_SECRET and VEZNE_WEBHOOK_SECRET');
    }
    $path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    try {
        match ($_SERVER['REQUEST_METHOD'] . ' ' . $path) {
            'GET /' => print('<form method="post" action="/checkout"><button>Pay by card</button></form>'),
            'POST /checkout' => checkout(),
            'GET /return' => returned($_GET),
            'POST /callback' => callback(),
            default => http_response_code(404),
        };
    } catch (VerificationError $error) {
        error_log($error->getMessage());
        http_response_code(400);
        echo "This is not from vezne, or of no order here.\n";
    }
}
